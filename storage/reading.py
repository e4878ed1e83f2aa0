"""Reading from ClickHouse, with readable errors."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final, Literal, TypeVar

from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError

from models.errors import Unreachable
from models.query import Query
from storage.clickhouse_errors import reason_of

Name = TypeVar("Name")
# Number of concurrent statements: most of the time is planning, on one core each.
_AT_ONCE: Final = 4


def ask_page(
    client: Client, sql: str, parameters: dict[str, Any], *, limit: int, offset: int = 0
) -> tuple[list[dict[str, Any]], int]:
    """Return the first rows of a query and its total number of rows, which the database counts.

    Raises
    ------
    Unreachable
        ClickHouse does not answer the question; says why.
    """
    rows = query_rows(client, f"SELECT * FROM ({sql}) LIMIT {limit + 1} OFFSET {offset}", parameters)  # noqa: S608 - our own
    if len(rows) <= limit and (rows or not offset):
        return rows, offset + len(rows)
    (counted,) = query_rows(client, f"SELECT count() AS rows FROM ({sql})", parameters)  # noqa: S608 - our own
    return rows[:limit], int(counted["rows"])


def query_rows(client: Client, sql: str, parameters: dict[str, Any], *, aware: bool = False) -> list[dict[str, Any]]:
    """Return the rows of a query by column name; ``aware`` returns aware times, else naive ones in UTC.

    Raises
    ------
    Unreachable
        ClickHouse does not answer the question; says why.
    """
    try:
        mode: Literal["aware", "naive_utc"] = "aware" if aware else "naive_utc"
        # Without query_tz the driver gives the times of a server outside of UTC in the server's time zone.
        return list(client.query(sql, parameters=parameters, tz_mode=mode, query_tz="UTC").named_results())
    except ClickHouseError as error:
        verb = "does not answer" if getattr(error, "code", None) is None else "refuses"
        raise Unreachable(f"ClickHouse {verb}: {reason_of(error)}") from error


def query_all(
    client: Client, queries: Mapping[Name, Query], *, aware: bool = False
) -> dict[Name, list[dict[str, Any]]]:
    """Return the rows of several queries by their name, asked concurrently: the client must have no session.

    Raises
    ------
    Unreachable
        ClickHouse does not answer one of them.
    """
    with ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="queries") as threads:
        rows = threads.map(lambda one: query_rows(client, one.sql, one.parameters, aware=aware), queries.values())
        return dict(zip(queries, rows, strict=True))
