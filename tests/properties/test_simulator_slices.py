"""The traffic is the same however time is sliced, and valid whatever the seed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter

from models.topics import INGEST
from simulator.incidents import one_of_each
from simulator.rows import Message
from simulator.scenario import Scenario
from simulator.tenants import DEFAULT_TENANTS

START = datetime(2026, 3, 2, 17, 41, 12, 345_000, tzinfo=UTC)
SPAN = timedelta(days=8, hours=6)
MS = timedelta(milliseconds=1)
TENANTS = DEFAULT_TENANTS[2:4]
# Busy enough at the larger tenant from the eighth day on that blocks become hours.
SCENARIO = Scenario(
    seed=8,
    start=START,
    end=START + timedelta(days=8),
    tenants=TENANTS,
    rate=0.02,
    live_rate=0.5,
    incidents_per_day=1.5,
    incidents=one_of_each(TENANTS, START + timedelta(days=8), timedelta(hours=2), timedelta(hours=5)),
)
MOMENTS = st.integers(0, SPAN // MS).map(lambda ms: START + ms * MS)


@cache
def _whole() -> tuple[Message, ...]:
    return tuple(SCENARIO.feed(START).until(START + SPAN))


@pytest.mark.long
@settings(max_examples=10, deadline=None)
@given(cuts=st.lists(MOMENTS, max_size=12))
def test_any_slicing_of_time_gives_the_same_bytes_in_the_same_order(cuts: list[datetime]) -> None:
    feed = SCENARIO.feed(START)
    parts = [feed.until(cut) for cut in [*sorted(cuts), START + SPAN]]
    assert tuple(message for part in parts for message in part) == _whole()


@pytest.mark.long
@settings(max_examples=10, deadline=None)
@given(middle=MOMENTS)
def test_a_feed_that_begins_in_the_middle_goes_on_where_another_stopped(middle: datetime) -> None:
    before = SCENARIO.feed(START).until(middle)
    after = SCENARIO.feed(middle).until(START + SPAN)
    assert tuple(before + after) == _whole()


def test_the_slices_above_hold_every_topic_and_both_lengths_of_block() -> None:
    feed = SCENARIO.feed(START)
    for span in (feed.until(SCENARIO.end), feed.until(START + SPAN)):
        assert len(span) > 1_000
        assert {topic for topic, _, _ in span} == {topic.name for topic in INGEST}


@settings(max_examples=8, deadline=None)
@given(seed=st.integers(0, 2**63), shift=st.integers(0, 400), rate=st.sampled_from([0.01, 0.1]))
def test_events_of_any_seed_satisfy_their_contracts(seed: int, shift: int, rate: float) -> None:
    start = START + timedelta(days=shift)
    scenario = Scenario(seed, start, start + timedelta(hours=10), rate=rate, incidents_per_day=20.0)
    messages = [message for batch in scenario.history() for message in batch]
    for topic in INGEST:
        adapter = TypeAdapter(topic.event)
        for value in (value for name, _, value in messages if name == topic.name):
            adapter.validate_json(value)


@pytest.mark.parametrize("seconds", [1, 60])
def test_live_seconds_add_up_to_history(seconds: int) -> None:
    begin, end = SCENARIO.end, SCENARIO.end + timedelta(minutes=20)
    feed, reached, taken = SCENARIO.feed(begin), begin, list[Message]()
    while reached < end:
        reached += timedelta(seconds=seconds)
        taken += feed.until(reached)
    assert taken == SCENARIO.feed(begin).until(end)
    assert len(taken) > 50
