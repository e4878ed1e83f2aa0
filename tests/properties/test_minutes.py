"""Closed minutes are final, in order, and hold every event that was in time exactly once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from hypothesis import given, settings
from hypothesis import strategies as st

from streams.detection.minutes import ClosedMinute, MinuteSeries
from tests.examples.queries import START_MS, Query, batch_of

_START = datetime.fromtimestamp(START_MS / 1000, UTC)
_STRANGER = 9


class Arrival(NamedTuple):
    """A poll: seconds since the poll before, and its events as (seconds before the poll, tenant)."""

    after: int
    events: list[tuple[int, int]]


def _polls(oldest: int, newest: int) -> st.SearchStrategy[list[Arrival]]:
    event = st.tuples(st.integers(newest, oldest), st.integers(1, 2))
    return st.lists(st.builds(Arrival, st.integers(0, 25), st.lists(event, min_size=1, max_size=4)), min_size=1)


# What a healthy partition delivers, and anything at all: late by up to two hours, ahead by up to five minutes.
_live = _polls(oldest=50, newest=0)
_wild = _polls(oldest=7_200, newest=-300)


def _play(arrivals: Sequence[Arrival], closes: set[int]) -> tuple[list[ClosedMinute], int]:
    """Feed a series, close at some polls and long after the last; return what closed and how many were late."""
    minutes = MinuteSeries()
    now, closed, late = _START, list[ClosedMinute](), 0
    for number, arrival in enumerate(arrivals):
        now += timedelta(seconds=arrival.after)
        late += minutes.add(batch_of(_queries(arrival, now)), now)
        if number in closes:
            closed += minutes.close(now)
    closed += minutes.close(now + timedelta(minutes=15))
    return closed, late


def _queries(arrival: Arrival, now: datetime) -> list[Query]:
    return [
        Query(0, 0, tenant=tenant, at_ms=int((now - timedelta(seconds=ago)).timestamp() * 1000))
        for ago, tenant in arrival.events
    ]


def _all(arrivals: Sequence[Arrival]) -> Counter[tuple[datetime, int]]:
    """How many events each minute and tenant really had."""
    counted: Counter[tuple[datetime, int]] = Counter()
    now = _START
    for arrival in arrivals:
        now += timedelta(seconds=arrival.after)
        for ago, tenant in arrival.events:
            counted[(now - timedelta(seconds=ago)).replace(second=0, microsecond=0), tenant] += 1
    return counted


def _told(closed: Sequence[ClosedMinute]) -> Counter[tuple[datetime, int]]:
    """How many events the closed minutes hold, by minute and tenant."""
    return Counter(
        {
            (minute.start, int.from_bytes(user, "big")): counts.queries
            for minute in closed
            for (user, _), counts in minute.series.items()
        }
    )


_closes = st.sets(st.integers(0, 8))


@settings(max_examples=50, deadline=None)
@given(arrivals=_wild, closes=_closes)
def test_every_event_is_late_or_in_the_one_closed_minute_it_belongs_to(
    arrivals: list[Arrival], closes: set[int]
) -> None:
    closed, late = _play(arrivals, closes)
    told, everything = _told(closed), _all(arrivals)
    assert told <= everything
    assert told.total() + late == everything.total()


@settings(max_examples=50, deadline=None)
@given(arrivals=_wild, closes=_closes)
def test_minutes_close_in_order_and_once(arrivals: list[Arrival], closes: set[int]) -> None:
    starts = [minute.start for minute in _play(arrivals, closes)[0]]
    assert starts == sorted(set(starts))


@settings(max_examples=50, deadline=None)
@given(arrivals=_live, closes=_closes)
def test_nothing_is_late_and_no_minute_is_left_out_while_events_arrive_within_the_allowed_lateness(
    arrivals: list[Arrival], closes: set[int]
) -> None:
    closed, late = _play(arrivals, closes)
    assert late == 0
    assert _told(closed) == _all(arrivals)
    starts = [minute.start for minute in closed]
    assert starts == [starts[0] + timedelta(minutes=i) for i in range(len(starts))]


@settings(max_examples=50, deadline=None)
@given(arrivals=_live, closes=_closes)
def test_minutes_that_began_before_the_first_events_are_incomplete(arrivals: list[Arrival], closes: set[int]) -> None:
    closed, _ = _play(arrivals, closes)
    first = arrivals[0]
    resumed = _START + timedelta(seconds=first.after - min(ago for ago, _ in first.events))
    assert not any(minute.complete for minute in closed if minute.start < resumed)
    assert closed[-1].complete


@settings(max_examples=50, deadline=None)
@given(
    arrivals=_live,
    closes=_closes,
    at=st.integers(0, 30),
    ago=st.sampled_from([30 * 86_400, 3_600, -300, -240, -61]),
)
def test_one_wrong_clock_changes_no_one_elses_minutes(
    arrivals: list[Arrival], closes: set[int], at: int, ago: int
) -> None:
    poll = 1 + at % len(arrivals)
    stray = Arrival(0, [(ago, _STRANGER)])
    without, _ = _play(arrivals, closes)
    # The stray event is a poll of its own, right after another one; what closed at the polls after it still does.
    moved = {close if close < poll else close + 1 for close in closes}
    disturbed, late = _play([*arrivals[:poll], stray, *arrivals[poll:]], moved)
    assert [minute.start for minute in disturbed] == [minute.start for minute in without]
    others = [
        {series: counts for series, counts in minute.series.items() if int.from_bytes(series[0], "big") != _STRANGER}
        for minute in disturbed
    ]
    assert others == [minute.series for minute in without]
    assert late == (1 if ago > 0 else 0)
