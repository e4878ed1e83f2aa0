"""Partitions are added at any moment, whatever workers and producers do: every event counts once, and only once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.growing import GrowingTopic, GrowingWorker
from tests.unit.streams.virtual_time import in_virtual_time

_BEFORE: Final = 2
_LAYOUTS: Final = (3, 6)
_TENANTS: Final = [UUID(int=number) for number in range(1, 7)]


class Publish(NamedTuple):
    """An event is published by the layout of before, by that of now, or anywhere; it may have been before."""

    tenant: int
    event: int
    how: int


class Read(NamedTuple):
    """A worker reads some messages of a partition; the rows become durable, or not yet."""

    worker: int
    partition: int
    most: int
    flush: bool


class Die(NamedTuple):
    """A worker is killed and started."""

    worker: int


class Keep(NamedTuple):
    """A worker looks after the layouts."""

    worker: int


class Grow(NamedTuple):
    """The command runs to a point where it is interrupted."""

    finish: bool


Step = Publish | Read | Die | Keep | Grow

_workers = st.integers(0, 1)
_publish = st.builds(Publish, st.integers(0, 5), st.integers(0, 2), st.integers(0, 2))
_steps = st.lists(
    st.one_of(
        _publish,
        _publish,
        st.builds(Read, _workers, st.integers(0, 5), st.integers(1, 5), st.booleans()),
        st.builds(Read, _workers, st.integers(0, 5), st.just(99), st.just(True)),
        st.builds(Die, _workers),
        st.builds(Keep, _workers),
        st.builds(Grow, st.booleans()),
    ),
    max_size=40,
)


@in_virtual_time
async def _play(steps: Sequence[Step], seed: int) -> GrowingTopic:
    # Both workers hold every partition: each is to the other one that was asleep and does not know what it lost.
    topic = GrowingTopic(_BEFORE, seed)
    workers = [GrowingWorker(topic), GrowingWorker(topic)]
    for step in steps:
        match step:
            case Publish(tenant, event, how):
                partitions = (topic.layouts.opened[-1].partitions, _BEFORE, None)[how]
                topic.publish(_TENANTS[tenant], event, partitions)
            case Read(worker, partition, most, flush):
                await workers[worker].read(partition % topic.partitions, most)
                if flush:
                    await workers[worker].flush()
            case Die(worker):
                workers[worker] = GrowingWorker(topic)
            case Keep(worker):
                await workers[worker].keep()
            case Grow(finish):
                _grow(topic, finish=finish)
    while topic.layouts.generation < len(_LAYOUTS):
        _grow(topic, finish=False)
        last = GrowingWorker(topic)
        await last.finish()
        _grow(topic, finish=True)
    last = GrowingWorker(topic)
    await last.finish()
    # What sleepers had in memory becomes durable at the very end.
    for sleeper in workers:
        await sleeper.flush(commit=False)
    await GrowingWorker(topic).finish()
    return topic


def _grow(topic: GrowingTopic, *, finish: bool) -> None:
    generation = topic.layouts.generation
    if generation == len(_LAYOUTS):
        return
    if finish:
        topic.finish()
    else:
        topic.announce(_LAYOUTS[generation])


@pytest.mark.long
@settings(deadline=None, max_examples=8)
@given(_steps, st.integers(0, 2**32))
def test_every_event_counts_once_while_partitions_are_added_twice(steps: list[Step], seed: int) -> None:
    topic = _play(steps, seed)
    assert topic.partitions == _LAYOUTS[-1]
    assert topic.counted == (len(topic.sent), len(topic.sent))
