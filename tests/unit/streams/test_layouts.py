"""Where an event counts while the number of partitions changes."""

from __future__ import annotations

from uuid import UUID

import pytest

from models.keys import key_of
from models.layouts import Layout
from models.topics import QUERIES
from streams.decode import RecordSource
from streams.java_partitioner import home_partitions
from streams.layout_markers import LAYOUT_HEADER, LayoutMarkers, Marker
from streams.partition import OffsetRange, inherited_ranges, needs_inherited
from streams.windows import CHUNK_SIZE
from tests.examples.events import SECRET, Record
from tests.growing import EPOCH, MARKERS, GrowingTopic, GrowingWorker
from tests.unit.streams.virtual_time import in_virtual_time

_BEFORE, _AFTER = 2, 3


def _moving_tenant() -> UUID:
    """Return a tenant whose home becomes the new partition."""
    return next(UUID(int=i) for i in range(1, 99) if home_partitions(_AFTER)(key_of(UUID(int=i))) == _AFTER - 1)


async def _grown(topic: GrowingTopic) -> GrowingWorker:
    """Let a worker read everything, add partitions, and return a worker that knows them."""
    topic.announce(_AFTER)
    await GrowingWorker(topic).finish()
    topic.finish()
    assert topic.layouts.generation == 1
    return GrowingWorker(topic)


@in_virtual_time
async def test_an_event_that_is_sent_again_after_the_change_counts_once() -> None:
    topic, tenant = GrowingTopic(_BEFORE, 1), _moving_tenant()
    topic.publish(tenant, 1, _BEFORE)
    worker = await _grown(topic)
    topic.publish(tenant, 1, _AFTER)
    topic.publish(tenant, 1, _BEFORE)
    topic.publish(tenant, 2, _AFTER)
    await worker.finish()
    assert topic.counted == (2, 2)
    places = {(row["partition"], row["queries"]) for row in topic.sink.rows("query_windows")}
    assert places == {(home_partitions(_BEFORE)(key_of(tenant)), 1), (_AFTER - 1, 1)}


@in_virtual_time
async def test_a_message_that_was_moved_behind_the_marker_is_moved_on() -> None:
    topic, tenant = GrowingTopic(_BEFORE, 1), _moving_tenant()
    home = home_partitions(_BEFORE)(key_of(tenant))
    elsewhere = next(n for n in range(3, 99) if home_partitions(n)(key_of(tenant)) == 1 - home)
    topic.publish(tenant, 1, elsewhere)
    topic.announce(_AFTER)
    worker = GrowingWorker(topic)
    await worker.read(1 - home, 99)
    await worker.flush()
    assert topic.logs[home][-1].headers
    await worker.finish()
    topic.finish()
    topic.publish(tenant, 1, _AFTER)
    await GrowingWorker(topic).finish()
    assert topic.counted == (1, 1)


@in_virtual_time
async def test_nothing_behind_a_marker_is_taken_in_before_the_layout_is_in_force() -> None:
    topic, tenant = GrowingTopic(_BEFORE, 1), _moving_tenant()
    topic.publish(tenant, 1, _BEFORE)
    topic.announce(_AFTER)
    topic.publish(tenant, 2, _BEFORE)
    worker = GrowingWorker(topic)
    for partition in range(_BEFORE):
        await worker.read(partition, 99)
    await worker.keep()
    pending = topic.layouts.pending
    assert pending is not None
    assert pending.drained == {}, "nothing is durable yet"
    await worker.flush()
    await worker.keep()
    pending = topic.layouts.pending
    assert pending is not None
    assert pending.drained == {
        number: topic.logs[number][-2 if number == home else -1].offset
        for number in range(_BEFORE)
        for home in [home_partitions(_BEFORE)(key_of(tenant))]
    }
    assert topic.counted == (1, 1)
    await GrowingWorker(topic).finish()  # another worker does not pass either
    assert topic.counted == (1, 1)
    topic.finish()
    await worker.keep()
    await worker.finish()
    assert topic.counted == (2, 2)


@in_virtual_time
async def test_partitions_that_somebody_adds_move_no_tenant() -> None:
    topic, tenant = GrowingTopic(_BEFORE, 1), _moving_tenant()
    topic.publish(tenant, 1, _BEFORE)
    await GrowingWorker(topic).finish()
    topic.partitions = _AFTER
    topic.publish(tenant, 1, _AFTER)
    topic.publish(tenant, 2, _AFTER)
    await GrowingWorker(topic).finish()
    assert topic.counted == (2, 2)


def test_a_marker_holds_for_its_own_place_and_secret_alone() -> None:
    source = RecordSource(QUERIES.name, EPOCH, 1)
    header = MARKERS.header(source, 3)

    def found(markers: LayoutMarkers, source: RecordSource, header: bytes, key: bytes | None = None) -> Marker | None:
        return markers.found(Record(7, key, b"", ((LAYOUT_HEADER, header),)), source)

    assert found(MARKERS, source, header) == Marker(7, 3)
    assert found(LayoutMarkers([b"new" * 11, SECRET]), source, header) == Marker(7, 3)
    assert found(LayoutMarkers([b"new" * 11]), source, header) is None
    assert found(MARKERS, source._replace(partition=2), header) is None
    assert found(MARKERS, source._replace(topic_epoch=1), header) is None
    assert found(MARKERS, source, header, key=b"tenant") is None
    for forged in (b"", b":", b"4" + header[1:], b"3:", b"9" * 99, header[:-1], "³:".encode()):
        assert found(MARKERS, source, forged) is None


@pytest.mark.parametrize(
    ("second", "ranges"),
    [
        # The second change came long after the first: ids of the partitions before it are forgotten.
        (9 * CHUNK_SIZE, [(0, OffsetRange(5 * CHUNK_SIZE, 9 * CHUNK_SIZE))]),
        # Soon after it: they are still remembered.
        (
            4 * CHUNK_SIZE + 9,
            [(0, OffsetRange(0, 4 * CHUNK_SIZE + 9)), (0, OffsetRange(0, 7)), (1, OffsetRange(0, CHUNK_SIZE))],
        ),
    ],
)
def test_ids_cross_two_changes_that_follow_closely(second: int, ranges: list[tuple[int, OffsetRange]]) -> None:
    layouts = (Layout(0, 2), Layout(1, 3, {0: 7, 1: CHUNK_SIZE}), Layout(2, 6, {0: second}))
    assert inherited_ranges(layouts, 2) == ranges
    assert needs_inherited(second, second + 5 * CHUNK_SIZE - second % CHUNK_SIZE - 1)
    assert not needs_inherited(second, second + 5 * CHUNK_SIZE)
