"""Which series share a statement: it may not grow without bound, and nobody reads the long history of another."""

from __future__ import annotations

from datetime import datetime, timedelta

from streams.detection.history_groups import (
    HISTORY,
    MINUTES_PER_STATEMENT,
    SERIES_PER_STATEMENT,
    of_history,
    of_states,
)
from streams.detection.series_monitor import MINUTE, SeriesMonitor
from tests.examples.minutes import at


def _monitor(number: int, scored_through: datetime | None) -> SeriesMonitor:
    monitor = SeriesMonitor((number.to_bytes(16, "big"), "hubspot"))
    monitor.scored_through = scored_through
    return monitor


def test_series_without_a_state_read_all_their_history_four_at_a_time() -> None:
    groups = list(of_history([_monitor(number, None) for number in range(10)], at(0)))
    assert [len(some) for _, some in groups] == [4, 4, 2]
    assert {since for since, _ in groups} == {at(0) - HISTORY}


def test_series_that_missed_minutes_are_read_in_one_statement() -> None:
    monitors = [_monitor(number, at(0) - timedelta(minutes=5)) for number in range(SERIES_PER_STATEMENT)]
    ((since, some),) = of_history(monitors, at(0))
    assert since == at(-4)
    assert some == monitors


def test_no_statement_reads_more_minutes_or_series_than_it_may_and_none_is_left_out() -> None:
    missed = [0, 1, 5, 60, 600, 6_000, 60_000, 600_000, None]
    monitors = [
        _monitor(number, None if (minutes := missed[number % len(missed)]) is None else at(0) - minutes * MINUTE)
        for number in range(2_000)
    ]
    groups = list(of_history(monitors, at(0)))
    assert sorted(one.series for _, some in groups for one in some) == sorted(one.series for one in monitors)
    for since, some in groups:
        assert len(some) <= SERIES_PER_STATEMENT
        assert len(some) * ((at(0) - since) // MINUTE) <= MINUTES_PER_STATEMENT
        assert all(
            one.scored_through is None or since <= one.scored_through + MINUTE
            for one in some
            if since > at(0) - HISTORY
        )
    assert [since for since, _ in groups] == sorted(since for since, _ in groups)


def test_states_are_read_in_groups() -> None:
    assert [len(some) for some in of_states(range(SERIES_PER_STATEMENT + 1))] == [SERIES_PER_STATEMENT, 1]
    assert list(of_states([])) == []
