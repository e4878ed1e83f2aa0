"""A worker's pipeline with its detection, without Kafka and with a database in memory."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterable, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID, uuid4, uuid5

from detectors.state import StateSigner
from models.insights import Insight
from models.topics import HEALTH, INGEST, QUERIES, Topic
from sinks.dead_letters import DeadLetterRows
from sinks.memory import MemorySink
from sinks.memory_detectors import MemoryDetectors
from storage.payload_cipher import PayloadCipher
from streams.delivery import Limits
from streams.detection.detection import DEFAULT_BOUNDS, Detection, DetectionLimits
from streams.detection.series_states import SeriesStates
from streams.insight_publisher import InsightPublisher
from streams.metrics import Metrics
from streams.pipeline import Pipeline
from streams.placement import Moving
from streams.pseudonyms import Pseudonymiser
from tests.examples import events
from tests.examples.events import SECRET, message
from tests.examples.minutes import at

PARTITION: Final = 3
PER_MINUTE: Final = 12


class DetectingWorker:
    """Everything of a worker that finds; a second one on the same sink is the worker after a restart."""

    def __init__(
        self,
        sink: MemorySink,
        *,
        bounds: DetectionLimits = DEFAULT_BOUNDS,
        partition: int = PARTITION,
        moving: Moving | None = None,
    ) -> None:
        self.sink = sink
        self.partition = partition
        self.metrics = Metrics()
        self.published: list[Insight] = []
        self.now = at(0)
        self.seconds = 0.0  # of the monotonic clock; states are saved when a test says so
        self.pipeline = Pipeline(
            sink,
            self.metrics,
            Pseudonymiser(SECRET, "k1"),
            DeadLetterRows(PayloadCipher(SECRET)),
            epochs={topic.name: 11 for topic in INGEST},
            publish=_nowhere,
            clock=lambda: self.now,
            limits=Limits(flush_rows=100_000, flush_seconds=0.2),
            moving=moving,
        )
        self.detection = Detection(
            self.pipeline,
            store=MemoryDetectors(sink),
            sink=sink,
            states=SeriesStates(StateSigner(SECRET), self.metrics),
            insight_publisher=InsightPublisher(sink, self.pipeline.retry_policy, self.metrics, self._publish),
            metrics=self.metrics,
            bounds=bounds,
            monotonic=lambda: self.seconds,
        )

    async def read(
        self,
        records: Sequence[events.Record],
        topic: Topic = QUERIES,
        *,
        until: int,
        behind: Collection[Topic] = (),
    ) -> None:
        """Take records in and make them durable; it is minute ``until``, and then detectors have their turn.

        Both topics are then read to their end, but for those that are ``behind``.
        """
        self.now = at(until)
        partition = (topic.name, self.partition)
        if not self.pipeline.holds(partition):
            await self.pipeline.resume(partition, records[0].offset, None, _ours)
        await self.pipeline.handle({partition: records}, _ours)
        await self.flush()
        self.read_to_the_end(behind=behind)
        await self.detection.step()

    def read_to_the_end(self, *, behind: Collection[Topic] = ()) -> None:
        """Tell the pipeline that nothing more waits in Kafka now, but for topics that are ``behind``."""
        moments = {(topic.name, self.partition): None if topic in behind else self.now for topic in (QUERIES, HEALTH)}
        self.pipeline.note_read_through(moments, self.pipeline.assignments)

    async def flush(self) -> None:
        """Make durable what was taken in."""
        task = asyncio.create_task(self.pipeline.delivery.run())
        assert await self.pipeline.delivery.drain(60)
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task

    def insights(self) -> list[dict[str, Any]]:
        """The rows a reader sees."""
        return self.sink.rows("predictive_insights")

    def metric(self, name: str, **labels: str) -> float:
        """A metric's value, 0 where nothing was counted."""
        return self.metrics.registry.get_sample_value(f"romashka_{name}", labels) or 0.0

    async def _publish(self, insights: Sequence[Insight]) -> None:
        self.published += insights


def queries(minutes: Iterable[int], *, down: range = range(0)) -> list[events.Record]:
    """So many queries a minute; all fail while the provider is ``down``. A minute always has the same messages."""
    return [_query(minute, number, failed=minute in down) for minute in minutes for number in range(PER_MINUTE)]


def health(minutes: Iterable[int]) -> list[events.Record]:
    """A sync that went well at each of these minutes."""
    return [
        events.Record(
            minute,
            events.KEY,
            message(HEALTH, created_at=moment, last_sync_at=moment, sync_job_id=str(uuid4()), event_id=str(uuid4())),
        )
        for minute in minutes
        for moment in [at(minute).isoformat()]
    ]


def offset_of(minute: int) -> int:
    """The offset of a minute's first query."""
    return minute * PER_MINUTE


def _query(minute: int, number: int, *, failed: bool) -> events.Record:
    offset = offset_of(minute) + number
    moment: datetime = at(minute) + timedelta(seconds=number * 60 / PER_MINUTE)
    fields: dict[str, object] = {
        "event_id": str(uuid5(UUID(int=1), str(offset))),
        "created_at": moment.isoformat(),
        "query_success": not failed,
        "response_time_ms": 150 + offset * 7919 % 100,
    }
    if failed:
        fields["error_kind"] = "provider_down"
    return events.Record(offset, events.KEY, message(QUERIES, **fields))


def _ours() -> bool:
    return True


async def _nowhere(_: object) -> None:
    return
