"""When a minute closes, what it holds, and which events come too late for it."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa
import pytest

from models.minutes import MinuteCounts
from streams.detection.minutes import ClosedMinute, MinuteSeries
from tests.examples.queries import START_MS, Query, batch_of

_NOON = datetime(2026, 1, 15, 12, 0, tzinfo=UTC)
_TENANT = ((1).to_bytes(16, "big"), "hubspot")


def _at(seconds: float) -> datetime:
    return _NOON + timedelta(seconds=seconds)


def _query(seconds: float, **facts: Any) -> Query:
    return Query(0, 0, at_ms=START_MS + round(seconds * 1000))._replace(**facts)


def _add(minutes: MinuteSeries, *queries: Query, now: datetime | None = None) -> int:
    newest = max(query.at_ms for query in queries) - START_MS
    return minutes.add(batch_of(queries), now or _at(newest / 1000))


def _starts(closed: list[ClosedMinute]) -> list[int]:
    return [(minute.start - _NOON) // timedelta(minutes=1) for minute in closed]


def _settled(seconds: float = 0.0) -> MinuteSeries:
    """A series that has seen enough to know where it resumed."""
    minutes = MinuteSeries()
    _add(minutes, *[_query(seconds)] * 16)
    return minutes


def test_a_minute_closes_once_the_newest_event_is_past_it_by_the_lateness() -> None:
    minutes = _settled()
    _add(minutes, _query(119.9))
    assert 0 not in _starts(minutes.close(_at(119.9)))
    _add(minutes, _query(120.0))
    assert 0 in _starts(minutes.close(_at(120.0)))
    assert 0 not in _starts(minutes.close(_at(120.0)))


def test_a_closed_minute_holds_queries_errors_and_moments_of_the_latency() -> None:
    minutes = _settled(-120)
    _add(minutes, _query(1, response_time_ms=9), _query(2, response_time_ms=99, success=False))
    (minute,) = [closed for closed in minutes.close(_at(300)) if closed.start == _NOON]
    logs = [math.log(10), math.log(100)]
    counts = minute.series[_TENANT]
    assert (counts.queries, counts.errors) == (2, 1)
    assert counts.log_latency_sum == pytest.approx(sum(logs))
    assert counts.log_latency_squares == pytest.approx(sum(log * log for log in logs))


def test_failed_queries_are_counted_by_the_kind_of_their_error() -> None:
    minutes = _settled(-120)
    batch = batch_of([_query(1, success=False), _query(2, success=False), _query(3), _query(4, success=False)])
    place = batch.schema.get_field_index("error_kind")
    minutes.add(batch.set_column(place, "error_kind", pa.array(["auth", "", "auth", "auth"])), _at(4))
    (minute,) = [closed for closed in minutes.close(_at(300)) if closed.start == _NOON]
    counts = minute.series[_TENANT]
    assert (counts.errors, counts.error_kinds) == (3, {"auth": 2})


def test_tenants_and_providers_are_apart() -> None:
    minutes = _settled(-120)
    _add(minutes, _query(1), _query(2, tenant=2), _query(3, provider="shopify"))
    (minute,) = [closed for closed in minutes.close(_at(300)) if closed.start == _NOON]
    assert [counts.queries for counts in minute.series.values()] == [1, 1, 1]


def test_silent_minutes_are_told_too() -> None:
    minutes = _settled()
    minutes.close(_at(0))
    _add(minutes, _query(300))
    closed = minutes.close(_at(300))
    assert _starts(closed)[-4:] == [0, 1, 2, 3]
    assert [bool(minute.series) for minute in closed[-4:]] == [True, False, False, False]


def test_an_event_for_a_closed_minute_is_late_and_changes_nothing() -> None:
    minutes = _settled()
    _add(minutes, _query(200))
    minutes.close(_at(200))
    assert _add(minutes, _query(10), _query(201)) == 1
    assert 0 not in _starts(minutes.close(_at(600)))


def test_only_late_events_in_a_poll_are_no_problem() -> None:
    minutes = _settled()
    _add(minutes, _query(200))
    minutes.close(_at(200))
    assert _add(minutes, _query(1), _query(2), now=_at(201)) == 2


def test_an_idle_partition_closes_by_the_clock() -> None:
    minutes = _settled()
    assert 0 not in _starts(minutes.close(None))
    assert 0 not in _starts(minutes.close(_at(29)))
    assert 0 not in _starts(minutes.close(_at(119)))
    assert 0 in _starts(minutes.close(_at(120)))


def test_a_partition_is_idle_after_half_a_minute() -> None:
    minutes = MinuteSeries()
    _add(minutes, *[_query(-300)] * 16, now=_at(0))
    assert -5 not in _starts(minutes.close(_at(29.999)))
    assert -5 in _starts(minutes.close(_at(30)))


@pytest.mark.parametrize(("late", "patience"), [(600, 60), (3_600, 360), (30 * 86_400, 600)])
def test_a_partition_that_is_filled_with_history_may_pause_for_longer(late: int, patience: int) -> None:
    """A producer that is slow to send what was long ago has not fallen silent."""
    minutes = MinuteSeries()
    _add(minutes, *[_query(-late)] * 16, now=_at(0))
    assert -late // 60 not in _starts(minutes.close(_at(patience - 0.001)))
    assert minutes.watermark == _at(-late - 60)
    minutes.close(_at(patience))
    assert minutes.watermark == _at(patience - 60)


def test_a_late_straggler_does_not_make_a_live_partition_wait_longer() -> None:
    minutes = _settled()
    _add(minutes, _query(-86_400), now=_at(1))
    minutes.close(_at(31))
    assert minutes.watermark == _at(-29)


def test_a_busy_partition_that_is_behind_does_not_close_by_the_wall_clock() -> None:
    """Catching up: events of an hour ago arrive now, and the wall clock has no say while they do."""
    minutes = MinuteSeries()
    _add(minutes, _query(0), now=_at(3600))
    _add(minutes, _query(30), now=_at(3610))
    assert 0 not in _starts(minutes.close(_at(3611)))


def test_minutes_that_began_before_the_resume_point_are_incomplete() -> None:
    minutes = _settled(30)
    _add(minutes, _query(200))
    told = {start: minute.complete for minute in minutes.close(_at(200)) for start in _starts([minute])}
    assert told == {-1: False, 0: False, 1: True}


@pytest.mark.parametrize("alone", [True, False])
def test_a_first_event_that_is_thirty_days_late_does_not_make_what_was_never_seen_complete(alone: bool) -> None:
    minutes = MinuteSeries()
    late, current = _query(-30 * 86_400), [_query(30)] * 16
    if alone:
        _add(minutes, late, now=_at(29))
        assert minutes.close(_at(29)) == []
        _add(minutes, *current)
    else:
        _add(minutes, late, *current)
    closed = minutes.close(_at(240))
    assert not any(minute.complete for minute in closed if minute.start <= _NOON)
    assert all(minute.complete for minute in closed if minute.start > _NOON)


def test_a_fast_clock_does_not_make_everyone_elses_events_late() -> None:
    minutes = _settled()
    _add(minutes, _query(5 * 60), now=_at(1))
    minutes.close(_at(1))
    assert _add(minutes, _query(2), now=_at(2)) == 0


def test_the_watermark_never_goes_back() -> None:
    minutes = _settled()
    before = minutes.watermark
    _add(minutes, _query(-50), now=_at(1))
    assert minutes.watermark == before == _at(-60)


def test_after_a_long_silence_only_a_day_of_silent_minutes_is_told() -> None:
    minutes = _settled()
    minutes.close(_at(0))
    _add(minutes, _query(30 * 86_400))
    assert len(minutes.close(_at(30 * 86_400))) == 1_440 + 1


def test_nothing_closes_before_anything_arrived() -> None:
    minutes = MinuteSeries()
    assert minutes.close(_NOON) == []
    assert minutes.add(batch_of([]), _NOON) == 0
    assert minutes.watermark is None


def test_counts_start_at_zero() -> None:
    assert MinuteCounts() == MinuteCounts(queries=0, errors=0, log_latency_sum=0.0, log_latency_squares=0.0)


def test_a_minute_with_too_many_series_is_let_go_and_closes_as_incomplete_and_the_next_is_whole() -> None:
    minutes = MinuteSeries(most_series=100)
    _add(minutes, *[_query(-120)] * 16)
    for start in range(0, 300, 50):
        _add(minutes, *[_query(1, tenant=number) for number in range(start, start + 50)])
    _add(minutes, *[_query(61, tenant=number) for number in range(20)])
    closed = {minute.start: minute for minute in minutes.close(_at(400))}
    full, whole = closed[_NOON], closed[_NOON + timedelta(minutes=1)]
    assert (full.complete, full.series) == (False, {})
    assert (whole.complete, len(whole.series)) == (True, 20)
    assert minutes.take_overfull() == 1
    assert minutes.take_overfull() == 0
