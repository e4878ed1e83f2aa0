"""A topic whose partitions grow, and workers on it that die, fall asleep and wake up; without Kafka and ClickHouse."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections import defaultdict
from collections.abc import Sequence
from typing import Final
from uuid import UUID, uuid5

from models.keys import key_of
from models.layouts import Layouts
from models.topics import INGEST, QUERIES
from sinks.dead_letters import DeadLetterRows
from sinks.memory import MemorySink
from storage.payload_cipher import PayloadCipher
from streams.decode import RecordSource
from streams.delivery import Limits
from streams.java_partitioner import home_partitions
from streams.layout_keeper import LayoutKeeper
from streams.layout_markers import LAYOUT_HEADER, LayoutMarkers
from streams.layouts import begin_layouts, open_layout, plan_layout
from streams.metrics import Metrics
from streams.pipeline import Pipeline
from streams.placement import MOVED_BY_HEADER, MOVED_HEADER, Moved, Moving
from streams.pseudonyms import Pseudonymiser
from tests.examples.events import NOW, SECRET, Record, message

EPOCH: Final = 11
MARKERS: Final = LayoutMarkers([SECRET])
# Far enough apart that a few events reach over several chunks, near enough that repeats are remembered.
_LONGEST_STEP: Final = 2_500

Headers = tuple[tuple[str, bytes], ...]


class GrowingTopic:
    """The log of the query topic, its committed offsets, and the database."""

    def __init__(self, partitions: int, seed: int) -> None:
        self.sink = MemorySink()
        self.partitions = partitions
        self.logs: defaultdict[int, list[Record]] = defaultdict(list)
        self.committed: defaultdict[int, int] = defaultdict(int)
        self.sent: set[UUID] = set()
        self._ends: defaultdict[int, int] = defaultdict(int)
        self._random = random.Random(seed)
        begin_layouts(self.sink, EPOCH, partitions)

    @property
    def layouts(self) -> Layouts:
        return self.sink.layouts(EPOCH)

    def append(self, partition: int, key: bytes | None, value: bytes, headers: Headers = ()) -> None:
        """Add a message; offsets of aborted transactions may lie before it."""
        assert partition < self.partitions
        offset = self._ends[partition] + self._random.randrange(_LONGEST_STEP)
        self.logs[partition].append(Record(offset, key, value, headers))
        self._ends[partition] = offset + 1

    def publish(self, tenant: UUID, event: int, partitions: int | None = None) -> None:
        """Publish a tenant's event by the layout of so many partitions; ``None``: anywhere."""
        event_id = uuid5(tenant, str(event))
        value = message(QUERIES, user_id=str(tenant), event_id=str(event_id))
        home = (
            self._random.randrange(self.partitions)
            if partitions is None
            else home_partitions(partitions)(key_of(tenant))
        )
        self.append(home, key_of(tenant), value)
        self.sent.add(event_id)

    def announce(self, partitions: int) -> None:
        """Plan a layout, if none is planned, and write a marker into every partition that is not drained."""
        layouts = self.layouts
        pending = layouts.pending
        if pending is None:
            pending = plan_layout(self.sink, EPOCH, layouts.generation + 1, partitions).pending
        assert pending is not None
        for number in set(range(self.partitions)).difference(pending.drained):
            header = MARKERS.header(RecordSource(QUERIES.name, EPOCH, number), pending.generation)
            self.append(number, None, b"", ((LAYOUT_HEADER, header),))

    def finish(self) -> None:
        """Add partitions and open the planned layout, if every partition is drained."""
        pending = self.layouts.pending
        if pending is None or set(range(self.partitions)).difference(pending.drained):
            return
        self.partitions = max(self.partitions, pending.partitions)
        open_layout(self.sink, EPOCH, pending.generation, pending.partitions, pending.drained)

    @property
    def counted(self) -> tuple[int, int]:
        """Queries by windows, and by rows."""
        windows = self.sink.rows("query_windows")
        return sum(row["queries"] for row in windows), len(self.sink.rows("integration_query_metrics"))


class GrowingWorker:
    """A worker that believes to hold every partition, until it is dropped."""

    def __init__(self, topic: GrowingTopic) -> None:
        self._topic = topic
        self.pipeline = Pipeline(
            topic.sink,
            Metrics(),
            Pseudonymiser(SECRET, "k1"),
            DeadLetterRows(PayloadCipher(SECRET)),
            epochs={one.name: EPOCH for one in INGEST},
            publish=_nowhere,
            clock=lambda: NOW,
            limits=Limits(flush_seconds=0.1),
            moving=Moving(topic.partitions, home_partitions, self._move, MARKERS),
        )
        self._read: dict[int, int] = {}
        assert self.pipeline.placement is not None
        keeper = LayoutKeeper(self.pipeline, self.pipeline.placement, topic.sink, EPOCH, self.rebalance)
        self._keeper = keeper

    async def rebalance(self) -> None:
        """Begin again at the committed offsets."""
        self.pipeline.forget()
        self._read.clear()

    def behind(self, partition: int) -> Sequence[Record]:
        """Return the messages of a partition that it has not read."""
        start = self._read.setdefault(partition, self._topic.committed[partition])
        return [record for record in self._topic.logs[partition] if record.offset >= start]

    async def read(self, partition: int, most: int) -> None:
        """Read so many messages of a partition, as the app does."""
        records = self.behind(partition)[:most]
        if not records:
            return
        self._read[partition] = records[-1].offset + 1
        place = (QUERIES.name, partition)
        if self.pipeline.waits(place):
            return
        if not self.pipeline.holds(place):
            await self.pipeline.resume(place, records[0].offset, None, lambda: True)
        await self.pipeline.handle({place: records}, lambda: True)

    async def flush(self, *, commit: bool = True) -> None:
        """Make everything durable, and commit."""
        task = asyncio.create_task(self.pipeline.delivery.run())
        assert await self.pipeline.delivery.drain(60)
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        if commit:
            for partition in range(self._topic.partitions):
                safe = self.pipeline.safe_offset((QUERIES.name, partition))
                self._topic.committed[partition] = max(self._topic.committed[partition], safe or 0)

    async def keep(self) -> None:
        """Let it look after the layouts."""
        await self._keeper.step()

    async def finish(self) -> None:
        """Read everything, and what is moved meanwhile."""
        for _ in range(20):
            for partition in range(self._topic.partitions):
                await self.read(partition, 10_000)
            await self.flush()
            await self.keep()
            if not any(self.behind(partition) for partition in range(self._topic.partitions)):
                return
        raise AssertionError("messages are moved for ever")

    async def _move(self, messages: Sequence[Moved]) -> None:
        for one in messages:
            by = str(one.generation).encode()
            self._topic.append(
                one.partition, one.key, one.value, ((MOVED_HEADER, one.origin.encode()), (MOVED_BY_HEADER, by))
            )


async def _nowhere(_letters: object) -> None:
    raise AssertionError("nothing is rejected here")
