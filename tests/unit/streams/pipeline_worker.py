"""A pipeline without Kafka, and records for it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from uuid import UUID, uuid5

import pyarrow as pa

from models.topics import INGEST, QUERIES, Topic
from sinks.dead_letters import DeadLetterRows
from sinks.memory import MemorySink
from storage.payload_cipher import PayloadCipher
from streams.decode import Record
from streams.delivery import Limits
from streams.metrics import Metrics
from streams.partition import OffsetRange
from streams.pipeline import Pipeline
from streams.pseudonyms import Pseudonymiser
from streams.refused_rows import ReadAgain
from tests.examples import events
from tests.examples.events import NOW, SECRET, message

PARTITION = 3
EPOCH = 11
QUERIES_PARTITION = (QUERIES.name, PARTITION)


class Worker:
    """A pipeline that is asked nothing but what a worker asks."""

    def __init__(
        self,
        sink: MemorySink | None = None,
        *,
        new_tenants_per_hour: int = 0,
        read_again: ReadAgain | None = None,
        new_pipeline: Callable[..., Pipeline] = Pipeline,
    ) -> None:
        self.sink = sink or MemorySink()
        self.metrics = Metrics()
        self.published: list[pa.RecordBatch] = []
        self.now = NOW
        self.pipeline = new_pipeline(
            self.sink,
            self.metrics,
            Pseudonymiser(SECRET, "k1"),
            DeadLetterRows(PayloadCipher(SECRET)),
            epochs={topic.name: EPOCH for topic in INGEST},
            publish=self._publish,
            clock=lambda: self.now,
            limits=Limits(flush_rows=100_000, flush_seconds=0.2),
            new_tenants_per_hour=new_tenants_per_hour,
            read_again=read_again,
        )

    async def read(self, topic: Topic, records: Sequence[Record], trimmed: OffsetRange | None = None) -> None:
        """Take in a poll, the first one of a partition after resuming it."""
        partition = (topic.name, PARTITION)
        if not self.pipeline.holds(partition):
            await self.pipeline.resume(partition, records[0].offset, trimmed, ours)
        await self.pipeline.handle({partition: records}, ours)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Let its delivery run meanwhile."""
        task = asyncio.create_task(self.pipeline.delivery.run())
        yield
        task.cancel()
        await asyncio.wait([task])

    async def flush(self) -> None:
        """Make durable what was taken in."""
        async with self.running():
            assert await self.pipeline.delivery.drain(3600)

    def metric(self, name: str, **labels: str) -> float:
        """Return a metric's value, 0 where nothing was counted."""
        return self.metrics.registry.get_sample_value(f"romashka_{name}", labels) or 0.0

    async def _publish(self, letters: pa.RecordBatch) -> None:
        self.published.append(letters)


def ours() -> bool:
    return True


def theirs() -> bool:
    return False


def record_of(topic: Topic, offset: int, **fields: object) -> events.Record:
    unique = {"event_id": str(event_id_of(offset)), **fields}
    return events.Record(offset, events.KEY, message(topic, **unique))


def event_id_of(number: int) -> UUID:
    return uuid5(UUID(int=0), str(number))


def bad_record(offset: int) -> events.Record:
    return events.Record(offset, events.KEY, b"{")
