"""Gauges of the consumer, measured every few seconds: lag, committed offset, position."""

from __future__ import annotations

import asyncio
import time
from typing import Final

from faust.types import TP

from models.errors import RomashkaError
from models.topics import INGEST
from streams.app import AnalyticsApp
from streams.metrics import Metrics
from streams.transport import LogState
from streams.watchdog import Progress

GAUGE_SECONDS: Final = 2.0
# The broker was not heard of for this long: gauges are stale, and the watchdog counts it as work not done.
SILENCE_SECONDS: Final = 10.0
INGEST_NAMES: Final = frozenset(topic.name for topic in INGEST)


class Gauges:
    """Lag, commits and the watermark, measured every few seconds; and the progress for the watchdog."""

    def __init__(self, app: AnalyticsApp, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics
        self._behind = False
        self._shown: set[TP] = set()
        self._heard = time.monotonic()

    async def run(self) -> None:
        """Measure for ever; cancel to stop."""
        while True:
            await asyncio.sleep(GAUGE_SECONDS)
            partitions = [tp for tp in self._app.batches.assignment() if tp.topic in INGEST_NAMES]
            if partitions:
                await self._measure(partitions)

    @property
    def silent(self) -> bool:
        """Whether Kafka was not heard of for long."""
        return time.monotonic() - self._heard > SILENCE_SECONDS

    def standing(self) -> Progress:
        """Return what the watchdog needs; called from its thread."""
        pipeline = self._app.pipeline
        excused = pipeline.retry_policy.waiting or bool(pipeline.placement and pipeline.placement.holds)
        return Progress(pipeline.handled + pipeline.delivery.steps, self._behind or self.silent, excused)

    async def _measure(self, partitions: list[TP]) -> None:
        consumer = self._app.batches
        pipeline = self._app.pipeline
        began, assignment = pipeline.now, pipeline.assignments
        try:
            async with asyncio.timeout(SILENCE_SECONDS):
                logs = await consumer.log_states(partitions)
                starts = await consumer.earliest_offsets(*partitions)
        except (TimeoutError, RomashkaError):
            return
        self._heard = time.monotonic()
        behind = False
        self._hide(self._shown.difference(logs))
        self._shown = set(logs)
        for tp, log_state in logs.items():
            committed = consumer.committed(tp)
            lag = max(0, log_state.end - max(self._done(tp, committed, log_state.position), starts[tp]))
            behind |= lag > 0
            labels = (tp.topic, str(tp.partition))
            self._metrics.lag.labels(*labels).set(lag)
            self._metrics.committed.labels(*labels).set(committed or 0)
        self._behind = behind
        read = {(tp.topic, tp.partition): began if self._read_to(tp, state) else None for tp, state in logs.items()}
        pipeline.note_read_through(read, assignment)

    def _read_to(self, tp: TP, log_state: LogState) -> bool:
        """Whether everything up to the end of a partition's log has been taken in."""
        taken, handed = self._app.pipeline.taken((tp.topic, tp.partition)), self._app.batches.handed.get(tp)
        if taken is not None and log_state.end <= taken + 1:
            return True
        # After the last message there may be markers and aborted transactions, which are never delivered.
        if taken is None:
            waiting = handed is not None and handed >= (self._app.batches.committed(tp) or 0)
        else:
            waiting = handed != taken
        return log_state.position >= log_state.end and not waiting

    def _done(self, tp: TP, committed: int | None, position: int) -> int:
        """Return the offset before which nothing is left to do.

        Where all that was handed on is durable it is the consumer's own position: behind the last message may lie
        markers and aborted transactions, which are never delivered.
        """
        pipeline, partition = self._app.pipeline, (tp.topic, tp.partition)
        durable, taken = pipeline.durable_offset(partition), pipeline.taken(partition)
        handed = self._app.batches.handed.get(tp)
        if taken is None:
            waiting = handed is not None and handed >= (committed or 0)
            return (committed or 0) if waiting else max(committed or 0, position)
        if durable is None or durable <= taken or handed != taken:
            return durable if durable is not None else committed or 0
        return max(durable, position)

    def _hide(self, partitions: set[TP]) -> None:
        """Remove the gauges of partitions that moved to another worker, which exports them."""
        for tp in partitions:
            self._metrics.lag.remove(tp.topic, str(tp.partition))
            self._metrics.committed.remove(tp.topic, str(tp.partition))
