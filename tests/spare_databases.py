"""Migrated databases that tests use one after the other, because making one takes longer than most tests."""

from __future__ import annotations

import uuid
from typing import Final
from urllib.parse import urlsplit

from clickhouse_connect.driver.client import Client

from sinks.migrations import migrate
from storage.connection import ClickHouseAddress, connect
from storage.reading import query_rows

_SCHEMA: Final = """
SELECT name, create_table_query AS definition FROM system.tables WHERE database = currentDatabase()
UNION ALL
SELECT toString(version), checksum FROM schema_migrations FINAL
ORDER BY name
"""
_FILLED: Final = """
SELECT name FROM system.tables
WHERE database = currentDatabase() AND total_rows > 0 AND engine LIKE '%MergeTree'
    AND name NOT IN ('schema_migrations', 'schema_columns')
"""


class SpareDatabases:
    """Lends databases that are as after a migration: tables empty, definitions untouched."""

    def __init__(self, clickhouse_url: str) -> None:
        self._url = clickhouse_url
        self._spare: list[ClickHouseAddress] = []
        self._schemas: dict[str, list[dict[str, str]]] = {}

    def lend(self) -> ClickHouseAddress:
        """Return one that nobody else uses; make it where none is left."""
        if self._spare:
            return self._spare.pop()
        made = unused(self._url)
        migrate(made)
        with connect(made) as client:
            self._schemas[made.database] = _schema(client)
        return made

    def take_back(self, lent: ClickHouseAddress) -> None:
        """Empty its tables for the next; forget it where its definitions were changed."""
        with connect(lent) as client:
            if _schema(client) == self._schemas[lent.database]:
                for row in query_rows(client, _FILLED, {}):
                    client.command("TRUNCATE TABLE {table:Identifier}", parameters={"table": row["name"]})
                self._spare.append(lent)


def unused(clickhouse_url: str) -> ClickHouseAddress:
    """Return a database name that nothing has used yet, on the server with this URL."""
    parts = urlsplit(clickhouse_url)
    return ClickHouseAddress(
        url=f"{parts.scheme}://{parts.hostname}:{parts.port}",
        database=f"test_{uuid.uuid4().hex[:12]}",
        user=parts.username or "default",
        password=parts.password or "",
    )


def _schema(client: Client) -> list[dict[str, str]]:
    return [dict(row) for row in query_rows(client, _SCHEMA, {})]
