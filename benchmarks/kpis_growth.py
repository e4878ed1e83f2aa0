"""Check that query times depend on the number of roll-up rows and not of events: more events, the same roll-up rows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from clickhouse_connect.driver.client import Client

from benchmarks.kpis_rows import Amount, fill, settle
from benchmarks.kpis_timing import Timing
from benchmarks.report import Sheet
from embedded.database import Database
from kpis.query import ALL_TENANTS, Scope, build_query
from sinks.migrations import migrate
from storage.connection import ClickHouseAddress, connect

_TIMES: Final = (1, 2, 4)
_QUERIES, _CONVERSATIONS, _DAYS = 1_500_000, 150_000, 7
_ROWS: Final = """
SELECT
    (SELECT count() FROM integration_query_metrics) + (SELECT count() FROM conversation_outcomes)
        + (SELECT count() FROM conversation_intelligence) AS events,
    (SELECT count() FROM query_days FINAL) + (SELECT count() FROM conversation_days FINAL WHERE part = '') AS days
"""


@dataclass(frozen=True)
class _Way:
    """A figure that is computed both from the roll-ups and from the events."""

    id: str
    by: tuple[str, ...]
    """Dimensions that make the query read the events; empty if ``rolled_up=False`` is sufficient."""


_WAYS: Final = (_Way("query_count", ("channel",)), _Way("durable_resolution_rate", ()))


def growth(database: Database, end: datetime, say: Callable[[str], None]) -> Sheet:
    """Generate one, two and four times the events of a week, each in its own database, and query whole days of it."""
    rows = []
    for times in _TIMES:
        address = ClickHouseAddress(database.url, f"growth_{times}")
        migrate(address)
        with connect(address, answer_seconds=3600) as client:
            say(f"{times} times the events")
            fill(client, Amount(_QUERIES * times, _CONVERSATIONS * times, _DAYS, end), say, raw=True)
            settle(client)
            rows.append(_row(Timing(client, database.pid), client, end))
    columns = [f"{way.id} from {where}" for way in _WAYS for where in ("roll-ups", "events")]
    return Sheet(
        "More events, the same roll-up rows: whole days of all tenants", ("events", "roll-up rows", *columns), rows
    )


def _row(timing: Timing, client: Client, end: datetime) -> tuple[str, ...]:
    ((events, days),) = client.query(_ROWS).result_rows
    midnight = end.replace(hour=0, minute=0)
    scope = Scope(midnight - timedelta(days=_DAYS - 1), midnight, ALL_TENANTS)
    cells = []
    for way in _WAYS:
        rolled_up = timing.of(build_query([way.id], scope))
        raw = timing.of(build_query([way.id], scope, way.by, rolled_up=False))
        cells += [str(rolled_up), f"{raw}, {raw.processor / max(rolled_up.processor, 1):.0f} times"]
    return (f"{events:,}", f"{days:,}", *cells)
