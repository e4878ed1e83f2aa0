"""How long key figures take over a hundred million queries: ``python -m benchmarks.kpis --queries 100_000_000``.

The rows are made inside the embedded ClickHouse: a month of one-minute windows, of which the job "roll-ups" makes hours
and days, raw queries to compare with, and the conversations of as many queries. The newest hour is left to the windows,
as in a running system. Nothing is kept.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

from clickhouse_connect.driver.client import Client

from embedded.database import Database
from kpis.query import ALL_TENANTS, Interval, Scope, figures
from kpis.registry import ALL
from kpis.stale import MARGIN_SECONDS
from sinks.connection import ClickHouseAddress, connect
from sinks.migrations import migrate
from streams.rollup_job import refresh

_TENANTS = 20
_DAYS = 30
_SERIES = 12  # of a tenant: providers times query types
_QUERIES_PER_CONVERSATION = 2.2
_REPEATS = 3

_MINUTES = _DAYS * 24 * 60
# A lognormal-like spread of response times over about 250 buckets, a different few in each window.
_WINDOWS = """
INSERT INTO query_windows
SELECT
    toUUID(leftPad(hex(1 + number % {tenants}), 32, '0')) AS user_id,
    ['hubspot', 'shopify', 'salesforce'][1 + intDiv(number, {tenants}) % 3] AS integration_provider,
    concat('type_', toString(intDiv(number, {tenants} * 3) % 4)) AS query_type,
    toDateTime({start} + 60 * (intDiv(number, {tenants} * 12) % {minutes}), 'UTC') AS window_start,
    1, 0, intDiv(number, 32768), number, {each}, {each} - (cityHash64(number) % 20 = 0), {each} * 400,
    (
        arrayMap(i -> toInt16(480 + 60 * i + cityHash64(number, i) % 60), range({each})),
        arrayMap(i -> toUInt64(1), range({each}))
    ),
    {each} * 3, {each}, {each} * 0.8, {each}, 0.1, {each}
FROM numbers({first}, {count})
"""
_RAW = """
INSERT INTO integration_query_metrics
SELECT
    generateUUIDv4(number), toUUID(leftPad(hex(1 + number % {tenants}), 32, '0')),
    toDateTime64({start} + number % ({minutes} * 60), 3, 'UTC'), '', ['chat', 'email', 'web'][1 + number % 3],
    ['DE', 'US', 'IN', 'EE'][1 + intDiv(number, 7) % 4], 'new', generateUUIDv4(number + 1),
    ['hubspot', 'shopify', 'salesforce'][1 + intDiv(number, {tenants}) % 3],
    concat('type_', toString(intDiv(number, {tenants} * 3) % 4)), cityHash64(number) % 20 != 0,
    100 + cityHash64(number, 1) % 900, 3, 0.8, 0.1, 'orders', if(cityHash64(number) % 20 = 0, 'timeout', ''),
    1, 0, number
FROM numbers({first}, {count})
"""
_FACTS = """
INSERT INTO conversation_facts
(user_id, conversation_id, entered_at, last_event_at, channel, country, customer_segment, stage, data_used, providers,
 data_types, confidence_with_data, confidence_without_data, ended, outcome, handled_by, ended_at, resolved, autonomous,
 resolution_minutes, satisfaction, value, version)
SELECT
    toUUID(leftPad(hex(1 + number % {tenants}), 32, '0')), generateUUIDv4(number),
    toDateTime64({start} + intDiv(number * {minutes} * 60, {all}), 3, 'UTC') AS entered, entered,
    ['chat', 'email', 'web'][1 + number % 3], ['DE', 'US', 'IN', 'EE'][1 + intDiv(number, 7) % 4], 'new', 'purchase',
    number % 3 != 0, ['hubspot'], ['orders'], 0.9, 0.6, true, if(number % 5 = 0, 'escalated', 'resolved'),
    if(number % 5 = 0, 'human', 'ai'), entered + 600, number % 5 != 0, number % 5 != 0, 10,
    if(number % 3 = 0, 4.2, NULL), 10, now64(3)
