"""Days and hours of every time zone, over both of its clock changes: exact from roll-ups and from windows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Final
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from clickhouse_connect.driver.client import Client

from jobs.roll_ups import refresh
from kpis.query import Interval, Scope, build_query
from kpis.scope import time_zones, zone
from storage.connection import ClickHouseAddress, connect
from storage.reading import query_rows
from tests.spare_databases import SpareDatabases

pytestmark = pytest.mark.stack

_TENANT: Final = UUID(int=13)
_NOW: Final = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
_START: Final = _NOW - timedelta(days=380)
_STEP: Final = timedelta(minutes=15)
# Chatham's clocks change by an hour at 02:45: one hour of sixty minutes is put together of two parts.
_CHANGES_AT_A_QUARTER_TO: Final = {"NZ-CHAT", "Pacific/Chatham"}
_INSERT: Final = """
INSERT INTO query_windows (user_id, integration_provider, query_type, window_start, topic_epoch, partition, chunk_id,
    version, queries, successes)
SELECT {tenant:UUID}, 'hubspot', 'x', toDateTime({start:UInt32} + number * 900, 'UTC'), 1, 0, 0, 1, 1, 1
FROM numbers({count:UInt32})
"""


@pytest.fixture(scope="module")
def client(spare_databases: SpareDatabases) -> Iterator[Client]:
    lent = spare_databases.lend()
    with connect(lent) as opened:
        values = {"tenant": str(_TENANT), "start": int(_START.timestamp()), "count": (_NOW - _START) // _STEP}
        opened.command(_INSERT, parameters=values)
        refresh(opened)
        yield opened
    spare_databases.take_back(lent)


def _changes(name: str) -> tuple[tuple[datetime, timedelta, timedelta], ...]:
    """Return the clock changes of a zone in the last year, with the offsets around each; the middle where none is."""
    local = zone(name)
    days = [_START + timedelta(days=5 + number) for number in range(365)]
    offsets = [moment.astimezone(local).utcoffset() or timedelta() for moment in days]
    found = [(day, *pair) for day, pair in zip(days, pairwise(offsets), strict=False) if pair[0] != pair[1]]
    return tuple(found) or ((days[160], offsets[0], offsets[0]),)


def _distinct_zones() -> list[tuple[str, datetime]]:
    """Return each clock behaviour once: most zones of the database share theirs with others."""
    seen: dict[tuple[datetime, timedelta, timedelta], str] = {}
    for name in sorted(time_zones()):
        for change in _changes(name):
            seen.setdefault(change, name)
    return [(name, change[0]) for change, name in seen.items()]


def test_both_sides_know_the_same_time_zones(client: Client) -> None:
    known = {str(row[0]) for row in client.query("SELECT time_zone FROM system.time_zones").result_rows}
    assert len(time_zones()) > 400
    assert time_zones() - known == set()
    assert "right/Europe/Berlin" not in time_zones()


def _counted(moments: list[datetime], local: ZoneInfo, every: Interval) -> list[int]:
    """Return how many moments each local day or hour has, in order of time; an hour that is twice is two."""
    if every is Interval.DAY:
        return list(Counter(moment.astimezone(local).date() for moment in moments).values())
    hours = (moment.astimezone(local) for moment in moments)
    return list(Counter((hour.replace(minute=0), hour.utcoffset()) for hour in hours).values())


def _wrong(client: Client, name: str, change: datetime) -> list[tuple[str, list[int], list[int]]]:
    """Return the steps whose counts differ in the days around a change: the step, what was found and what is right."""
    local = zone(name)
    midnight = change.astimezone(local).replace(hour=0, minute=0, tzinfo=None)
    start, end = ((midnight + timedelta(days=days)).replace(tzinfo=local).astimezone(UTC) for days in (-1, 3))
    moments = [start + number * _STEP for number in range((end - start) // _STEP)]
    wrong = []
    for every in (Interval.DAY,) if name in _CHANGES_AT_A_QUARTER_TO else (Interval.DAY, Interval.HOUR):
        query = build_query(["query_count"], Scope(start, end, _TENANT, time_zone=name), every=every)
        found = [int(row["query_count"]) for row in query_rows(client, query.sql, query.parameters)]
        if found != (right := _counted(moments, local, every)):
            wrong.append((str(every), found, right))
    return wrong


@pytest.mark.long
def test_days_and_hours_of_every_zone_are_exact_over_its_clock_changes(client: Client) -> None:
    zones = _distinct_zones()
    assert len(zones) > 40
    assert {name: wrong for name, change in zones if (wrong := _wrong(client, name, change))} == {}


def test_hours_begin_on_the_hour_again_after_a_change_of_half_an_hour(client: Client) -> None:
    """The hour that the change cuts has two parts, one for each offset."""
    name = "Australia/Lord_Howe"
    changes = _changes(name)
    assert len(changes) == 2
    assert [wrong for change, *_ in changes for wrong in _wrong(client, name, change)] == []


def test_half_hour_zones_have_whole_days(client: Client) -> None:
    """Two local days of India, which begin at half past six in the evening of UTC: 96 quarters of an hour each."""
    local = zone("Asia/Kolkata")
    midnight = (_NOW - timedelta(days=30)).astimezone(local).replace(hour=0, minute=0)
    scope = Scope(midnight, midnight + timedelta(days=2), _TENANT, time_zone="Asia/Kolkata")
    query = build_query(["query_count"], scope, every=Interval.DAY)
    assert [int(row["query_count"]) for row in query_rows(client, query.sql, query.parameters)] == [96, 96]


def test_times_are_read_in_utc_from_a_server_in_another_time_zone(database: ClickHouseAddress) -> None:
    """They came in the server's: 'kpi get --every day' was off by the 5:45 hours of Kathmandu."""
    begun = "'2026-11-20 00:00:00'"
    sql = f"SELECT toDateTime({begun}, 'UTC') AS whole, toDateTime64({begun}, 3, 'UTC') AS fine"
    with connect(database) as client:
        client.set_client_setting("session_timezone", "Asia/Kathmandu")
        naive, aware = query_rows(client, sql, {})[0], query_rows(client, sql, {}, aware=True)[0]
    expected = datetime(2026, 11, 20, tzinfo=UTC)
    assert naive == dict.fromkeys(("whole", "fine"), expected.replace(tzinfo=None))
    assert aware == dict.fromkeys(("whole", "fine"), expected)
    assert {one.utcoffset() for one in aware.values()} == {timedelta()}
