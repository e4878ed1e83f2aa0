"""The path of a batch inside the worker: resume the partition, decode the batch, pass the rows to delivery."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence, Set
from datetime import datetime
from functools import partial

import pyarrow as pa

from models.dead_letters import DeadLetter
from models.sync_status import DEFAULT_VOCABULARY, Vocabulary
from models.topics import HEALTH, INGEST, QUERIES
from sinks.dead_letters import DeadLetterRows
from sinks.sink import Sink
from streams.decode import Record, RecordSource
from streams.delivery import Delivery, Limits, Partition
from streams.detection.minutes import ClosedMinute
from streams.metrics import Metrics
from streams.offsets import commit_point
from streams.partition import OffsetRange
from streams.placement import Moving, Placement
from streams.pseudonyms import Pseudonymiser
from streams.query_topic_state import QueryTopicState
from streams.refused_rows import ReadAgain, Refused, dead_letters
from streams.resuming import resume_state
from streams.retry_policy import RetryPolicy
from streams.screening import LabelScreen
from streams.tenant_limit import TenantLimit
from streams.topic_processor import HEALTH_HISTORY, Admitted, Prepared, TopicProcessor
from streams.windows import CHUNK_SIZE

log = logging.getLogger(__name__)


class Pipeline:
    """Everything a worker does between Kafka and ClickHouse, without either of them.

    Parameters
    ----------
    epochs
        Topic name → topic epoch.
    publish
        Publishes dead letters (rows of ``models.rows.DEAD_LETTERS``); returns when Kafka has acknowledged them.
    clock
        Returns now, in UTC.
    moving
        Moves queries to their home partition; ``None``: they count in the partition where they are.
    vocabulary
        Mapping of status and error words.
    new_tenants_per_hour
        Limit of new tenants per hour; 0: no limit, and tenants are not recorded.
    screen
        What replaces personal data in labels; ``None``: nothing does.
    read_again
        Returns messages that were read before; ``None``: a row that ClickHouse refuses ends the worker.

    new_delivery
        Makes the delivery from its arguments.

    ``handled`` counts messages, ``assignments`` counts how often all partitions were dropped.
    """

    def __init__(
        self,
        sink: Sink,
        metrics: Metrics,
        pseudonymiser: Pseudonymiser,
        dead_letters: DeadLetterRows,
        *,
        epochs: Mapping[str, int],
        publish: Callable[[pa.RecordBatch], Awaitable[None]],
        clock: Callable[[], datetime],
        limits: Limits,
        moving: Moving | None = None,
        vocabulary: Vocabulary = DEFAULT_VOCABULARY,
        new_tenants_per_hour: int = 0,
        screen: LabelScreen | None = None,
        read_again: ReadAgain | None = None,
        new_delivery: Callable[..., Delivery] = Delivery,
    ) -> None:
        self._sink = sink
        self._epochs = epochs
        self._metrics = metrics
        self._clock = clock
        self._queries = QueryTopicState(metrics)
        self._placement = None if moving is None else Placement(moving)
        self._ingests = {
            topic.name: TopicProcessor(topic, pseudonymiser, metrics, vocabulary=vocabulary, screen=screen)
            for topic in INGEST
        }
        self._ingests[QUERIES.name] = TopicProcessor(
            QUERIES,
            pseudonymiser,
            metrics,
            self._queries,
            placement=self._placement,
            vocabulary=vocabulary,
            screen=screen,
        )
        self.retry_policy = RetryPolicy(metrics)
        self._tenant_limit = TenantLimit(sink, self.retry_policy, metrics, most=new_tenants_per_hour)
        self.delivery = new_delivery(
            sink,
            dead_letters,
            metrics,
            self.retry_policy,
            take_windows=self._queries.take_windows,
            publish=publish,
            clock=clock,
            limits=limits,
            refuse=None if read_again is None else partial(self._refuse, read_again),
            move=None if moving is None else moving.send,
        )
        self._taken: dict[Partition, int] = {}
        self._health: dict[int, list[pa.RecordBatch]] = {}
        self._read_through: dict[Partition, datetime | None] | None = None
        self.handled = 0
        self.assignments = 0

    def holds(self, partition: Partition) -> bool:
        """Whether the partition was resumed since it was assigned."""
        return partition in self._taken

    async def resume(
        self, partition: Partition, first_offset: int, trimmed: OffsetRange | None, still_ours: Callable[[], bool]
    ) -> None:
        """Start a partition whose first record has ``first_offset``.

        Parameters
        ----------
        trimmed
            Offsets that the broker deleted before they were committed. Those that are not in ClickHouse are lost and
            counted.
        still_ours
            Whether the assignment of the first record is still valid.

        Raises
        ------
        SinkRejected
            ClickHouse refuses the read that is needed to resume.
        """
        topic, number = partition
        source = self._source(partition)
        durable_to = 0
        if topic == QUERIES.name:
            found = await resume_state(
                self._sink, self.retry_policy, source, first_offset, placed=self._placement is not None
            )
            if not still_ours():
                return
            self._queries.resume(source, found.stored, found.inherited)
            if self._placement is not None:
                self._placement.resume(number, found.counted, found.layouts, first_offset)
            durable_to = found.durable_to
        self._taken[partition] = first_offset - 1
        if trimmed is not None:
            self.count_lost(partition, OffsetRange(max(trimmed.first, durable_to), trimmed.end))

    def count_lost(self, partition: Partition, deleted: OffsetRange) -> None:
        """Count and log offsets that the broker deleted before they were read."""
        topic, number = partition
        if (lost := deleted.end - deleted.first) <= 0:
            return
        self._metrics.lost.labels(topic, str(number)).inc(lost)
        log.error(
            "%d messages of %s partition %d (offsets %d to %d) were deleted by Kafka before they were read: raise the "
            "topic's retention or the number of workers",
            lost,
            topic,
            number,
            deleted.first,
            deleted.end - 1,
        )

    async def handle(self, batches: Mapping[Partition, Sequence[Record]], still_ours: Callable[[], bool]) -> None:
        """Process records of one topic, each partition's in the log's order; returns when their rows are pending.

        Records of partitions that were not resumed or wait for a layout, records that were processed before, and
        records of an assignment that has ended are skipped: the latter are read again by the partition's new owner.

        Raises
        ------
        DlqLimitExceeded
            Nearly everything is being rejected.
        """
        await self.delivery.capacity()
        if not still_ours():
            return
        held = {one: records for one, records in batches.items() if one in self._taken and not self.waits(one)}
        new = {one: found for one, records in held.items() if (found := self._untaken(one, records))}
        admitted = await self._admitted(new)
        if not admitted or not still_ours() or any(one not in self._taken for one in admitted):
            return
        topic = next(iter(admitted))[0]
        prepared = self._prepare(topic, [batch for batch, _ in admitted.values()])
        for (partition, (_, last)), one in zip(admitted.items(), prepared, strict=True):
            self._taken[partition] = last
            self.handled += len(new[partition])
            if topic == HEALTH.name:
                rows = [batch for table, batch in one.rows if table == HEALTH_HISTORY]
                self._health.setdefault(partition[1], []).extend(rows)
            self.delivery.put(partition, last, one)

    async def _admitted(self, batches: Mapping[Partition, Sequence[Record]]) -> dict[Partition, tuple[Admitted, int]]:
        """Return of each partition the records to take in now, and the last offset that is done with them."""
        keys = {one: {record.key for record in records} for one, records in batches.items()}
        placed = {one: self._placed(one, records, keys[one]) for one, records in batches.items()}
        sources = {one: self._source(one) for one in placed}
        limit = self._tenant_limit
        refused = await limit.refused(set[bytes | None]().union(*keys.values()), self._clock())
        admitted = {}
        for one, (records, last) in placed.items():
            accepted, letters = limit.split(records, sources[one], refused)
            admitted[one] = (Admitted(sources[one], accepted, keys[one], letters), last)
        return admitted

    def _placed(
        self, partition: Partition, records: Sequence[Record], keys: Set[bytes | None]
    ) -> tuple[Sequence[Record], int]:
        if partition[0] == QUERIES.name and self._placement is not None:
            return self._placement.admitted(records, keys, self._source(partition))
        return records, records[-1].offset

    def _source(self, partition: Partition) -> RecordSource:
        topic, number = partition
        return RecordSource(topic, self._epochs[topic], number)

    def waits(self, partition: Partition) -> bool:
        """Whether a partition waits for the next layout: what comes from it is read again after that."""
        topic, number = partition
        return topic == QUERIES.name and self._placement is not None and number in self._placement.holds

    @property
    def placement(self) -> Placement | None:
        """Where queries count; ``None``: in the partition where they are."""
        return self._placement

    def _prepare(self, topic: str, batches: Sequence[Admitted]) -> list[Prepared]:
        return self._ingests[topic].prepare(batches, now=self._clock())

    def _untaken(self, partition: Partition, records: Sequence[Record]) -> Sequence[Record]:
        taken = self._taken[partition]
        return records if records[0].offset > taken else [record for record in records if record.offset > taken]

    def safe_offset(self, partition: Partition) -> int | None:
        """Return the committable offset, ``None`` where there is none.

        A partition of queries is committed at the start of a chunk only, so that a restart rebuilds whole chunks.
        """
        topic, _ = partition
        safe = self.delivery.safe(partition)
        if safe is None or self._ingests[topic].guard.suspicious:
            return None
        return (commit_point(safe, CHUNK_SIZE) or None) if topic == QUERIES.name else safe

    def durable_offset(self, partition: Partition) -> int | None:
        """Return the offset before which everything is durable in ClickHouse, ``None`` where nothing was read yet."""
        return self.delivery.safe(partition)

    def close_minutes(self) -> dict[int, list[ClosedMinute]]:
        """Return by partition the minutes that closed since the last call, oldest first."""
        return self._queries.close_minutes(self.now, lambda number: self.read_through((QUERIES.name, number)))

    def resumed(self, number: int) -> datetime | None:
        """Return where a partition of queries resumed, in event time; ``None`` where that is not known."""
        return self._queries.resumed(number)

    @property
    def now(self) -> datetime:
        """Now, by the worker's clock."""
        return self._clock()

    def note_read_through(self, moments: Mapping[Partition, datetime | None], assignment: int) -> None:
        """Take for every partition that is held when everything in its log had been taken in.

        Parameters
        ----------
        moments
            ``None`` for a partition that is behind now.
        assignment
            ``assignments`` as it was when this was looked at; what belongs to one that has ended is left out.
        """
        if assignment == self.assignments:
            before = self._read_through or {}
            self._read_through = {one: moment or before.get(one) for one, moment in moments.items()}

    def read_through(self, partition: Partition) -> datetime | None:
        """Return when everything in a partition's log had last been taken in, ``None`` where that is not known."""
        return (self._read_through or {}).get(partition)

    def assigned(self, partition: Partition) -> bool | None:
        """Whether a partition is this worker's, ``None`` while that is not known."""
        return None if self._read_through is None else partition in self._read_through

    async def _refuse(self, read_again: ReadAgain, refused: Sequence[Refused]) -> list[DeadLetter]:
        """Return the dead letters of rows that ClickHouse refuses, and uncount them.

        Raises
        ------
        DlqLimitExceeded
            Nearly everything is being refused.
        """
        letters = await dead_letters(refused, read_again)
        for letter in letters:
            self._metrics.rejected.labels(letter.topic, letter.stage, letter.reason).inc()
            log.error(
                "offset %d of %s partition %d is a dead letter: %s",
                letter.offset,
                letter.topic,
                letter.partition,
                letter.detail,
            )
        for topic in {letter.topic for letter in letters}:
            self._ingests[topic].guard.observe(0, sum(letter.topic == topic for letter in letters))
        for one in refused:
            if one.partition[0] == QUERIES.name:
                self._queries.take_back(one.partition[1], {one.offset: one.event_id})
        return letters

    def take_health(self) -> dict[int, list[pa.RecordBatch]]:
        """Return by partition the health events (rows of ``models.rows.HEALTH``) received since the last call."""
        taken, self._health = self._health, {}
        return taken

    def taken(self, partition: Partition) -> int | None:
        """Return the last processed offset, ``None`` where the partition is not assigned."""
        return self._taken.get(partition)

    def forget(self) -> None:
        """Drop every partition: they restart from the committed offsets, here or on another worker."""
        self.assignments += 1
        self._metrics.rebalances.inc()
        self._taken.clear()
        self._health.clear()
        self._read_through = None
        self._queries.forget()
        if self._placement is not None:
            self._placement.forget()
        self.delivery.forget()
