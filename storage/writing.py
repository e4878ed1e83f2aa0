"""Inserting rows, with readable errors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError

from models.errors import Unreachable

# A history may span many months: one insert may touch any number of monthly partitions.
_SETTINGS: Final = {"max_partitions_per_insert_block": 0}


def insert_rows(client: Client, table: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """Insert rows; an empty list is allowed.

    Raises
    ------
    Unreachable
        ClickHouse rejected them; says why.
    """
    if not rows:
        return
    try:
        client.insert(table, rows, column_names=list(columns), settings=_SETTINGS)
    except ClickHouseError as error:
        raise Unreachable(f"ClickHouse did not take rows of {table}: {' '.join(str(error).split())[:300]}") from error
