"""A delivery in front of a sink in memory, for tests: what it reads from, what it publishes to, and its clock."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import pyarrow as pa

from models.dead_letters import DeadLetter
from sinks.dead_letters import DeadLetterRows
from sinks.memory import MemorySink
from storage.payload_cipher import PayloadCipher
from streams.delivery import Delivery, Limits
from streams.metrics import Metrics
from streams.retry_policy import RetryPolicy
from streams.topic_processor import Prepared
from tests.examples.events import NOW, SECRET
from tests.examples.queries import Query, batch_of

PARTITION = ("integration.queries.v1", 3)
TABLE = "integration_query_metrics"


class Journal(MemorySink):
    """A sink in memory that also remembers every attempt to write, in order."""

    def __init__(self) -> None:
        super().__init__()
        self.attempts: list[tuple[str, pa.RecordBatch]] = []
        self.written: list[tuple[str, pa.RecordBatch]] = []

    def write(self, table: str, batch: pa.RecordBatch) -> None:
        """Note the attempt, then write."""
        self.attempts.append((table, batch))
        super().write(table, batch)
        self.written.append((table, batch))


class Place:
    """Everything around a ``Delivery``; the windows it is to write next lie in ``windows``."""

    def __init__(self, limits: Limits) -> None:
        self.sink = Journal()
        self.metrics = Metrics()
        self.windows: list[pa.RecordBatch] = []
        self.published: list[pa.RecordBatch] = []
        self.kafka_takes_them = asyncio.Event()
        self.kafka_takes_them.set()
        self.delivery = Delivery(
            self.sink,
            DeadLetterRows(PayloadCipher(SECRET)),
            self.metrics,
            RetryPolicy(self.metrics),
            take_windows=self._take_windows,
            publish=self._publish,
            clock=lambda: NOW,
            limits=limits,
        )

    @property
    def offsets(self) -> list[int]:
        """The offsets of the queries that were written, in that order, repeats included."""
        batches = [batch for table, batch in self.sink.written if table == TABLE]
        return [offset for batch in batches for offset in batch["kafka_offset"].to_numpy().tolist()]

    def put(self, *queries: int, rejected: Sequence[int] = ()) -> None:
        """Hand over one batch with a query at each of the offsets ``queries``, and rejections at the others."""
        rows = [(TABLE, batch_of(Query(offset, offset) for offset in queries))] if queries else []
        self.delivery.put(PARTITION, max([*queries, *rejected]), Prepared(rows, [_letter(at) for at in rejected]))

    @asynccontextmanager
    async def running(self) -> AsyncIterator[asyncio.Task[None]]:
        """Run the delivery meanwhile; what ended it is raised at the end."""
        task = asyncio.create_task(self.delivery.run())
        try:
            yield task
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    def _take_windows(self) -> list[pa.RecordBatch]:
        taken, self.windows = self.windows, []
        return taken

    async def _publish(self, letters: pa.RecordBatch) -> None:
        await self.kafka_takes_them.wait()
        self.published.append(letters)


def _letter(offset: int) -> DeadLetter:
    topic, partition = PARTITION
    return DeadLetter(topic, 11, partition, offset, "decode", "invalid_json", "not JSON", b"key", b"{")
