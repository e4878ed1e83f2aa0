"""Detection inside the worker: turns closed minutes and health events of its partitions into insights.

It runs beside ingestion: a thread evaluates minutes slice by slice, once their rows are in ClickHouse. Minutes that
this worker did not see (around a restart, or beyond the buffer) are read back from ClickHouse, so a kill at any moment
changes nothing: states are saved after the insights that they led to, and evaluating a minute again gives the same
insights.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from detectors.health.detector import HealthFacts
from models.insights import Insight
from models.minutes import Series
from models.topics import HEALTH, QUERIES
from sinks.sink import Sink
from storage.detector_store import DetectorStore, StoredState, health_facts, state_rows
from streams.detection.history_groups import of_history, of_states
from streams.detection.minutes import ClosedMinute
from streams.detection.partition_monitor import PartitionMonitor, sliced
from streams.detection.series_monitor import MINUTE, SeriesMonitor
from streams.detection.series_states import SeriesStates
from streams.detection.threshold_reader import ThresholdReader
from streams.insight_publisher import InsightPublisher
from streams.metrics import Metrics
from streams.pipeline import Pipeline

log = logging.getLogger(__name__)

STEP_SECONDS: Final = 2.0
_SAVE_SECONDS: Final = 5.0
_SLICE: Final = 4_000
# After an outage the topics catch up at different speeds. Judged without the health events of its time, a minute would
# look as if no sync had happened; so it waits while they are further behind than this, and still to be read.
_HEALTH_BEHIND: Final = timedelta(hours=1)
_HEALTH_SILENT: Final = timedelta(seconds=30)


class DetectionLimits(NamedTuple):
    """Memory limits of detection.

    ``waiting_minutes`` is the number of buffered minutes of single series; beyond it they are read back from
    ClickHouse. ``series`` is the number of monitored series per partition, ``all_series`` that of the worker.
    """

    waiting_minutes: int = 100_000
    series: int = 2_500
    all_series: int = 8_000


DEFAULT_BOUNDS: Final = DetectionLimits()


class _Closed(NamedTuple):
    """Minutes that closed at a moment.

    ``taken`` is the last offset that had been taken in by then: once that is durable, so is all of them.
    """

    taken: int
    at: datetime
    minutes: list[ClosedMinute]


class _HealthRead(NamedTuple):
    """Whether the health events of a partition come to this worker, and when all of them had last been taken in."""

    assigned: bool | None
    through: datetime | None


@dataclass
class _Partition:
    """State of one partition since its assignment."""

    watch: PartitionMonitor
    closed: deque[_Closed] = field(default_factory=deque)
    health: list[pa.RecordBatch] = field(default_factory=list)
    health_through: datetime | None = None
    health_heard: datetime | None = None
    loaded: bool = False
    news: list[Insight] = field(default_factory=list)

    @property
    def waiting(self) -> int:
        """How many minutes of single series wait."""
        return sum(len(minute.series) for closed in self.closed for minute in closed.minutes)

    def add_health(self, batches: Sequence[pa.RecordBatch], now: datetime) -> None:
        """Take health events that are heard of now."""
        self.health += batches
        self.health_heard = now
        newest = [pc.max(batch["created_at"]).as_py() for batch in batches if len(batch)]
        known = [] if self.health_through is None else [self.health_through]
        self.health_through = max([*newest, *known], default=None)

    def take(self, durable: int | None, health: _HealthRead) -> list[ClosedMinute]:
        """Return the minutes whose rows are durable: everything before the offset ``durable`` is."""
        minutes: list[ClosedMinute] = []
        while self.closed and durable is not None and durable > self.closed[0].taken:
            if self._awaits_health(self.closed[0], health):
                break
            minutes += self.closed.popleft().minutes
        return minutes

    def _awaits_health(self, closed: _Closed, health: _HealthRead) -> bool:
        """Whether health events of the time of these minutes may still be on their way to this worker."""
        if health.assigned is False:
            return False
        if self.health_through is not None and self.health_through >= closed.minutes[-1].start - _HEALTH_BEHIND:
            return False
        if health.through is None or health.through < closed.at:
            return True
        return self.health_heard is not None and health.through - self.health_heard < _HEALTH_SILENT


class Detection:
    """Monitors every series of the partitions assigned to this worker."""

    def __init__(
        self,
        pipeline: Pipeline,
        *,
        store: DetectorStore,
        sink: Sink,
        states: SeriesStates,
        insight_publisher: InsightPublisher,
        metrics: Metrics,
        bounds: DetectionLimits = DEFAULT_BOUNDS,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._pipeline = pipeline
        self._store = store
        self._sink = sink
        self._states = states
        self._insight_publisher = insight_publisher
        self._metrics = metrics
        self._bounds = bounds
        self._monotonic = monotonic
        self._partitions: dict[int, _Partition] = {}
        self._assignments = pipeline.assignments
        self._saved_at = monotonic()
        self._thresholds = ThresholdReader(store.thresholds, pipeline.retry_policy, monotonic)

    async def run(self) -> None:
        """Run until cancelled."""
        while True:
            await asyncio.sleep(STEP_SECONDS)
            await self.step()

    async def step(self) -> None:
        """Collect closed minutes, evaluate the durable ones and publish insights."""
        if self._assignments != self._pipeline.assignments:
            self._assignments = self._pipeline.assignments
            self._partitions.clear()
        if await self._thresholds.refresh():
            for one in self._partitions.values():
                one.watch.set_schedule(self._thresholds.schedule)
        self._take()
        for number, partition in list(self._partitions.items()):
            durable = self._pipeline.durable_offset((QUERIES.name, number))
            topic = (HEALTH.name, number)
            health = _HealthRead(self._pipeline.assigned(topic), self._pipeline.read_through(topic))
            if minutes := partition.take(durable, health):
                await self._judge(number, partition, minutes)
        self._metrics.series.set(sum(len(one.watch) for one in self._partitions.values()))
        self._metrics.scoring_backlog.set(sum(one.waiting for one in self._partitions.values()))
        if self._monotonic() - self._saved_at >= _SAVE_SECONDS:
            await self.save()

    async def save(self) -> None:
        """Save the states of every series that changed."""
        self._saved_at = self._monotonic()
        for number, partition in list(self._partitions.items()):
            changed = partition.watch.take_changed()
            if not changed or not self._ours():
                continue
            saved = await asyncio.to_thread(self._states.sealed, changed, number)
            if saved:
                await self._pipeline.retry_policy.until_done(self._sink.write, "detector_states", state_rows(saved))
                self._metrics.states_saved.inc(len(saved))

    def _ours(self) -> bool:
        return self._assignments == self._pipeline.assignments

    def _take(self) -> None:
        for number, closed in self._pipeline.close_minutes().items():
            partition = self._partition(number)
            taken = self._pipeline.taken((QUERIES.name, number))
            # Detectors read what lies before the first minute that they are given from ClickHouse, but not what is
            # missing between two: so nothing before the last gap is kept, and nothing that waits from before.
            last_gap = max((place for place, minute in enumerate(closed, 1) if not minute.complete), default=0)
            if last_gap:
                partition.closed.clear()
            complete = [self._of_home(minute, number) for minute in closed[last_gap:]]
            if complete and taken is not None:
                partition.closed.append(_Closed(taken, self._pipeline.now, complete))
            if (
                sum(one.waiting for one in self._partitions.values()) > self._bounds.waiting_minutes
                and partition.closed
            ):
                log.warning("partition %d: detectors are far behind; they read on from ClickHouse", number)
                newest = partition.closed[-1]
                partition.closed = deque([newest._replace(minutes=newest.minutes[-1:])])
        for number, batches in self._pipeline.take_health().items():
            self._partition(number).add_health(batches, self._pipeline.now)

    def _partition(self, number: int) -> _Partition:
        if number not in self._partitions:
            self._partitions[number] = _Partition(PartitionMonitor(most=self._bounds.series))
            self._partitions[number].watch.set_schedule(self._thresholds.schedule)
        return self._partitions[number]

    async def _judge(self, number: int, partition: _Partition, minutes: Sequence[ClosedMinute]) -> None:
        failures = partition.watch.failures
        await self._pipeline.retry_policy.until_done(self._prepare, number, partition, minutes)
        self._metrics.scoring_failures.inc(partition.watch.failures - failures)
        news, partition.news = partition.news, []
        await self._insight_publisher.announce(news)
        for part in sliced(minutes, len(partition.watch), _SLICE):
            if not self._ours():
                return
            started = time.perf_counter()
            failures = partition.watch.failures
            news = await asyncio.to_thread(partition.watch.advance, part)
            self._metrics.scoring_failures.inc(partition.watch.failures - failures)
            self._metrics.scoring_seconds.observe(time.perf_counter() - started)
            self._metrics.scored.inc(len(part) * len(partition.watch))
            await self._insight_publisher.announce(news)

    def _prepare(self, number: int, partition: _Partition, minutes: Sequence[ClosedMinute]) -> None:
        """Load states, and read back what was not seen here; blocks, and may be called again after a failure.

        What is found meanwhile stays with the partition: a second call does not go through the same history again.
        """
        watch, first = partition.watch, minutes[0].start
        if not partition.loaded:
            watched = list(self._states.opened(self._saved_states(number)).values())
            self._recall_health(watched)
            self._add(watch, watched)
            partition.loaded = True
        health = _by_series(partition.health)
        others = [
            series for series in health if self._at_home(series, number) and not self._watched_elsewhere(series, number)
        ]
        unknown = watch.unknown(minutes, others)
        for some in of_states(unknown[: self._bounds.series]):
            known = self._states.opened(self._store.states_of(some))
            fresh = [SeriesMonitor(series) for series in some if series not in known]
            # What happened before the partition came here was not for us to tell; what came in since, and was not kept
            # in memory until detectors had their turn, is.
            resumed = self._pipeline.resumed(number)
            for new, told in self._replays(fresh, watch, first):
                partition.news += [one for one in told if resumed is not None and one.started_at >= resumed]
                self._add(watch, new)
            for new, told in self._replays(list(known.values()), watch, first):
                partition.news += told
                self._add(watch, new)
        for _, told in self._replays(watch.behind(first), watch, first):
            partition.news += told
        for series, events in health.items():
            for one in self._partitions.values():
                one.watch.add_health(series, events)
        partition.health = []

    def _saved_states(self, number: int) -> list[StoredState]:
        placement = self._pipeline.placement
        if placement is None or placement.newest.generation == 0:
            return self._store.states(number)
        # Where layouts changed, a tenant's states may have been saved for the partition where it was at home before.
        return self._store.states_at_home(number, placement.newest.partitions)

    def _at_home(self, series: Series, number: int) -> bool:
        """Whether a series is to be monitored in a partition: after a change of layout, in its tenant's home alone."""
        placement = self._pipeline.placement
        return placement is None or placement.newest.generation == 0 or placement.at_home(series[0], number)

    def _of_home(self, minute: ClosedMinute, number: int) -> ClosedMinute:
        """Return a minute without series that moved: their new home reads what was stored here."""
        return minute._replace(
            series={one: counts for one, counts in minute.series.items() if self._at_home(one, number)}
        )

    def _replays(
        self, monitors: Sequence[SeriesMonitor], watch: PartitionMonitor, first: datetime
    ) -> Iterator[tuple[Sequence[SeriesMonitor], list[Insight]]]:
        """Let monitors go through what is stored before ``first`` and is new to them; yield them with what is news."""
        for since, some in of_history(monitors, first):
            for one in some:
                one.set_schedule(self._thresholds.schedule)
            history = self._store.history([one.series for one in some], since, first)
            yield some, [insight for one in some for insight in watch.replay(one, history, first)]

    def _recall_health(self, watches: Sequence[SeriesMonitor]) -> None:
        """Give watches the health events after what they judged: those may have been read and committed already.

        They are read from Kafka ahead of the minutes that they belong to, wait in memory and are no part of a state.
        """
        for some in of_states([one for one in watches if one.scored_through is not None]):
            since = min(one.scored_through for one in some if one.scored_through is not None) + MINUTE
            events = self._store.health([one.series for one in some], since)
            for one in some:
                one.add_health(events.get(one.series, ()))

    def _add(self, watch: PartitionMonitor, watches: Iterable[SeriesMonitor]) -> None:
        evicted = watch.add(watches)
        over = sum(len(one.watch) for one in self._partitions.values()) - self._bounds.all_series
        while over > 0:
            largest = max((one.watch for one in self._partitions.values()), key=len)
            gone = largest.evict(min(over, max(len(largest) // 2, 1)))
            evicted, over = evicted + gone, over - gone
        self._metrics.evicted.inc(evicted)

    def _watched_elsewhere(self, series: Series, number: int) -> bool:
        """Whether a series has its queries in another partition than its health events: producers may partition so."""
        return any(series in one.watch for other, one in self._partitions.items() if other != number)


def _by_series(batches: Sequence[pa.RecordBatch]) -> dict[Series, list[HealthFacts]]:
    events: dict[Series, list[HealthFacts]] = {}
    for batch in batches:
        for row in batch.to_pylist():
            events.setdefault((row["user_id"], row["integration_provider"]), []).append(health_facts(row))
    return events
