"""Processing of one topic: turns raw records of a partition into rows. No I/O."""

from __future__ import annotations

from collections.abc import Sequence, Set
from datetime import datetime
from typing import Final, NamedTuple

import pyarrow as pa

from models import rows, topics
from models.dead_letters import DeadLetter
from models.sync_status import DEFAULT_VOCABULARY, Vocabulary
from models.topics import Topic
from streams.decode import Record, RecordSource
from streams.dlq_limit import DlqLimit
from streams.metrics import Metrics
from streams.placement import Moved, Placement
from streams.pseudonyms import Pseudonymiser
from streams.query_topic_state import QueryTopicState
from streams.record_reader import Batch, ReadBatch, RecordReader
from streams.screening import LabelScreen

HEALTH_HISTORY: Final = "integration_health_history"
# Topic → the tables its events go to.
TABLES: Final[dict[Topic, tuple[str, ...]]] = {
    topics.QUERIES: ("integration_query_metrics",),
    topics.OUTCOMES: ("conversation_outcomes",),
    topics.HEALTH: (HEALTH_HISTORY, "integration_health_metrics"),
    topics.INTELLIGENCE: ("conversation_intelligence",),
}


class Admitted(NamedTuple):
    """Records of one partition, in the log's order.

    ``keys`` has at least their keys; ``refused`` are dead letters of the same poll that do not count towards the DLQ
    limit.
    """

    source: RecordSource
    records: Sequence[Record]
    keys: Set[bytes | None]
    refused: Sequence[DeadLetter] = ()


class Prepared(NamedTuple):
    """The result of one batch of records."""

    rows: list[tuple[str, pa.RecordBatch]]
    dead_letters: list[DeadLetter]
    moved: Sequence[Moved] = ()


class _Placed(NamedTuple):
    """Records that are in their home partition, and those that belong in another."""

    here: Sequence[Record]
    elsewhere: Sequence[Record]


class TopicProcessor:
    """Decodes, validates and pseudonymises the records of one topic.

    Parameters
    ----------
    queries
        Where the topic's events are folded into windows and minute series; only queries are.
    placement
        Finds records that belong in another partition; ``None`` where rows count once in any partition.
    vocabulary
        Mapping of status and error words.
    screen
        Replaces personal data in labels; ``None``: off.
    """

    def __init__(
        self,
        topic: Topic,
        pseudonymiser: Pseudonymiser,
        metrics: Metrics,
        queries: QueryTopicState | None = None,
        *,
        placement: Placement | None = None,
        vocabulary: Vocabulary = DEFAULT_VOCABULARY,
        screen: LabelScreen | None = None,
    ) -> None:
        self.topic = topic
        self.guard = DlqLimit(topic.name)
        self._reader = RecordReader(topic, rows.WRITTEN[TABLES[topic][0]], pseudonymiser, vocabulary, screen)
        self._metrics = metrics
        self._queries = queries
        self._placement = placement

    def prepare(self, batches: Sequence[Admitted], *, now: datetime) -> list[Prepared]:
        """Turn records of different partitions into rows and dead letters of each.

        Raises
        ------
        DlqLimitExceeded
            The DLQ limit is exceeded; nothing of these batches may be written or committed.
        """
        placed = [self._placed(batch) for batch in batches]
        read = self._read([Batch(one.source, place.here) for one, place in zip(batches, placed, strict=True)], now)
        return [
            self._prepared(batch, one, place.elsewhere, now)
            for batch, one, place in zip(batches, read, placed, strict=True)
        ]

    def _prepared(self, batch: Admitted, read: ReadBatch, elsewhere: Sequence[Record], now: datetime) -> Prepared:
        rejected = list(read.rejected)
        moved = [] if self._placement is None else self._move(self._placement, elsewhere, batch.source, rejected, now)
        self._count(len(batch.records) + len(batch.refused), [*rejected, *batch.refused], len(moved))
        self.guard.observe(len(batch.records), len(rejected))
        rejected += batch.refused
        if read.rows is None:
            return Prepared([], rejected, moved)
        new = [read.rows] if self._queries is None else self._queries.fold(read.rows, batch.source, now)
        self._metrics.repeats.labels(self.topic.name).inc(read.rows.num_rows - sum(rows.num_rows for rows in new))
        return Prepared([(table, rows) for rows in new for table in TABLES[self.topic]], rejected, moved)

    def _placed(self, batch: Admitted) -> _Placed:
        if self._placement is None:
            return _Placed(batch.records, ())
        return _Placed(*self._placement.split(batch.records, batch.keys, batch.source.partition))

    def _read(self, batches: Sequence[Batch], now: datetime) -> list[ReadBatch]:
        read = self._reader.read(batches, now=now)
        self._metrics.unknown_fields.labels(self.topic.name).inc(read.unknown_fields)
        for kind, labels in read.screened.items():
            self._metrics.screened.labels(self.topic.name, kind).inc(labels)
        return read.batches

    def _move(
        self,
        placement: Placement,
        records: Sequence[Record],
        source: RecordSource,
        rejected: list[DeadLetter],
        now: datetime,
    ) -> list[Moved]:
        """Return the valid ones of records that belong elsewhere as messages to send there; add the others' letters."""
        if not records:
            return []
        (read,) = self._reader.read([Batch(source, records)], now=now).batches
        rejected += read.rejected
        valid = set() if read.rows is None else set(read.rows["kafka_offset"].to_pylist())
        return [placement.moved(one, source.topic, source.partition) for one in records if one.offset in valid]

    def _count(self, messages: int, rejected: Sequence[DeadLetter], moved: int) -> None:
        name = self.topic.name
        self._metrics.messages.labels(name).inc(messages)
        self._metrics.events.labels(name).inc(messages - len(rejected) - moved)
        self._metrics.moved.labels(name).inc(moved)
        self._metrics.batch_size.labels(name).observe(messages)
        for letter in rejected:
            self._metrics.rejected.labels(name, letter.stage, letter.reason).inc()
