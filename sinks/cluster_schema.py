"""Rewrites the statements of the migrations for a cluster: there is one description of each table, ``sinks/schema``.

Only the kinds of statements that the migrations use are known; any other is refused, so that nobody runs a new kind on
one node by mistake.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from models.errors import SchemaMismatch
from storage.topology import LOCAL, Topology, on_cluster

_TOKEN: Final = re.compile(r"--[^\n]*|'(?:[^'\\]|\\.|'')*'|`[^`]*`|\w+|\S")
_ENGINE: Final = re.compile(r"(?:Replacing)?MergeTree")
# Where a replicated table is in Keeper. Nodes that share a path have the same rows.
_OF_SHARD: Final = "'/clickhouse/tables/{shard}/{database}/{table}', '{replica}'"
_OF_ALL: Final = "'/clickhouse/tables/all/{database}/{table}', '{shard}-{replica}'"
# Whole on every node although it has tenants: a finding about all tenants names its members, which belong to other
# tenants, and statements leave those out (``id NOT IN (SELECT arrayJoin(members) ...)``); there are few findings. And
# a plan of all tenants is joined with the conversations of each. What a materialized view copies from a table that is
# whole has to be whole too, because it is written where the insert is.
_WHOLE: Final = frozenset({"experiment_plans", "insight_changes", "predictive_insights"})
_HEADS: Final = (
    "CREATE TABLE IF NOT EXISTS",
    "CREATE MATERIALIZED VIEW IF NOT EXISTS",
    "CREATE OR REPLACE VIEW",
    "CREATE OR REPLACE FUNCTION",
    "DROP TABLE IF EXISTS",
    "DROP VIEW IF EXISTS",
    "ALTER TABLE",
    "INSERT INTO",
)
# A Distributed table has columns too, but neither indices nor rows.
_OF_COLUMNS: Final = ("ADD COLUMN", "MODIFY COLUMN", "DROP COLUMN")
_OF_ROWS: Final = ("ADD INDEX", "UPDATE", "DELETE")


class _Token(NamedTuple):
    text: str
    start: int
    end: int
    depth: int


class _Statement:
    """The tokens of a statement, and its edits."""

    def __init__(self, sql: str) -> None:
        self.sql = sql.strip().removesuffix(";").rstrip()
        self.tokens: list[_Token] = []
        depth = 0
        for found in _TOKEN.finditer(self.sql):
            text = found.group()
            if text.startswith("--"):
                continue
            depth -= text == ")"
            self.tokens.append(_Token(text, found.start(), found.end(), depth))
            depth += text == "("
        self._edits: list[tuple[int, int, str]] = []
        words = [token.text.upper() for token in self.tokens]
        heads = [head for head in _HEADS if words[: len(head.split())] == head.split()]
        if not heads:
            raise _unknown(self.sql)
        self.head = heads[0]
        self.place = len(self.head.split())
        self.name = self.tokens[self.place].text

    def find(self, *words: str, depth: int = 0) -> int | None:
        """Return the place of the first of a sequence of words at a depth of parentheses."""
        texts = [token.text.upper() if token.depth == depth else "" for token in self.tokens]
        return next((i for i in range(len(texts)) if tuple(texts[i : i + len(words)]) == words), None)

    def replace(self, place: int, text: str) -> None:
        self._edits.append((self.tokens[place].start, self.tokens[place].end, text))

    def insert_after(self, place: int, text: str) -> None:
        self._edits.append((self.tokens[place].end, self.tokens[place].end, text))

    def edited(self) -> str:
        """Return the statement with its edits."""
        text = self.sql
        for start, end, new in sorted(self._edits, reverse=True):
            text = text[:start] + new + text[end:]
        return text


class ClusterSchema:
    """Statements of migrations for a cluster or for ClickHouse Cloud, in their order from the first migration on.

    Parameters
    ----------
    database
        The database's name, which ``Distributed`` tables name.
    spread
        Whether statements have to run on every node (``ON CLUSTER``): not where the cluster is this node alone.
    replicated
        Whether shards have replicas. Without, tables keep their engines: for tests of statements on an engine without
        Keeper.
    """

    def __init__(self, topology: Topology, database: str, *, spread: bool = True, replicated: bool = True) -> None:
        self._topology = topology
        self._database = database
        self._on = on_cluster(topology.cluster) if spread and topology.cluster else ""
        self._replicated = replicated
        self._tenants: dict[str, bool] = {}

    @property
    def sharded(self) -> frozenset[str]:
        """Names of the tables that are sharded by tenant, of the statements so far."""
        return frozenset(name for name in self._tenants if self._sharded(name))

    def database_statement(self) -> str:
        """Return the statement that creates the database on every node."""
        return f"CREATE DATABASE IF NOT EXISTS {self._database}{self._on}"

    def statements(self, of_migration: Sequence[str]) -> list[str]:
        """Return what to run instead of the statements of one migration.

        Raises
        ------
        SchemaMismatch
            A statement is of a kind that this module does not know.
        """
        return [one for sql in of_migration for one in self._rewritten(_Statement(sql))]

    def _rewritten(self, one: _Statement) -> Iterable[str]:
        match one.head:
            case "CREATE TABLE IF NOT EXISTS":
                return self._table(one)
            case "CREATE MATERIALIZED VIEW IF NOT EXISTS":
                return self._materialized_view(one)
            case "ALTER TABLE":
                return self._alter(one)
            case "INSERT INTO":
                return [one.edited()]
            case "DROP TABLE IF EXISTS" | "DROP VIEW IF EXISTS":
                return self._drop(one)
            case _:
                one.insert_after(one.place, self._on)
                return [one.edited()]

    def _table(self, one: _Statement) -> list[str]:
        like = one.tokens[one.place + 2].text if one.tokens[one.place + 1].text.upper() == "AS" else None
        self._tenants[one.name] = self._tenants[like] if like else _has_tenants(one)
        place = one.find("ENGINE", "=")
        if place is None:
            raise _unknown(one.sql)
        engine = one.tokens[place + 2].text
        if engine == "Join":  # a work table of one node; a cluster does without (storage/privacy.py)
            del self._tenants[one.name]
            return []
        if not _ENGINE.fullmatch(engine):
            raise _unknown(one.sql)
        sharded = self._sharded(one.name)
        one.insert_after(one.place, f"{LOCAL if sharded else ''}{self._on}")
        if like and self._sharded(like):
            one.insert_after(one.place + 2, LOCAL)
        self._replicate(one, place + 2, sharded=sharded)
        made = [one.edited()]
        if sharded:
            where = f"'{self._topology.cluster}', '{self._database}', '{one.name}{LOCAL}', cityHash64(user_id)"
            made.append(
                f"CREATE TABLE IF NOT EXISTS {one.name}{self._on} AS {one.name}{LOCAL} ENGINE = Distributed({where})"
            )
        return made

    def _replicate(self, one: _Statement, engine: int, *, sharded: bool) -> None:
        if not self._replicated:
            return
        for place, token in enumerate(one.tokens):
            if token.text == "non_replicated_deduplication_window":
                one.replace(place, "replicated_deduplication_window")
        name = one.tokens[engine].text
        if not self._topology.cluster:
            one.replace(engine, f"Shared{name}")
            return
        path = _OF_SHARD if sharded else _OF_ALL
        has_arguments = one.tokens[engine + 1 : engine + 2] and one.tokens[engine + 1].text == "("
        if has_arguments:
            one.replace(engine, f"Replicated{name}")
            one.insert_after(engine + 1, f"{path}, ")
        else:
            one.replace(engine, f"Replicated{name}({path})")

    def _materialized_view(self, one: _Statement) -> list[str]:
        target, query = one.find("TO"), one.find("AS")
        if one.find("REFRESH") is not None:
            # ClickHouse refuses one that replaces a replicated table; the only one was dropped again (migration 8).
            return []
        if target is None or query is None:
            raise _unknown(one.sql)
        one.insert_after(one.place, self._on)
        if self._sharded(one.tokens[target + 1].text):
            one.insert_after(target + 1, LOCAL)
        for place in range(query, len(one.tokens) - 1):
            source = one.tokens[place + 1].text
            if one.tokens[place].text.upper() in {"FROM", "JOIN"} and self._sharded(source):
                one.insert_after(place + 1, LOCAL)
        return [one.edited()]

    def _drop(self, one: _Statement) -> list[str]:
        made = []
        if self._sharded(one.name):
            also = _Statement(one.sql)
            also.insert_after(also.place, f"{LOCAL}{self._on}")
            made = [also.edited()]
        self._tenants.pop(one.name, None)
        one.insert_after(one.place, self._on)
        return [one.edited(), *made]

    def _alter(self, one: _Statement) -> list[str]:
        actions = _actions(one)
        kinds = [" ".join(re.findall(r"\w+", action)[:2]).upper() for action in actions]
        if not all(kind.startswith((*_OF_COLUMNS, *_OF_ROWS)) for kind in kinds):
            raise _unknown(one.sql)
        if not self._sharded(one.name):
            # Whole on every node: its replicas take the change from one another.
            return [one.edited()]
        columns = [action for action, kind in zip(actions, kinds, strict=True) if kind.startswith(_OF_COLUMNS)]
        made = [f"ALTER TABLE {one.name}{LOCAL}{self._on} {', '.join(actions)}"]
        return [*made, f"ALTER TABLE {one.name}{self._on} {', '.join(columns)}"] if columns else made

    def _sharded(self, name: str) -> bool:
        return bool(self._topology.cluster) and name not in _WHOLE and self._tenants.get(name, False)


def _has_tenants(one: _Statement) -> bool:
    return any(
        token.text == "user_id" and token.depth == 1 and one.tokens[place].text in {"(", ","}
        for place, token in enumerate(one.tokens[1:])
    )


def _actions(one: _Statement) -> list[str]:
    """Return the comma-separated actions of an ALTER; an UPDATE or a DELETE is one action with all that follows."""
    first = one.tokens[one.place + 1]
    if first.text.upper() in {"UPDATE", "DELETE"}:
        return [one.sql[first.start :]]
    commas = [token for token in one.tokens if token.text == "," and token.depth == 0]
    starts = [first.start, *(comma.end for comma in commas)]
    ends = [*(comma.start for comma in commas), len(one.sql)]
    return [one.sql[start:end].strip() for start, end in zip(starts, ends, strict=True)]


def _unknown(sql: str) -> SchemaMismatch:
    return SchemaMismatch(
        f"a migration has a statement that no cluster is known to take: {' '.join(sql.split())[:200]}"
    )
