"""Retention of tables, where it differs from the default."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError

from models.errors import SettingsError, Unreachable
from storage.reading import query_rows
from storage.topology import altered, public_name

_TABLES: Final = """
SELECT name, create_table_query AS definition FROM system.tables
WHERE database = currentDatabase() AND create_table_query LIKE '% TTL %' ORDER BY name
"""
# The TTL of rows, after ORDER BY; columns may have their own.
_TTL: Final = re.compile(r"ORDER BY .*? TTL (?P<at>.+?) \+ toIntervalDay\((?P<days>\d+)\)", re.DOTALL)


def retention(client: Client) -> dict[str, int]:
    """Return the retention in days of each table that has one; raises ``Unreachable``."""
    return {name: days for name, (_, days) in _ttls(client).items()}


def apply_retention(client: Client, wanted: Mapping[str, int]) -> dict[str, int]:
    """Set the retention of tables in days; return the changed tables.

    Raises
    ------
    SettingsError
        A table does not exist or has no TTL.
    Unreachable
        ClickHouse rejected the change.
    """
    there = _ttls(client)
    if unknown := sorted(set(wanted) - set(there)):
        raise SettingsError(
            f"ROMASHKA_RETENTION_DAYS names {', '.join(unknown)}; expected some of {', '.join(sorted(there))}"
        )
    changed = {name: days for name, days in wanted.items() if there[name][1] != days}
    for name, days in changed.items():
        try:
            client.command(f"ALTER TABLE {altered(client, name)} MODIFY TTL {there[name][0]} + INTERVAL {days:d} DAY")
        except ClickHouseError as error:
            raise Unreachable(f"ClickHouse did not change how long {name} keeps rows: {str(error)[:300]}") from error
    return changed


def _ttls(client: Client) -> dict[str, tuple[str, int]]:
    found = {public_name(row["name"]): _TTL.search(row["definition"]) for row in query_rows(client, _TABLES, {})}
    return {name: (one["at"], int(one["days"])) for name, one in found.items() if one is not None}
