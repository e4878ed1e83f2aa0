"""Erasing a customer or a tenant from every table, and giving pseudonyms new keys.

Which tables hold tenants and customers is read from the live schema, so no new table is forgotten. A customer's rows
are kept with a random value instead of the pseudonym: counts and sums stay the same, and the rows cannot be linked to
the person. Rows about the person only (snapshots, scores, insights) are deleted.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple
from uuid import UUID

from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError

from models.errors import Unreachable
from storage.leases import condition, held
from storage.reading import query_rows
from storage.topology import altered, public_name
from storage.writing import insert_rows

CUSTOMER_COLUMNS: Final = ("customer_id", "customer")
# Tables with rows about a single person.
ABOUT_A_PERSON: Final = frozenset(
    {"customer_recommendations", "customer_scores", "customer_snapshots", "predictive_insights"}
)
# The record of erasures itself, and work tables that their job empties.
KEPT: Final = frozenset({"privacy_erasures", "pseudonym_mapping"})
_TIMES: Final = (
    "created_at",
    "entered_at",
    "responded_at",
    "snapshot_at",
    "scored_at",
    "recommended_at",
    "window_start",
    "hour_start",
    "day_start",
    "told_at",
    "changed_at",
    "updated_at",
)
_ERASURE: Final = ("id", "user_id", "whole_tenant", "pseudonyms", "replacement", "erased_at", "expires_at")
_SETTINGS: Final = {"mutations_sync": 2}
_COLUMNS: Final = """
SELECT t.name AS name, groupArray(c.name) AS columns, groupArrayIf(c.name, c.is_in_sorting_key) AS keys
FROM system.tables AS t INNER JOIN system.columns AS c ON c.database = t.database AND c.table = t.name
WHERE t.database = currentDatabase() AND endsWith(t.engine, 'MergeTree')
GROUP BY t.name HAVING has(columns, 'user_id') ORDER BY t.name
"""
_HAS_MAPPING: Final = "SELECT 1 FROM system.tables WHERE database = currentDatabase() AND name = 'pseudonym_mapping'"
# Keeper takes entries of a mutation up to a megabyte.
_IN_A_STATEMENT: Final = 500
_STORED: Final = f"SELECT {', '.join(_ERASURE)} FROM privacy_erasures WHERE expires_at > {{now:DateTime('UTC')}}"  # noqa: S608


class TenantTable(NamedTuple):
    """A table with rows of tenants. ``customer`` is its pseudonym column, ``at`` its time column; empty: none."""

    name: str
    customer: str
    at: str
    customer_is_key: bool
    versioned: bool


class Erasure(NamedTuple):
    """An erasure: some pseudonyms of a tenant, or the whole tenant."""

    id: UUID
    user_id: UUID
    whole_tenant: bool
    pseudonyms: Sequence[str]
    replacement: str
    erased_at: datetime
    expires_at: datetime


class PrivacyStore:
    """The rows of tenants and customers of one database. Every call raises ``Unreachable``."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def tables(self) -> list[TenantTable]:
        """Return every table that holds rows of tenants."""
        return [_table(row) for row in query_rows(self._client, _COLUMNS, {}) if public_name(row["name"]) not in KEPT]

    def erase(self, erasure: Erasure) -> dict[str, int]:
        """Erase the rows that existed at the time of the erasure; return their number by table. Idempotent."""
        given = {
            "tenant": str(erasure.user_id),
            "old": list(erasure.pseudonyms),
            "new": erasure.replacement,
            "until": f"{erasure.erased_at:%Y-%m-%d %H:%M:%S}",
        }
        done: dict[str, int] = {}
        for table in self.tables():
            if not erasure.whole_tenant and not table.customer:
                continue
            where = _where(table, whole=erasure.whole_tenant)
            rows = self._count(table, where, given)
            if rows:
                self._erase(table, where, given, whole=erasure.whole_tenant)
                done[table.name] = rows
        return done

    def remember(self, erasure: Erasure) -> None:
        """Store an erasure, to be repeated while Kafka may bring rows back."""
        insert_rows(self._client, "privacy_erasures", _ERASURE, [list(erasure)])

    def unfinished(self, now: datetime) -> list[Erasure]:
        """Return the erasures whose rows Kafka may still bring back."""
        rows = query_rows(self._client, _STORED, {"now": f"{now:%Y-%m-%d %H:%M:%S}"}, aware=True)
        return [Erasure(**row) for row in rows]

    def old_pseudonyms(self, key_ids: Iterable[str], limit: int) -> list[tuple[UUID, str]]:
        """Return tenants' pseudonyms of some keys, up to a limit."""
        parts = [
            f"SELECT DISTINCT user_id, {table.customer} AS pseudonym FROM {table.name} "  # noqa: S608 - names of the schema
            f"WHERE position({table.customer}, '.') > 0 "
            f"AND splitByChar('.', {table.customer})[1] IN {{keys:Array(String)}}"
            for table in self.tables()
            if table.customer
        ]
        sql = f"SELECT DISTINCT user_id, pseudonym FROM ({' UNION ALL '.join(parts)}) LIMIT {limit:d}"  # noqa: S608
        found = query_rows(self._client, sql, {"keys": list(key_ids)})
        return [(row["user_id"], row["pseudonym"]) for row in found]

    def replace(self, mapping: Mapping[tuple[UUID, str], str]) -> None:
        """Replace old pseudonyms by new ones in every table.

        Rows are deleted by the mapping that is in the work table then, so two runs must not use it at once: within a
        fenced run every statement holds only while it is the newest.
        """
        rows = [(tenant, old, new) for (tenant, old), new in mapping.items()]
        if not query_rows(self._client, _HAS_MAPPING, {}):
            for start in range(0, len(rows), _IN_A_STATEMENT):
                self._replace_by_text(rows[start : start + _IN_A_STATEMENT])
            return
        self._await_mutations()
        self._command("TRUNCATE TABLE pseudonym_mapping", {})
        insert_rows(self._client, "pseudonym_mapping", ("user_id", "old", "new"), rows)
        for table in self.tables():
            if table.customer:
                name = f"{self._client.database}.pseudonym_mapping"
                new = f"joinGet('{name}', 'new', user_id, {table.customer})"
                self._put_in_place(table, new, f"{new} != '' AND {condition()}", {})
        if (lease := held()) is not None:
            lease.check(self._client)  # else the work table is another run's
        self._command("TRUNCATE TABLE pseudonym_mapping", {})

    def _replace_by_text(self, rows: Sequence[tuple[UUID, str, str]]) -> None:
        """Replace pseudonyms with the mapping in the statement: replicas must not depend on a table of one node."""
        given = {"old": [f"{tenant}{old}" for tenant, old, _ in rows], "new": [new for _, _, new in rows]}
        for table in self.tables():
            if table.customer:
                key = f"concat(toString(user_id), {table.customer})"
                new = f"transform({key}, {{old:Array(String)}}, {{new:Array(String)}}, '')"
                self._put_in_place(table, new, f"{key} IN {{old:Array(String)}} AND {condition()}", given)

    def _await_mutations(self) -> None:
        """Wait for mutations that an earlier run has begun: those of a table are done one after the other."""
        for table in self.tables():
            if table.customer:
                self._command(f"ALTER TABLE {altered(self._client, table.name)} DELETE WHERE 0", {})

    def _count(self, table: TenantTable, where: str, given: Mapping[str, Any]) -> int:
        (row,) = query_rows(self._client, f"SELECT count() AS n FROM {table.name} WHERE {where}", dict(given))  # noqa: S608
        return int(row["n"])

    def _erase(self, table: TenantTable, where: str, given: Mapping[str, Any], *, whole: bool) -> None:
        if whole or table.name in ABOUT_A_PERSON:
            self._command(f"ALTER TABLE {altered(self._client, table.name)} DELETE WHERE {where}", given)
        else:
            self._put_in_place(table, "{new:String}", where, given)
            if table.customer_is_key and table.versioned:
                self._note_later(table, given)

    def _put_in_place(self, table: TenantTable, new: str, where: str, given: Mapping[str, Any]) -> None:
        """Replace a table's pseudonyms; where they are part of the sorting key, rows are copied."""
        if not table.customer_is_key:
            self._command(
                f"ALTER TABLE {altered(self._client, table.name)} UPDATE {table.customer} = {new} WHERE {where}", given
            )
            return
        # Of a new version: roll-ups by customer recompute those whose conversations were changed.
        version = ", now64(3, 'UTC') AS version" if table.versioned else ""
        self._write_again(table, f"{new} AS {table.customer}{version}", where, given)
        self._command(f"ALTER TABLE {altered(self._client, table.name)} DELETE WHERE {where}", given)

    def _note_later(self, table: TenantTable, given: Mapping[str, Any]) -> None:
        """Write conversations after the erasure with a new version: their roll-ups followed from erased ones."""
        where = f"user_id = {{tenant:UUID}} AND {table.customer} IN {{old:Array(String)}}"
        self._write_again(table, "now64(3, 'UTC') AS version", where, given)

    def _write_again(self, table: TenantTable, replaced: str, where: str, given: Mapping[str, Any]) -> None:
        """Insert rows of a table again, with other values in the columns that ``replaced`` names."""
        self._command(
            f"INSERT INTO {table.name} SELECT * REPLACE ({replaced}) "  # noqa: S608 - names are the schema's own
            f"FROM (SELECT * FROM {table.name} FINAL WHERE {where})",
            given,
        )

    def _command(self, sql: str, given: Mapping[str, Any]) -> None:
        settings = {"max_partitions_per_insert_block": 0} if sql.startswith("INSERT") else _SETTINGS
        try:
            self._client.command(sql, parameters=dict(given), settings=settings)
        except ClickHouseError as error:
            raise Unreachable(f"ClickHouse did not erase: {' '.join(str(error).split())[:300]}") from error


def _where(table: TenantTable, *, whole: bool) -> str:
    parts = ["user_id = {tenant:UUID}"]
    if not whole:
        parts.append(f"{table.customer} IN {{old:Array(String)}}")
    if table.at:
        parts.append(f"{table.at} <= {{until:DateTime('UTC')}} + INTERVAL 1 SECOND")
    return " AND ".join(parts)


def _table(row: Mapping[str, Any]) -> TenantTable:
    customer = next((name for name in CUSTOMER_COLUMNS if name in row["columns"]), "")
    at = next((name for name in _TIMES if name in row["columns"]), "")
    return TenantTable(public_name(row["name"]), customer, at, customer in row["keys"], "version" in row["columns"])
