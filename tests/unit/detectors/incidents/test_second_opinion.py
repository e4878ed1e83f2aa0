"""ADWIN and half-space trees speak where they agree with an incident, and say nothing otherwise."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors.incidents.second_opinion import Channel, IncidentSpan, opinions
from models.minutes import MinuteCounts
from tests.examples.minutes import at, ordinary

_BEGIN, _END = 360, 400
Minutes = Sequence[tuple[datetime, MinuteCounts]]


def minutes(*, failing: float = 0.01, slower: float = 1.0, first: int = 0, rate: int = 20) -> Iterator[MinuteCounts]:
    """Ordinary minutes, and from ``_BEGIN`` on such ones."""
    for number in range(first, _END):
        strikes = number >= _BEGIN
        yield ordinary(number, rate=rate, failing=failing if strikes else 0.01, slower=slower if strikes else 1.0)


def timed(counts: Iterator[MinuteCounts], first: int = 0) -> Minutes:
    return [(at(first + number), one) for number, one in enumerate(counts)]


def span(channel: Channel, *, begin: int = _BEGIN, until: int = _END - 1) -> IncidentSpan:
    return IncidentSpan(channel, at(begin), at(until))


def test_both_agree_with_a_burst_of_errors_and_adwin_says_by_when() -> None:
    adwin, trees = opinions(timed(minutes(failing=0.5)), span("errors"))
    said = re.fullmatch(r"ADWIN: the error rate had changed by (\d\d):(\d\d) UTC\.", adwin)
    assert said is not None
    assert _BEGIN < 60 * int(said[1]) + int(said[2]) < _BEGIN + 20
    assert trees == (
        "HalfSpaceTrees: these minutes score higher than 99 % of 172 before, by error rate and response time."
    )


def test_both_agree_with_slower_answers() -> None:
    adwin, trees = opinions(timed(minutes(slower=2.5)), span("latency"))
    assert "the response time had changed" in adwin
    assert trees.startswith("HalfSpaceTrees")


@pytest.mark.parametrize("channel", ["errors", "latency"])
def test_neither_agrees_where_minutes_are_as_before(channel: Channel) -> None:
    assert opinions(timed(minutes()), span(channel)) == ()


def test_adwin_does_not_agree_where_what_is_told_of_did_not_change() -> None:
    said = opinions(timed(minutes(slower=2.5)), span("errors"))
    assert not any("ADWIN" in one for one in said)


def test_fewer_errors_and_faster_answers_are_no_incident() -> None:
    recovering = [ordinary(number, failing=0.5 if number < _BEGIN else 0.0) for number in range(_END)]
    assert opinions(timed(iter(recovering)), span("errors")) == ()


def test_a_change_hours_before_is_not_about_the_incident() -> None:
    since_long = [ordinary(number, failing=0.01 if number < 150 else 0.5) for number in range(_END)]
    assert opinions(timed(iter(since_long)), span("errors")) == ()


def test_with_too_few_minutes_there_is_no_opinion() -> None:
    first = _BEGIN - 15 - 119
    few = timed(minutes(failing=0.5, first=first), first)
    assert opinions(few, span("errors")) == ()
    enough = timed(minutes(failing=0.5, first=first - 1), first - 1)
    assert len(opinions(enough, span("errors"))) == 2
    assert opinions([], span("errors")) == ()
    assert opinions(enough[: 120 + 13], span("errors", until=_BEGIN)) == (), "none of the incident itself"


def test_at_the_first_signal_the_minutes_just_before_it_count_as_the_incident() -> None:
    early = timed(minutes(failing=0.8))
    said = opinions(early, span("errors", begin=_BEGIN + 2, until=_BEGIN + 2))
    assert [one.partition(":")[0] for one in said] == ["HalfSpaceTrees"]


def test_what_came_more_than_two_hours_after_the_beginning_changes_nothing() -> None:
    long = [ordinary(number, failing=0.5 if _BEGIN <= number < _END else 0.01) for number in range(600)]
    told = opinions(timed(iter(long)), span("errors", until=599))
    assert told == opinions(timed(iter(long[: _BEGIN + 121])), span("errors", until=_BEGIN + 120))


def test_it_says_the_same_each_time() -> None:
    seen = timed(minutes(failing=0.5))
    assert opinions(seen, span("errors")) == opinions(seen, span("errors"))


@settings(max_examples=50, deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(0, 50), st.integers(0, 50), st.floats(0.0, 1e6, allow_nan=False)),
        min_size=100,
        max_size=300,
    ),
    st.sampled_from(["errors", "latency"]),
)
def test_no_minutes_break_it(drawn: list[tuple[int, int, float]], channel: Channel) -> None:
    counts = [MinuteCounts(queries, min(errors, queries), log) for queries, errors, log in drawn]
    said = opinions(timed(iter(counts)), span(channel, begin=200, until=300))
    assert len(said) <= 2
