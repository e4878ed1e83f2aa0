"""Moving the tables of one server to a cluster, partition by partition; it may be interrupted and run again.

What was moved is noted in ``cluster_moves`` of the new database, with the state of the source's partition at that time:
a partition that changed since is moved again. Programs refuse the new database until the counts of both agreed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final, Literal, NamedTuple

from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError

from models.counting import counted
from models.errors import RomashkaError, Unreachable
from storage.literals import literal
from storage.reading import query_rows
from storage.topology import LOCAL, altered
from storage.writing import insert_rows

MOVES: Final = "cluster_moves"
# The schema's own; and the mapping of a job that is running, which a cluster does not have.
_NOT_MOVED: Final = frozenset({MOVES, "schema_migrations", "schema_columns", "probes", "pseudonym_mapping"})
# Views fill them from what is copied; where partitions are attached, views see nothing.
_FILLED_BY_VIEWS: Final = frozenset(
    {"recent_query_windows", "touched_conversation_hours", "touched_conversations", "touched_query_hours"}
)
_COLUMNS: Final = ("source", "table_name", "partition_id", "stamp", "moved_rows", "noted_at")
_COMPLETE: Final = ""
CREATE_MOVES: Final = """
CREATE TABLE IF NOT EXISTS cluster_moves
(
    source String,
    table_name String,
    partition_id String,
    stamp UInt64,
    moved_rows UInt64,
    noted_at DateTime64(3, 'UTC')
)
ENGINE = ReplacingMergeTree(noted_at)
ORDER BY (source, table_name, partition_id)
"""
_PARTS: Final = """
SELECT table AS table_name, partition_id, sum(rows) AS rows, sum(bytes_on_disk) AS bytes,
    groupBitXor(sipHash64(name)) AS stamp
FROM {parts} WHERE database = {{database:String}} AND active GROUP BY table_name, partition_id
ORDER BY table_name, partition_id
"""
_TABLES: Final = """
SELECT name, engine, partition_key, sorting_key, primary_key, storage_policy FROM system.tables
WHERE database = {database:String} AND (endsWith(engine, 'MergeTree') OR engine = 'Distributed')
"""
_MOVED: Final = "SELECT table_name, partition_id, stamp FROM cluster_moves FINAL WHERE source = {source:String}"
_STORED: Final = """
SELECT name, type FROM system.columns
WHERE database = {database:String} AND table = {table:String}
    AND default_kind NOT IN ('ALIAS', 'MATERIALIZED', 'EPHEMERAL')
