"""Queries as rows, written briefly, and what their windows must be, computed the slow and obvious way."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from itertools import pairwise
from typing import Any, Final, NamedTuple

import pyarrow as pa

from models.measures import QUERY_MEASURES, count_of, sum_of
from models.rows import QUERY_METRICS
from models.topics import QUERIES
from streams.decode import RecordSource
from streams.windows import CHUNK_SIZE, REMEMBERED_CHUNKS

SOURCE: Final = RecordSource(QUERIES.name, 11, 3)
START_MS: Final = int(datetime(2026, 1, 15, 12, 0, tzinfo=UTC).timestamp() * 1000)

Row = dict[str, Any]
WindowKey = tuple[Any, ...]
KEY: Final = (
    "user_id",
    "integration_provider",
    "query_type",
    "window_start",
    "topic_epoch",
    "partition",
    "chunk_id",
)


class Query(NamedTuple):
    """One query; ``event`` and ``tenant`` are small numbers instead of UUIDs, ``at_ms`` milliseconds since 1970."""

    offset: int
    event: int
    tenant: int = 1
    provider: str = "hubspot"
    query_type: str = "contact_lookup"
    at_ms: int = START_MS
    success: bool = True
    response_time_ms: int = 100
    freshness: Decimal | None = None
    confidence: Decimal | None = None
    satisfaction: Decimal | None = None

    @property
    def chunk(self) -> int:
        """The chunk of the log it is in."""
        return self.offset // CHUNK_SIZE


def batch_of(queries: Iterable[Query], source: RecordSource = SOURCE) -> pa.RecordBatch:
    """The rows of ``queries`` under ``models.rows.QUERY_METRICS``."""
    return pa.RecordBatch.from_pylist([_row(query, source) for query in queries], schema=QUERY_METRICS)


def counted_once(queries: Iterable[Query]) -> list[Query]:
    """Leave out repeats: the same event not more than ``REMEMBERED_CHUNKS`` chunks after it was counted."""
    counted_in: dict[int, int] = {}
    counted = []
    for query in queries:
        if query.chunk - counted_in.get(query.event, -math.inf) > REMEMBERED_CHUNKS:
            counted_in[query.event] = query.chunk
            counted.append(query)
    return counted


def windows_of(queries: Iterable[Query], source: RecordSource = SOURCE) -> dict[WindowKey, Row]:
    """The windows of ``queries``, each of which counts."""
    groups: defaultdict[WindowKey, list[Query]] = defaultdict(list)
    for query in queries:
        start = datetime.fromtimestamp(query.at_ms // 60_000 * 60, UTC)
        place = (source.topic_epoch, source.partition, query.chunk)
        groups[(_id(query.tenant), query.provider, query.query_type, start, *place)].append(query)
    return {key: {**dict(zip(KEY, key, strict=True)), **_values(group)} for key, group in groups.items()}


def keyed(rows: Iterable[Row]) -> dict[WindowKey, Row]:
    """Rows of ``query_windows`` by their key."""
    return {tuple(row[name] for name in KEY): row for row in rows}


def slices(queries: Sequence[Query], cuts: Iterable[int]) -> list[Sequence[Query]]:
    """``queries`` in pieces that end at ``cuts``, none of them empty."""
    bounds = sorted({0, len(queries), *(cut for cut in cuts if 0 < cut < len(queries))})
    return [queries[start:end] for start, end in pairwise(bounds)]


def _values(group: Sequence[Query]) -> Row:
    buckets = sorted(Counter(_bucket(query.response_time_ms) for query in group).items())
    values: Row = {
        "version": max(query.offset for query in group),
        "queries": len(group),
        "successes": sum(query.success for query in group),
        "response_time_ms_sum": sum(query.response_time_ms for query in group),
        "response_time_histogram": {"buckets": [i for i, _ in buckets], "counts": [n for _, n in buckets]},
    }
    for name in QUERY_MEASURES:
        present = [value for query in group if (value := _measures(query).get(name)) is not None]
        values[sum_of(name)] = sum(present, Decimal("0.0000"))
        values[count_of(name)] = len(present)
    return values


def _measures(query: Query) -> dict[str, Decimal | None]:
    return {
        "data_freshness_hours": query.freshness,
        "ai_confidence_score": query.confidence,
        "customer_satisfaction_impact": query.satisfaction,
    }


def _bucket(value: int) -> int:
    return -1 if value == 0 else math.ceil(math.log(value) / math.log(1.01) - 1e-9)


def _id(number: int) -> bytes:
    return number.to_bytes(16, "big")


def _row(query: Query, source: RecordSource) -> Row:
    labels = ("customer_id", "channel", "country", "customer_segment", "data_type", "error_kind")
    return {
        **dict.fromkeys(labels, ""),
        "event_id": _id(query.event),
        "user_id": _id(query.tenant),
        "created_at": query.at_ms,
        "conversation_id": _id(0),
        "integration_provider": query.provider,
        "query_type": query.query_type,
        "query_success": query.success,
        "response_time_ms": query.response_time_ms,
        **dict.fromkeys(QUERY_MEASURES),
        **_measures(query),
        "topic_epoch": source.topic_epoch,
        "kafka_partition": source.partition,
        "kafka_offset": query.offset,
    }
