"""A window's row, value by value."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from streams.windows import CHUNK_SIZE, Chunk
from tests.examples.queries import SOURCE, START_MS, Query, batch_of


def _rows(*queries: Query) -> list[dict[str, Any]]:
    chunk = Chunk(SOURCE, 2)
    chunk.add(batch_of(queries))
    rows = chunk.take_changed()
    assert rows is not None
    found: list[dict[str, Any]] = rows.to_pylist()
    return found


def test_a_window_counts_sums_and_keeps_a_histogram() -> None:
    first = 2 * CHUNK_SIZE
    (row,) = _rows(
        Query(first, 1, response_time_ms=0, confidence=Decimal("0.5000"), freshness=Decimal("1.2500")),
        Query(first + 9, 2, response_time_ms=100, success=False, confidence=Decimal("0.2500")),
        Query(first + 4, 3, response_time_ms=100, satisfaction=Decimal("-1.0000")),
    )
    assert row == {
        "user_id": (1).to_bytes(16, "big"),
        "integration_provider": "hubspot",
        "query_type": "contact_lookup",
        "window_start": datetime(2026, 1, 15, 12, 0, tzinfo=UTC),
        "topic_epoch": 11,
        "partition": 3,
        "chunk_id": 2,
        "version": first + 9,
        "queries": 3,
        "successes": 2,
        "response_time_ms_sum": 200,
        "response_time_histogram": {"buckets": [-1, 463], "counts": [1, 2]},
        "data_freshness_hours_sum": Decimal("1.2500"),
        "data_freshness_hours_count": 1,
        "ai_confidence_score_sum": Decimal("0.7500"),
        "ai_confidence_score_count": 2,
        "customer_satisfaction_impact_sum": Decimal("-1.0000"),
        "customer_satisfaction_impact_count": 1,
    }


def test_the_last_millisecond_of_a_minute_belongs_to_it() -> None:
    rows = _rows(Query(1, 1, at_ms=START_MS + 59_999), Query(2, 2, at_ms=START_MS + 60_000))
    assert [row["window_start"].minute for row in rows] == [0, 1]


def test_tenants_providers_and_query_types_have_windows_of_their_own() -> None:
    rows = _rows(
        Query(1, 1),
        Query(2, 2, tenant=2),
        Query(3, 3, provider="shopify"),
        Query(4, 4, query_type="order_status"),
    )
    assert [row["queries"] for row in rows] == [1, 1, 1, 1]


def test_the_slowest_answers_that_are_allowed_do_not_overflow() -> None:
    longest = 2**31 - 1
    (row,) = _rows(*(Query(offset, offset, response_time_ms=longest) for offset in range(100)))
    assert row["response_time_ms_sum"] == 100 * longest


def test_a_chunk_without_events_has_no_rows() -> None:
    assert Chunk(SOURCE, 0).take_changed() is None