ORDER BY position
"""
_SHARDS: Final = "SELECT uniqExact(shard_num) AS shards FROM system.clusters WHERE cluster = {cluster:String}"
_UNFINISHED: Final = "SELECT countIf(table_name = '') AS complete, count() AS moved FROM cluster_moves FINAL"
_THERE: Final = "SELECT 1 AS there FROM system.tables WHERE database = currentDatabase() AND name = 'cluster_moves'"
# A partition that was dropped is written again with the same rows, which must not count as a repeat of them.
_SETTINGS: Final = {"max_partitions_per_insert_block": 0, "insert_deduplicate": 0}

How = Literal["attach", "copy"]


class OldServer(NamedTuple):
    """The database to move: of this server where ``host`` (``host:port`` of the native protocol) is empty."""

    database: str
    host: str = ""
    user: str = "default"
    password: str = ""

    @property
    def name(self) -> str:
        """The name under which its progress is noted."""
        return f"{self.host}/{self.database}"

    def table(self, table: str, database: str = "") -> str:
        """Return a table as SQL."""
        within = database or self.database
        if not self.host:
            return f"`{within}`.`{table}`"
        parts = ", ".join(literal(one) for one in (self.host, within, table, self.user, self.password))
        return f"remote({parts})"


class Step(NamedTuple):
    """One partition of a table that is to be moved."""

    table: str
    partition: str
    rows: int
    bytes: int
    stamp: int
    how: How
    engine: str


class TableShape(NamedTuple):
    """A table of one of both databases, and what must be equal to attach its partitions."""

    engine: str
    shape: tuple[str, ...]


class Difference(NamedTuple):
    """Rows of a table of one tenant; the tenant is empty where a table has none."""

    table: str
    tenant: str
    source: int
    target: int


def planned(
    parts: Iterable[Mapping[str, Any]],
    tables: Mapping[str, How],
    engines: Mapping[str, str],
    moved: Mapping[tuple[str, str], int],
) -> list[Step]:
    """Return the partitions to move, in the order of their tables: those that were not, and those that changed since.

    Parameters
    ----------
    parts
        Partitions of the source, as its ``system.parts`` has them.
    tables
        Which tables are moved, and how.
    engines
        The target's engine of each table.
    moved
        Stamp of each partition that was moved, by table and partition.
    """
    found = []
    for row in parts:
        table, partition = row["table_name"], row["partition_id"]
        if table in tables and moved.get((table, partition)) != row["stamp"]:
            how = tables[table]
            found.append(Step(table, partition, row["rows"], row["bytes"], row["stamp"], how, engines[table]))
    return found


class ClusterMove:
    """Moves one source into the database of a client that has the cluster's settings.

    Parameters
    ----------
    cluster
        The cluster's name.
    told
        Called with each step and ``doing`` before it, ``noting`` when its rows are there.
    """

    def __init__(
        self, client: Client, cluster: str, source: OldServer, told: Callable[[Step, str], None] = lambda *_: None
    ) -> None:
        self._client = client
        self._cluster = cluster
        self._source = source
        self._told = told

    def plan(self) -> list[Step]:
        """Return what is left to move; raises ``Unreachable``."""
        parts = query_rows(
            self._client,
            _PARTS.format(parts=self._source.table("parts", "system")),
            {"database": self._source.database},
        )
        there = query_rows(self._client, _THERE, {})
        rows = query_rows(self._client, _MOVED, {"source": self._source.name}) if there else []
        moved = {(row["table_name"], row["partition_id"]): row["stamp"] for row in rows}
        target = self._tables(str(self._client.database))
        engines = {name: target.get(f"{name}{LOCAL}", table).engine for name, table in target.items()}
        return planned(parts, self._ways(target), engines, moved)

    def run(self, now: Callable[[], datetime]) -> int:
        """Move what is left; return the number of partitions.

        Raises
        ------
        Unreachable
            ClickHouse failed; running it again continues.
        """
        steps = self.plan()
        for step in steps:
            self._told(step, "doing")
            self._attach(step) if step.how == "attach" else self._copy(step)
            self._told(step, "noting")
            row = (self._source.name, step.table, step.partition, step.stamp, step.rows, now())
            insert_rows(self._client, MOVES, _COLUMNS, [row])
        return len(steps)

    def differences(self) -> list[Difference]:
        """Return where the numbers of rows of a table and tenant differ; raises ``Unreachable``."""
        target = self._tables(str(self._client.database))
        found = []
        for table, how in self._ways(target).items():
            if how == "copy" and table in _FILLED_BY_VIEWS:
                continue
            engine = target.get(f"{table}{LOCAL}", target[table]).engine
            names = [name for name, _ in self._columns(table)]
            here = self._counts(f"`{table}`", names, engine)
            there = self._counts(self._source.table(table), names, engine)
            found += [
                Difference(table, tenant, there.get(tenant, 0), here.get(tenant, 0))
                for tenant in sorted(here.keys() | there.keys())
                if here.get(tenant, 0) != there.get(tenant, 0)
            ]
        return found

    def complete(self, now: datetime) -> None:
        """Let programs use the new database.

        Raises
        ------
        RomashkaError
            Partitions are left to move, or counts differ; names them.
        """
        if left := self.plan():
            raise RomashkaError(
                f"{counted(len(left), 'partition')} changed or not moved yet; stop the workers and run it again"
            )
        if found := self.differences():
            said = "; ".join(f"{one.table} {one.tenant}: {one.source} and {one.target}" for one in found[:5])
            raise RomashkaError(f"rows differ between source and cluster, nothing is switched: {said}")
        insert_rows(self._client, MOVES, _COLUMNS, [(self._source.name, _COMPLETE, "", 0, 0, now)])

    def _tables(self, database: str) -> dict[str, TableShape]:
        shape = ("partition_key", "sorting_key", "primary_key", "storage_policy")
        rows = query_rows(self._client, _TABLES, {"database": database})
        return {row["name"]: TableShape(row["engine"], tuple(row[name] for name in shape)) for row in rows}

    def _ways(self, target: Mapping[str, TableShape]) -> dict[str, How]:
        """Return which tables are moved and how: attached where the parts can be taken over as they are."""
        (row,) = query_rows(self._client, _SHARDS, {"cluster": self._cluster})
        one_shard = row["shards"] == 1
        source = {} if self._source.host else self._tables(self._source.database)
        ways: dict[str, How] = {}
        for name, table in target.items():
            if name.endswith(LOCAL) or name in _NOT_MOVED:
                continue
            rows = target.get(f"{name}{LOCAL}", table)
            whole = table.engine != "Distributed" or one_shard
            ways[name] = "attach" if whole and name in source and source[name].shape == rows.shape else "copy"
        copied = "copy" in {ways.get(name) for name in ("query_windows", "conversation_outcomes")}
        return {name: how for name, how in ways.items() if not (copied and name in _FILLED_BY_VIEWS)}

    def _attach(self, step: Step) -> None:
        table = altered(self._client, step.table)
        source = self._source.table(step.table)
        self._command(f"ALTER TABLE {table} REPLACE PARTITION ID {literal(step.partition)} FROM {source}")

    def _copy(self, step: Step) -> None:
        if "Replacing" not in step.engine:  # rows of the same key do not replace each other
            table = altered(self._client, step.table)
            self._command(f"ALTER TABLE {table} DROP PARTITION ID {literal(step.partition)}")
        names = ", ".join(f"`{name}`" for name, _ in self._columns(step.table))
        self._command(
            f"INSERT INTO `{step.table}` ({names}) SELECT {names} FROM {self._source.table(step.table)} "  # noqa: S608 - names of the schema
            f"WHERE _partition_id = {literal(step.partition)}"
        )

    def _columns(self, table: str) -> list[tuple[str, str]]:
        rows = query_rows(self._client, _STORED, {"database": str(self._client.database), "table": table})
        return [(row["name"], row["type"]) for row in rows]

    def _counts(self, table: str, columns: Sequence[str], engine: str) -> dict[str, int]:
        tenant = "toString(user_id)" if "user_id" in columns else "''"
        final = "FINAL" if "Replacing" in engine else ""
        sql = f"SELECT {tenant} AS tenant, count() AS rows FROM {table} {final} GROUP BY tenant"  # noqa: S608 - names of the schema
        return {row["tenant"]: row["rows"] for row in query_rows(self._client, sql, {})}

    def _command(self, sql: str) -> None:
        try:
            self._client.command(sql, settings=_SETTINGS if sql.startswith("INSERT") else {"mutations_sync": 2})
        except ClickHouseError as error:
            said = (
                str(error).replace(literal(self._source.password), "[hidden]") if self._source.password else str(error)
            )
            raise Unreachable(f"ClickHouse did not move it: {' '.join(said.split())[:300]}") from error


def unfinished(client: Client) -> bool:
    """Return whether a move into this database has begun and is not complete; raises ``Unreachable``."""
    if not query_rows(client, _THERE, {}):
        return False
    (row,) = query_rows(client, _UNFINISHED, {})
    return not row["complete"]
