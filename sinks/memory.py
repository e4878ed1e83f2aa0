"""An in-memory sink for unit tests, tested against the same contract as ClickHouse."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import pyarrow as pa
from aiokafka.partitioner import murmur2

from models.errors import RowsRefused, SinkRejected
from models.keys import key_of
from models.layouts import Layouts, layouts_of
from models.rows import QUERY_METRICS, WRITTEN
from sinks.sink import STORED_QUERY_COLUMNS, HomeRange, KnownTenants, StoredRange

# Table → its sorting key and its version column (none: the last row written wins).
_KEYS: Final[dict[str, tuple[tuple[str, ...], str | None]]] = {
    "integration_query_metrics": (
        ("user_id", "integration_provider", "query_type", "created_at", "event_id"),
        None,
    ),
    "conversation_outcomes": (("user_id", "conversation_id", "created_at", "event_id"), None),
    "conversation_intelligence": (("user_id", "conversation_id", "created_at", "event_id"), None),
    "integration_health_history": (("user_id", "integration_provider", "created_at", "event_id"), None),
    "integration_health_metrics": (("user_id", "integration_provider"), "created_at"),
    "query_windows": (
        ("user_id", "integration_provider", "query_type", "window_start", "topic_epoch", "partition", "chunk_id"),
        "version",
    ),
    "dead_letters": (("topic", "topic_epoch", "partition", "offset"), None),
    "predictive_insights": (("user_id", "insight_type", "created_at", "id"), "updated_at"),
    "detector_states": (("user_id", "integration_provider", "slot"), "version"),
    "known_tenants": (("user_id",), None),
    "topic_layouts": (("topic_epoch", "generation", "event", "partition", "boundary", "partitions"), None),
}


class MemorySink:
    """Stores rows, deduplicates them as ClickHouse's tables do, and fails on demand."""

    def __init__(self) -> None:
        self._batches: defaultdict[str, list[pa.RecordBatch]] = defaultdict(list)
        self._write_failures: list[Exception] = []
        self._read_failures: list[Exception] = []
        self._refused: set[int] = set()
        self.writes = 0

    def fail_next(self, errors: Iterable[Exception]) -> None:
        """Raise these, one per write, before anything is written again."""
        self._write_failures.extend(errors)

    def refuse(self, offsets: Iterable[int]) -> None:
        """Refuse from now on rows of messages at these offsets."""
        self._refused.update(offsets)

    def fail_next_reads(self, errors: Iterable[Exception]) -> None:
        """Raise these, one per call, before stored queries are returned again."""
        self._read_failures.extend(errors)

    def write(self, table: str, batch: pa.RecordBatch) -> None:
        """Keep a batch (see ``sinks.sink.Sink``)."""
        self.writes += 1
        if self._write_failures:
            raise self._write_failures.pop(0)
        if table not in WRITTEN:
            raise SinkRejected(f"there is no table {table}")
        if not batch.schema.equals(WRITTEN[table]):
            raise SinkRejected(f"table {table} does not have the columns that were written: {batch.schema.names}")
        offsets = batch["kafka_offset"].to_pylist() if "kafka_offset" in batch.schema.names else []
        if not self._refused.isdisjoint(offsets):
            raise RowsRefused(f"rows of {table} violate a constraint", "violated_constraint", "violated constraint")
        self._batches[table].append(batch)

    @property
    def tables(self) -> frozenset[str]:
        """The tables with rows."""
        return frozenset(table for table, batches in self._batches.items() if batches)

    def stored_queries(self, wanted: StoredRange) -> pa.RecordBatch:
        """Return stored queries (see ``sinks.sink.Sink``)."""
        if self._read_failures:
            raise self._read_failures.pop(0)
        rows = [
            row
            for row in self.rows("integration_query_metrics")
            if row["topic_epoch"] == wanted.topic_epoch
            and row["kafka_partition"] == wanted.partition
            and wanted.first <= row["kafka_offset"] < wanted.end
        ]
        schema = pa.schema([QUERY_METRICS.field(name) for name in STORED_QUERY_COLUMNS])
        return pa.RecordBatch.from_pylist(sorted(rows, key=lambda row: row["kafka_offset"]), schema=schema)

    def known_tenants(self, tenants: Sequence[bytes], since: datetime) -> KnownTenants:
        """Return which tenants are known (see ``sinks.sink.Sink``)."""
        if self._read_failures:
            raise self._read_failures.pop(0)
        rows = self.rows("known_tenants")
        known = frozenset(row["user_id"] for row in rows) & frozenset(tenants)
        return KnownTenants(known, sum(row["first_seen"] >= since.replace(microsecond=0) for row in rows))

    def stored_ids(self, wanted: HomeRange) -> frozenset[bytes]:
        """Return ids of stored queries (see ``sinks.sink.Sink``)."""
        stored = self.stored_queries(wanted.offsets).to_pylist()
        return frozenset(row["event_id"] for row in stored if home_of(row["user_id"], wanted.partitions) == wanted.home)

    def layouts(self, topic_epoch: int) -> Layouts:
        """Return the layouts of the query topic (see ``sinks.sink.Sink``)."""
        if self._read_failures:
            raise self._read_failures.pop(0)
        return layouts_of(row for row in self.rows("topic_layouts") if row["topic_epoch"] == topic_epoch)

    def forget(self, *tables: str) -> None:
        """Delete the rows of these tables."""
        for table in tables:
            self._batches.pop(table, None)

    def rows(self, table: str) -> list[dict[str, Any]]:
        """Return the rows that ClickHouse would return with FINAL."""
        key_columns, version = _KEYS[table]
        seen: dict[tuple[Any, ...], dict[str, Any]] = {}
        for batch in self._batches[table]:
            for row in batch.to_pylist():
                key = tuple(row[name] for name in key_columns)
                if key not in seen or version is None or row[version] >= seen[key][version]:
                    seen[key] = row
        return list(seen.values())


def home_of(user_id: bytes, partitions: int) -> int:
    """Return the home partition of a tenant, as ClickHouse's ``kafkaMurmurHash`` computes it."""
    hash_of: Callable[[bytes], int] = murmur2
    return (hash_of(key_of(UUID(bytes=user_id))) & 0x7FFFFFFF) % partitions
