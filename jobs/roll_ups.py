"""The job "roll-ups": recomputes the hours, days and conversation facts whose events changed."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError

from kpis.rollups import statements as rollups
from kpis.rollups.freshness import CONVERSATION_FACTS
from kpis.rollups.roll_up import RollUp
from models.errors import Unreachable
from models.insights import Insight
from storage.reading import query_rows
from storage.topology import altered
from streams.job import Job

_NOW: Final = "SELECT now64(3, 'UTC') AS now"
_LAST: Final = "SELECT rollup, reflects AS last FROM rollup_progress FINAL"
_DONE: Final = (
    "INSERT INTO rollup_progress (rollup, reflects, took_ms) "
    "VALUES ({rollup:String}, {reflects:DateTime64(3, 'UTC')}, {took_ms:UInt64})"
)
# Change notes that every roll-up has processed, with a day to spare.
_WORKED_OFF: Final = """
SELECT DISTINCT toDate(touched_at) AS day FROM touched_conversations
WHERE touched_at < (SELECT max(reflects) - INTERVAL 2 DAY FROM rollup_progress WHERE rollup = {facts:String})
"""
_NOTES: Final = "touched_conversations"
_DROP: Final = "ALTER TABLE touched_conversations DROP PARTITION {day:String}"
# Conversations of one run may have begun in any month.
_SETTINGS: Final = {"max_partitions_per_insert_block": 0}


def refresh(client: Client, *, only_due: bool = False) -> None:
    """Update every roll-up, or those that are due.

    The time that a roll-up reflects is taken from the database's clock, as in the change notes, and written only when
    all of its rows are stored: an interrupted run starts again.

    Raises
    ------
    Unreachable
        ClickHouse failed; the next run continues.
    """
    last = {row["rollup"]: row["last"] for row in query_rows(client, _LAST, {})}
    for group in rollups.GROUPS:
        reflects = _now(client)
        for rollup in group:
            if only_due and rollup.name in last and reflects < last[rollup.name] + rollup.every:
                continue
            started = time.monotonic()
            _bring_up(client, rollup, reflects)
            took = round((time.monotonic() - started) * 1000)
            _command(client, _DONE, {"rollup": rollup.name, "reflects": reflects, "took_ms": took})
    for row in query_rows(client, _WORKED_OFF, {"facts": CONVERSATION_FACTS}):
        statement = _DROP.replace(_NOTES, altered(client, _NOTES), 1)
        _command(client, statement, {"day": str(row["day"])})


def _now(client: Client) -> datetime:
    now = query_rows(client, _NOW, {})[0]["now"]
    if not isinstance(now, datetime):
        raise Unreachable(f"ClickHouse gave '{now}' for the time")
    return now


def _bring_up(client: Client, rollup: RollUp, reflects: datetime) -> None:
    for row in query_rows(client, rollup.slices, {}):
        for statement in rollup.statements:
            _command(client, statement, {"reflects": reflects, **row})


def _command(client: Client, sql: str, parameters: dict[str, Any]) -> None:
    try:
        client.command(sql, parameters=parameters, settings=_SETTINGS)
    except ClickHouseError as error:
        raise Unreachable(f"ClickHouse does not roll up: {' '.join(str(error).split())[:300]}") from error


def _run(client: Client, now: datetime) -> Sequence[Insight]:  # noqa: ARG001 - the database's clock decides
    refresh(client, only_due=True)
    return ()


ROLLUPS: Final = Job("roll-ups", timedelta(seconds=30), _run, stays=True)
