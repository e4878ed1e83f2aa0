"""Writes rows to the sink in batches, retries until they are durable, and reports the committable offsets.

A flush writes all pending rows table by table and only then marks their offsets safe. Rows wait at most
``flush_seconds`` and at most ``flush_rows`` of them; when ``max_rows`` are pending, ``capacity`` blocks the caller,
which stops the polling of Kafka (backpressure). While the database is unavailable the identical batch is retried;
nothing is dropped.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, NamedTuple

import pyarrow as pa

from models.counting import counted
from models.dead_letters import DeadLetter
from models.errors import SinkRejected
from sinks.dead_letters import DeadLetterRows
from sinks.sink import Sink
from streams.metrics import Metrics
from streams.offsets import SafeOffsets
from streams.placement import Moved
from streams.refused_rows import Refused, written
from streams.retry_policy import RetryPolicy
from streams.topic_processor import TABLES, Prepared

# Minimum time between flushes while inserts are fast: a few inserts a second, which ClickHouse merges easily ...
_MIN_PAUSE_SECONDS: Final = 0.25
# ... and this multiple of the previous flush's duration.
_REST: Final = 4.0
# A message that is published, a dead letter or a moved one, takes as long as so many rows.
_ROWS_PER_MESSAGE: Final = 10
_PUBLISHED_TOGETHER: Final = 1_000
_TOPICS: Final = {table: topic.name for topic, tables in TABLES.items() for table in tables}

Partition = tuple[str, int]


class Limits(NamedTuple):
    """Limits of pending rows, a message to publish counting as several, and of their waiting time."""

    flush_rows: int = 100_000
    flush_seconds: float = 1.0
    max_rows: int = 200_000

    def pause_after(self, flush_seconds: float) -> float:
        """Return how long rows may wait for the next flush, in seconds, after one that took ``flush_seconds``.

        After a slow flush the next one waits longer and is larger, so that the database is idle most of the time; while
        flushes are fast, rows become visible soon.
        """
        return min(self.flush_seconds, max(_MIN_PAUSE_SECONDS, _REST * flush_seconds))


@dataclass
class _Waiting:
    """The content of the next flush."""

    rows: dict[str, list[pa.RecordBatch]] = field(default_factory=dict)
    dead_letters: list[DeadLetter] = field(default_factory=list)
    moved: list[Moved] = field(default_factory=list)
    spans: list[tuple[Partition, int]] = field(default_factory=list)
    count: int = 0

    @property
    def weight(self) -> int:
        """Number of rows, each message to publish counted as ``_ROWS_PER_MESSAGE``."""
        return self.count + (_ROWS_PER_MESSAGE - 1) * (len(self.dead_letters) + len(self.moved))


class Delivery:
    """Buffers rows of all agents and flushes them to the sink.

    Parameters
    ----------
    take_windows
        Returns the window rows that changed since it was last called.
    publish
        Publishes dead letters (rows of ``models.rows.DEAD_LETTERS``) for other consumers; returns when Kafka has them.
    refuse
        Returns the dead letters of rows that the sink refuses for ever, and uncounts them.
    move
        Publishes messages to their home partitions; returns when Kafka has acknowledged them. ``None``: no messages are
        moved.
    clock
        Returns the current time in UTC, for ``received_at`` only.
    """

    def __init__(
        self,
        sink: Sink,
        seal: DeadLetterRows,
        metrics: Metrics,
        retry_policy: RetryPolicy,
        *,
        take_windows: Callable[[], list[pa.RecordBatch]],
        publish: Callable[[pa.RecordBatch], Awaitable[None]],
        clock: Callable[[], datetime],
        limits: Limits,
        refuse: Callable[[Sequence[Refused]], Awaitable[list[DeadLetter]]] | None = None,
        move: Callable[[Sequence[Moved]], Awaitable[None]] | None = None,
    ) -> None:
        self._sink = sink
        self._seal = seal
        self._metrics = metrics
        self._retry_policy = retry_policy
        self._take_windows = take_windows
        self._publish = publish
        self._move = move
        self._refuse = refuse
        self._clock = clock
        self._limits = limits
        self._waiting = _Waiting()
        self._offsets: dict[Partition, SafeOffsets] = {}
        self._arrived = asyncio.Event()
        self._full = asyncio.Event()
        self._flushed = asyncio.Condition()
        self._flushing = False
        self._pause = limits.pause_after(0.0)
        self.steps = 0
        """Grows with every insert and publication: a long flush is not a stalled worker."""

    async def capacity(self) -> None:
        """Wait while the number of pending rows exceeds the limit."""
        async with self._flushed:
            await self._flushed.wait_for(lambda: self._waiting.weight < self._limits.max_rows)

    def put(self, partition: Partition, last_offset: int, prepared: Prepared) -> None:
        """Add a batch whose last offset is ``last_offset``."""
        waiting = self._waiting
        self._offsets.setdefault(partition, SafeOffsets()).take_in(last_offset)
        waiting.spans.append((partition, last_offset))
        for table, batch in prepared.rows:
            waiting.rows.setdefault(table, []).append(batch)
            waiting.count += batch.num_rows
        waiting.dead_letters += prepared.dead_letters
        waiting.moved += prepared.moved
        waiting.count += len(prepared.dead_letters) + len(prepared.moved)
        self._metrics.pending.set(waiting.count)
        self._arrived.set()
        if waiting.weight >= self._limits.flush_rows:
            self._full.set()

    async def run(self) -> None:
        """Flush for ever; cancel to stop."""
        while True:
            await self._arrived.wait()
            with contextlib.suppress(TimeoutError):  # the pending rows are old enough
                # Not wait_for: Python 3.11's loses a cancellation that comes as the event is set.
                async with asyncio.timeout(self._pause):
                    await self._full.wait()
            began = asyncio.get_running_loop().time()
            await self._flush()
            self._pause = self._limits.pause_after(asyncio.get_running_loop().time() - began)

    async def drain(self, seconds: float) -> bool:
        """Flush all pending rows; return whether they became durable within ``seconds``."""
        self._full.set()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds), self._flushed:
                await self._flushed.wait_for(self._idle)
        return self._idle()

    def safe(self, partition: Partition) -> int | None:
        """Return the committable offset of a partition, ``None`` where there is nothing new to commit."""
        offsets = self._offsets.get(partition)
        return None if offsets is None else offsets.safe

    def forget(self) -> None:
        """Drop the state of every partition: after a rebalance they restart from the committed offsets."""
        self._offsets = {}  # a new dict: a flush in progress must not mark new offsets safe
        self._waiting = _Waiting()

    def _idle(self) -> bool:
        return not self._flushing and not self._waiting.spans

    async def _flush(self) -> None:
        taken, self._waiting = self._waiting, _Waiting()
        offsets = self._offsets
        self._arrived.clear()
        self._full.clear()
        self._flushing = True
        refused: list[Refused] = []
        for table in tuple(taken.rows):
            # Once joined, the batches are let go: rows are not held twice while they are written.
            refused += await written(self._write, table, _TOPICS[table], _joined(taken.rows.pop(table)))
        if refused:
            taken.dead_letters += await self._dead_letters(refused)
        # After the events: those that were refused do not count.
        if windows := self._take_windows():
            await self._write("query_windows", _joined(windows))
        if taken.dead_letters:
            letters = self._seal.rows(taken.dead_letters, received_at=self._clock())
            await self._write("dead_letters", letters)
            for start in range(0, letters.num_rows, _PUBLISHED_TOGETHER):
                await self._publish(letters.slice(start, _PUBLISHED_TOGETHER))
                self.steps += 1
        if taken.moved and self._move is not None:
            await self._move(taken.moved)
            self.steps += 1
        for partition, last in taken.spans:
            offsets[partition].finish(last)
        self._flushing = False
        self._metrics.pending.set(self._waiting.count)
        async with self._flushed:
            self._flushed.notify_all()

    async def _dead_letters(self, refused: Sequence[Refused]) -> list[DeadLetter]:
        if self._refuse is None:
            raise SinkRejected(f"ClickHouse refuses {counted(len(refused), 'row')}: {refused[0].detail}")
        return await self._refuse(refused)

    async def _write(self, table: str, batch: pa.RecordBatch) -> None:
        started = time.perf_counter()
        await self._retry_policy.until_done(self._sink.write, table, batch)
        self._metrics.insert_seconds.labels(table).observe(time.perf_counter() - started)
        self._metrics.rows.labels(table).inc(batch.num_rows)
        self.steps += 1


def _joined(batches: list[pa.RecordBatch]) -> pa.RecordBatch:
    return pa.Table.from_batches(batches).combine_chunks().to_batches()[0]
