"""Inserting rows, with readable errors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError

from models.errors import Unreachable
from storage.clickhouse_errors import reason_of
from storage.leases import fenced_insert, held

# A history may span many months: one insert may touch any number of monthly partitions.
_SETTINGS: Final = {"max_partitions_per_insert_block": 0}


def insert_rows(client: Client, table: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """Insert rows; an empty list is allowed. Within a fenced run of a job, only while its lease is the newest.

    Raises
    ------
    LeaseLost
        A later run of the job has begun.
    Unreachable
        ClickHouse rejected them; says why.
    """
    if not rows:
        return
    if (lease := held()) is not None:
        fenced_insert(client, lease, table, columns, rows)
        return
    try:
        client.insert(table, rows, column_names=list(columns), settings=_SETTINGS)
    except ClickHouseError as error:
        raise Unreachable(f"ClickHouse did not take rows of {table}: {reason_of(error)}") from error