FROM numbers({first}, {count})
"""


class Timed(NamedTuple):
    """How long a question took, in ms."""

    id: str
    tenant: float
    everyone: float
    series: float


def main() -> None:
    """Make the rows, roll them up, ask every figure, print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--queries", type=int, default=100_000_000)
    parser.add_argument("--conversations", type=int, help="default: as many as so many queries belong to")
    parser.add_argument("--raw", action="store_true", help="also make the raw rows, and ask them")
    options = parser.parse_args()
    with Database() as database:
        address = ClickHouseAddress(database.url, "benchmark")
        migrate(address)
        with connect(address, answer_seconds=3600) as client:
            end = datetime.now(UTC).replace(second=0, microsecond=0)
            conversations = options.conversations or round(options.queries / _QUERIES_PER_CONVERSATION)
            _fill(client, options.queries, conversations, end, raw=options.raw)
            _report(client, end, raw=options.raw)


def _fill(client: Client, queries: int, conversations: int, end: datetime, *, raw: bool) -> None:
    windows = _TENANTS * _SERIES * _MINUTES
    each = max(1, round(queries / windows))
    values = {
        "tenants": _TENANTS,
        "minutes": _MINUTES,
        "start": int((end - timedelta(days=_DAYS)).timestamp()),
        "each": each,
    }
    _insert(client, "windows", _WINDOWS, min(windows, queries), values)
    began = time.monotonic()
    refresh(client)
    print(f"roll-ups from nothing: {time.monotonic() - began:.1f} s")
    _insert(client, "conversation facts", _FACTS, conversations, values | {"all": conversations})
    if raw:
        _insert(client, "raw queries", _RAW, queries, values)
    _touch_this_hour(client)
    began = time.monotonic()
    refresh(client)
    print(f"roll-ups again, the hour of every tenant touched: {time.monotonic() - began:.1f} s")
    _touch_this_hour(client)


def _touch_this_hour(client: Client) -> None:
    """Make it a running system's: what was filled is long rolled up, the current hour of every tenant is not."""
    client.command(
        "INSERT INTO rollup_progress (rollup, reflects, took_ms) "
        f"SELECT rollup, now64(3, 'UTC') + INTERVAL {MARGIN_SECONDS} SECOND, 0 FROM rollup_progress FINAL"
    )
    client.command(
        "INSERT INTO touched_query_hours SELECT DISTINCT user_id, toStartOfHour(now('UTC')), "
        f"now64(3, 'UTC') + INTERVAL {MARGIN_SECONDS} SECOND FROM query_days"
    )


def _insert(client: Client, what: str, sql: str, rows: int, values: dict[str, Any]) -> None:
    began = time.monotonic()
    portion = 5_000_000
    for first in range(0, rows, portion):
        count = min(portion, rows - first)
        client.command(
            sql.format(first=first, count=count, **values),
            settings={"max_partitions_per_insert_block": 0, "max_insert_threads": 2},
        )
    print(f"{what}: {rows:,} rows in {time.monotonic() - began:.0f} s", flush=True)


def _report(client: Client, end: datetime, *, raw: bool) -> None:
    rows = client.query(
        "SELECT table, sum(rows), formatReadableSize(sum(bytes_on_disk)) FROM system.parts "
        "WHERE active AND database = currentDatabase() GROUP BY table ORDER BY sum(rows) DESC"
    ).result_rows
    for table, count, size in rows:
        print(f"  {table:<30}{count:>15,}  {size}")
    print(f"{'figure':<36}{'one tenant':>12}{'all tenants':>13}{'by day':>10}   ms, the best of {_REPEATS}", flush=True)
    for timed in _timed(client, end):
        print(f"{timed.id:<36}{timed.tenant:>12.0f}{timed.everyone:>13.0f}{timed.series:>10.0f}", flush=True)
    if raw:
        everyone = Scope(end - timedelta(days=_DAYS), end, ALL_TENANTS)
        took = _ms(client, "query_count", everyone, rolled_up=False)
        print(f"query_count of all tenants from windows alone: {took:.0f} ms")


def _timed(client: Client, end: datetime) -> Iterator[Timed]:
    one = Scope(end - timedelta(days=_DAYS, minutes=-17), end, UUID(int=7))
    everyone = Scope(end - timedelta(days=_DAYS, minutes=-17), end, ALL_TENANTS)
    for id_ in ALL:
        yield Timed(id_, _ms(client, id_, one), _ms(client, id_, everyone), _ms(client, id_, one, every=Interval.DAY))


def _ms(client: Client, id_: str, scope: Scope, **how: Any) -> float:
    query = figures([id_], scope, **how)
    took = []
    for _ in range(_REPEATS):
        began = time.monotonic()
        client.query(query.sql, parameters=query.parameters)
        took.append((time.monotonic() - began) * 1000)
    return min(took)


if __name__ == "__main__":
    main()
