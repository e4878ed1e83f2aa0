"""Compares the live schema with the one the last migration left and with the columns this program writes."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Final
from uuid import uuid4

from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError

from models.errors import RomashkaError, Unreachable
from models.rows import WRITTEN
from storage.reading import query_rows
from storage.writing import insert_rows

Columns = Mapping[str, Mapping[str, str]]
"""Table → column → type."""

MIN_FREE_SHARE: Final = 0.05
MIN_FREE_BYTES: Final = 1_000_000_000
_LIVE: Final = """
SELECT c.table AS table_name, c.name AS column_name, c.type AS type
FROM system.columns AS c INNER JOIN system.tables AS t ON t.database = c.database AND t.name = c.table
WHERE c.database = currentDatabase() AND NOT startsWith(c.table, '.')
"""
_NOTED: Final = """
SELECT table_name, column_name, type FROM schema_columns
WHERE revision = (SELECT max(revision) FROM schema_columns)
"""
_DISKS: Final = "SELECT name, path, free_space, total_space FROM system.disks WHERE total_space > 0 AND type = 'Local'"


def live(client: Client) -> Columns:
    """Return every column of the database; raises ``Unreachable``."""
    return _columns(client, _LIVE)


def note(client: Client, now: datetime) -> None:
    """Record the live schema after every migration was applied; raises ``Unreachable``."""
    rows = [(table, name, kind, now) for table, found in live(client).items() for name, kind in found.items()]
    insert_rows(client, "schema_columns", ("table_name", "column_name", "type", "revision"), rows)


def differences(client: Client) -> list[str]:
    """Return descriptions of missing columns and wrong types; empty where there are none."""
    there, noted = live(client), _columns(client, _NOTED)
    found = [one for table, columns in noted.items() for one in _wrong(table, columns, there.get(table))]
    for table, schema in WRITTEN.items():
        if table not in noted:
            columns = there.get(table)
            lacking = [name for name in schema.names if columns is not None and name not in columns]
            found += (
                [f"table {table} is missing"] if columns is None else [f"{table}.{name} is missing" for name in lacking]
            )
    return found


def full_disks(client: Client) -> list[str]:
    """Return descriptions of nearly full disks; hidden disks are left out."""
    try:
        rows = client.query(_DISKS).named_results()
        return [
            f"disk {row['name']} ({row['path']}) has {row['free_space'] / 1e9:.1f} GB left "
            f"of {row['total_space'] / 1e9:.1f}"
            for row in rows
            if row["free_space"] < max(MIN_FREE_BYTES, MIN_FREE_SHARE * row["total_space"])
        ]
    except ClickHouseError:  # this user may not read system.disks
        return []


def probe(client: Client, now: datetime) -> None:
    """Write a row and read it back.

    Raises
    ------
    RomashkaError
        The row was rejected or is missing; says why.
    """
    id_ = uuid4()
    try:
        insert_rows(client, "probes", ("id", "written_at"), [(id_, now)])
        found = query_rows(client, "SELECT count() AS n FROM probes WHERE id = {id:UUID}", {"id": str(id_)})
    except Unreachable as error:
        raise RomashkaError(f"a probe row was not taken: {error}") from error
    if found != [{"n": 1}]:
        raise RomashkaError("a probe row was taken and is not there: do all replicas answer?")


def _wrong(table: str, noted: Mapping[str, str], there: Mapping[str, str] | None) -> list[str]:
    if there is None:
        return [f"table {table} is missing"]
    missing = [f"{table}.{name} is missing" for name in noted if name not in there]
    return missing + [
        f"{table}.{name} is {there[name]} and should be {kind}"
        for name, kind in noted.items()
        if name in there and there[name] != kind
    ]


def _columns(client: Client, sql: str) -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = {}
    for row in query_rows(client, sql, {}):
        found.setdefault(row["table_name"], {})[row["column_name"]] = row["type"]
    return found
