"""A query counts in its tenant's home partition, whatever partition its producer chose."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from uuid import UUID, uuid5

import pytest

from models.topics import HEALTH, INTELLIGENCE, OUTCOMES, QUERIES, Topic
from sinks.dead_letters import DeadLetterRows
from sinks.memory import MemorySink
from storage.payload_cipher import PayloadCipher
from streams.delivery import Limits
from streams.java_partitioner import home_partitions
from streams.metrics import Metrics
from streams.pipeline import Pipeline
from streams.placement import MOVED_HEADER, Moved, Moving
from streams.pseudonyms import Pseudonymiser
from tests.examples.events import KEY, NOW, SECRET, Record, message
from tests.unit.streams.virtual_time import in_virtual_time

_HOME = home_partitions(8)(KEY)
_AWAY = (_HOME + 1) % 8


class _Cluster:
    """A pipeline that holds every partition, and a log that what is moved is appended to."""

    def __init__(self, sink: MemorySink, *, moving: bool = True) -> None:
        self.sink = sink
        self.metrics = Metrics()
        self.moved: list[Moved] = []
        self.pipeline = Pipeline(
            sink,
            self.metrics,
            Pseudonymiser(SECRET, "k1"),
            DeadLetterRows(PayloadCipher(SECRET)),
            epochs={topic.name: 11 for topic in (QUERIES, OUTCOMES, HEALTH, INTELLIGENCE)},
            publish=_nowhere,
            clock=lambda: NOW,
            limits=Limits(flush_seconds=0.1),
            moving=Moving(8, home_partitions, self._move) if moving else None,
        )

    async def read(self, topic: Topic, partition: int, records: Sequence[Record]) -> None:
        """Take records in and make them durable, and with them what was moved."""
        place = (topic.name, partition)
        if not self.pipeline.holds(place):
            await self.pipeline.resume(place, records[0].offset, None, lambda: True)
        await self.pipeline.handle({place: records}, lambda: True)
        task = asyncio.create_task(self.pipeline.delivery.run())
        assert await self.pipeline.delivery.drain(60)
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task

    async def deliver_moved(self, first: int) -> None:
        """Read what was moved, at the home partition's offsets from ``first`` on."""
        moved, self.moved = self.moved, []
        for number, one in enumerate(moved):
            header = (MOVED_HEADER, one.origin.encode())
            await self.read(QUERIES, one.partition, [Record(first + number, one.key, one.value, (header,))])

    async def _move(self, messages: Sequence[Moved]) -> None:
        self.moved += messages

    @property
    def counted(self) -> tuple[int, int]:
        """Queries by windows, and by rows."""
        windows = self.sink.rows("query_windows")
        return sum(row["queries"] for row in windows), len(self.sink.rows("integration_query_metrics"))


async def _nowhere(_letters: object) -> None:
    raise AssertionError("nothing is rejected here")


def _records(count: int, first: int = 0) -> list[Record]:
    ids = [str(uuid5(UUID(int=0), str(number))) for number in range(count)]
    return [Record(first + n, KEY, message(QUERIES, event_id=event_id)) for n, event_id in enumerate(ids)]


@in_virtual_time
async def test_the_same_events_in_two_partitions_count_once() -> None:
    cluster = _Cluster(MemorySink())
    await cluster.read(QUERIES, _AWAY, _records(10))
    await cluster.read(QUERIES, _HOME, _records(10))
    await cluster.deliver_moved(10)
    assert cluster.counted == (10, 10)
    assert cluster.metrics.registry.get_sample_value("romashka_events_total", {"topic": QUERIES.name}) == 20
    assert cluster.metrics.registry.get_sample_value("romashka_repeated_events_total", {"topic": QUERIES.name}) == 10


@in_virtual_time
async def test_events_in_another_partition_than_home_are_moved_with_every_byte_and_committed() -> None:
    cluster = _Cluster(MemorySink())
    records = _records(3, first=5)
    await cluster.read(QUERIES, _AWAY, records)
    assert cluster.counted == (0, 0)
    assert [(one.partition, one.key, one.value) for one in cluster.moved] == [(_HOME, KEY, r.value) for r in records]
    assert cluster.moved[0].origin == f"{QUERIES.name}/{_AWAY}/5"
    assert cluster.pipeline.durable_offset((QUERIES.name, _AWAY)) == 8
    await cluster.deliver_moved(0)
    assert cluster.counted == (3, 3)


@in_virtual_time
async def test_what_was_moved_once_stays_where_it_is() -> None:
    """Two workers that disagree about the number of partitions must not send a message to and fro for ever."""
    cluster = _Cluster(MemorySink())
    (record,) = _records(1)
    await cluster.read(QUERIES, _AWAY, [record._replace(headers=((MOVED_HEADER, b"x/1/2"),))])
    assert (cluster.counted, cluster.moved) == ((1, 1), [])


@in_virtual_time
async def test_what_was_counted_in_a_partition_before_stays_there_when_it_is_read_again() -> None:
    """After an upgrade, and after partitions were added, a restart reads records whose home was here."""
    sink = MemorySink()
    await _Cluster(sink, moving=False).read(QUERIES, _AWAY, _records(4))
    cluster = _Cluster(sink)
    await cluster.read(QUERIES, _AWAY, _records(6))
    await cluster.deliver_moved(0)
    assert cluster.counted == (6, 6)


@in_virtual_time
@pytest.mark.parametrize("topic", [OUTCOMES, HEALTH, INTELLIGENCE], ids=lambda topic: topic.event.__name__)
async def test_rows_of_other_topics_collapse_whatever_their_partition(topic: Topic) -> None:
    cluster = _Cluster(MemorySink())
    for partition in (_HOME, _AWAY):
        await cluster.read(topic, partition, [Record(1, KEY, message(topic))])
    tables = {"OutcomeEvent": "conversation_outcomes", "HealthEvent": "integration_health_history"}
    assert len(cluster.sink.rows(tables.get(topic.event.__name__, "conversation_intelligence"))) == 1
    assert cluster.moved == []
