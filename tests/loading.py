"""Events into ClickHouse the way the worker writes them, without Kafka: decoded, made into columns, windowed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime
from typing import Final

import pyarrow as pa

from models.rows import HEALTH as HEALTH_ROWS
from models.rows import INTELLIGENCE as INTELLIGENCE_ROWS
from models.rows import OUTCOMES as OUTCOME_ROWS
from models.rows import QUERY_METRICS
from models.topics import HEALTH, INGEST, INTELLIGENCE, OUTCOMES, QUERIES
from sinks.sink import Sink
from streams.arrow_batches import to_batch
from streams.bulk_producer import tenant_key
from streams.decode import Decoder, RecordSource
from streams.partition import QueryPartition
from streams.pseudonyms import Pseudonymiser
from tests.examples.events import SECRET, Record

Message = tuple[str, bytes, bytes]

_TABLES: Final[dict[str, tuple[str, pa.Schema]]] = {
    QUERIES.name: ("integration_query_metrics", QUERY_METRICS),
    OUTCOMES.name: ("conversation_outcomes", OUTCOME_ROWS),
    HEALTH.name: ("integration_health_history", HEALTH_ROWS),
    INTELLIGENCE.name: ("conversation_intelligence", INTELLIGENCE_ROWS),
}
_NOTHING: Final = pa.RecordBatch.from_pylist([], schema=QUERY_METRICS)


class Loader:
    """Writes what one worker would that holds one partition of every topic; each call is a few inserts."""

    def __init__(self, sink: Sink, now: datetime) -> None:
        self._sink = sink
        self._now = now
        self._decoders = {topic.name: Decoder(topic) for topic in INGEST}
        self._offsets: defaultdict[str, int] = defaultdict(int)
        self._windows = QueryPartition(self._source(QUERIES.name), _NOTHING)
        self._pseudonymiser = Pseudonymiser(SECRET, "t1")

    def load(self, messages: Iterable[Message]) -> None:
        """Write all of them; every one must be a valid event. One without a key gets that of its tenant."""
        by_topic: defaultdict[str, list[tuple[bytes, bytes]]] = defaultdict(list)
        for topic, key, value in messages:
            by_topic[topic].append((key or tenant_key(value) or b"", value))
        for topic, values in by_topic.items():
            batch = self._batch(topic, values)
            table, _ = _TABLES[topic]
            for rows in self._windows.fold(batch) if topic == QUERIES.name else [batch]:
                self._sink.write(table, rows)
        for windows in self._windows.take_changed():
            self._sink.write("query_windows", windows)

    def _batch(self, topic: str, values: list[tuple[bytes, bytes]]) -> pa.RecordBatch:
        first = self._offsets[topic]
        self._offsets[topic] += len(values)
        records = [Record(first + place, key, value) for place, (key, value) in enumerate(values)]
        decoded = self._decoders[topic].decode(records, self._source(topic), now=self._now)
        assert decoded.rejected == []
        _, schema = _TABLES[topic]
        return to_batch(decoded.events, decoded.offsets, schema, self._source(topic), self._pseudonymiser)

    def _source(self, topic: str) -> RecordSource:
        return RecordSource(topic, 1, 0)
