"""One topic's part of the pipeline: raw records of a partition in, rows to write out. No I/O."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final, NamedTuple

import pyarrow as pa

from models import rows, topics
from models.dead_letters import DeadLetter
from models.topics import Topic
from streams.columns import to_batch
from streams.decode import Decoder, Record, Source
from streams.guard import RejectionGuard
from streams.metrics import Metrics
from streams.pseudonyms import Pseudonymiser
from streams.queries import Queries

HEALTH_HISTORY: Final = "integration_health_history"
# Topic → the tables its events go to.
TABLES: Final[dict[Topic, tuple[str, ...]]] = {
    topics.QUERIES: ("integration_query_metrics",),
    topics.OUTCOMES: ("conversation_outcomes",),
    topics.HEALTH: (HEALTH_HISTORY, "integration_health_metrics"),
    topics.INTELLIGENCE: ("conversation_intelligence",),
}


class Prepared(NamedTuple):
    """What one batch of records amounts to."""

    rows: list[tuple[str, pa.RecordBatch]]
    dead_letters: list[DeadLetter]


class Ingest:
    """Decodes, validates and pseudonymises the records of one topic.

    Parameters
    ----------
    queries
        Where the topic's events are folded into windows and minute series; only queries are.
    """

    def __init__(
        self, topic: Topic, pseudonymiser: Pseudonymiser, metrics: Metrics, queries: Queries | None = None
    ) -> None:
        self.topic = topic
        self.guard = RejectionGuard(topic.name)
        self._decoder = Decoder(topic)
        self._schema = rows.WRITTEN[TABLES[topic][0]]
        self._pseudonymiser = pseudonymiser
        self._metrics = metrics
        self._queries = queries

    def prepare(self, records: Sequence[Record], source: Source, *, now: datetime) -> Prepared:
        """Turn records, in the log's order, into rows and dead letters.

        Raises
        ------
        RejectionFlood
            Nearly everything is being rejected; nothing of this batch may be written or committed.
        """
        decoded = self._decoder.decode(records, source, now=now)
        self._count(len(records), decoded.rejected, decoded.unknown_fields)
        self.guard.observe(len(records), len(decoded.rejected))
        if not decoded.events:
            return Prepared([], decoded.rejected)
        batch = to_batch(decoded.events, decoded.offsets, self._schema, source, self._pseudonymiser)
        new = [batch] if self._queries is None else self._queries.fold(batch, source, now)
        self._metrics.repeats.labels(self.topic.name).inc(batch.num_rows - sum(rows.num_rows for rows in new))
        return Prepared([(table, rows) for rows in new for table in TABLES[self.topic]], decoded.rejected)

    def _count(self, messages: int, rejected: Sequence[DeadLetter], unknown_fields: int) -> None:
        name = self.topic.name
        self._metrics.messages.labels(name).inc(messages)
        self._metrics.events.labels(name).inc(messages - len(rejected))
        self._metrics.batch_size.labels(name).observe(messages)
        self._metrics.unknown_fields.labels(name).inc(unknown_fields)
        for letter in rejected:
            self._metrics.rejected.labels(name, letter.stage, letter.reason).inc()
