"""Events become rows field by field: what each kind of value looks like there, and what a missing one does."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import numpy as np
import pytest

from models.rows import HEALTH, INTELLIGENCE, OUTCOMES, QUERY_METRICS, WRITTEN
from models.topics import HEALTH as HEALTH_TOPIC
from models.topics import INGEST, Topic
from models.topics import INTELLIGENCE as INTELLIGENCE_TOPIC
from models.topics import OUTCOMES as OUTCOME_TOPIC
from models.topics import QUERIES as QUERY_TOPIC
from streams.arrow_batches import score_column, to_batch
from streams.decode import Decoder
from streams.pseudonyms import Pseudonymiser
from streams.topic_processor import TABLES
from tests.examples.corpus import VALID
from tests.examples.events import KEY, NOW, SECRET, Record, message, source

_SCHEMAS = {QUERY_TOPIC: QUERY_METRICS, OUTCOME_TOPIC: OUTCOMES, HEALTH_TOPIC: HEALTH, INTELLIGENCE_TOPIC: INTELLIGENCE}


def _row(topic: Topic, value: bytes) -> dict[str, Any]:
    place = source(topic, partition=5, topic_epoch=2**64 - 1)
    decoded = Decoder(topic).decode([Record(77, KEY, value)], place, now=NOW)
    (row,) = to_batch(decoded.events, decoded.offsets, _SCHEMAS[topic], place, Pseudonymiser(SECRET, "k1")).to_pylist()
    return row


def _example(name: str) -> bytes:
    return next(example.value for example in VALID if example.name == name)


def test_a_full_query_becomes_this_row() -> None:
    assert _row(QUERY_TOPIC, _example("queries/full")) == {
        "event_id": UUID("0b8f6f3e-6a3f-4a57-9d83-0f2f4e8f0a01").bytes,
        "user_id": UUID("5d0c7e5e-55a5-4b9c-8a55-1c2d3e4f5a6b").bytes,
        "created_at": datetime(2026, 1, 15, 11, 59, 30, 250_000, UTC),
        "customer_id": Pseudonymiser(SECRET, "k1").pseudonym(
            UUID("5d0c7e5e-55a5-4b9c-8a55-1c2d3e4f5a6b").bytes, "customer-4711"
        ),
        "channel": "web",
        "country": "DE",
        "customer_segment": "premium",
        "conversation_id": UUID("c3a1f0d2-7b64-4c8e-9f11-2a3b4c5d6e7f").bytes,
        "integration_provider": "hubspot",
        "query_type": "contact_lookup",
        "query_success": True,
        "response_time_ms": 250,
        "data_freshness_hours": Decimal("2.5000"),
        "ai_confidence_score": Decimal("0.9500"),
        "customer_satisfaction_impact": Decimal("-0.2500"),
        "data_type": "contacts",
        "error_kind": "",
        "topic_epoch": 2**64 - 1,
        "kafka_partition": 5,
        "kafka_offset": 77,
    }


def test_a_full_outcome_keeps_its_list_its_cents_and_its_second_time() -> None:
    row = _row(OUTCOME_TOPIC, _example("outcomes/full"))
    assert row["integration_types_used"] == ["hubspot", "shopify"]
    assert row["business_value_generated"] == Decimal("150.00")
    assert row["customer_satisfaction_score"] == Decimal("4.5000")
    assert row["opened_at"] == datetime(2026, 1, 15, 11, 44, 30, tzinfo=UTC)


def test_a_time_is_kept_in_utc_whatever_its_offset() -> None:
    row = _row(QUERY_TOPIC, _example("queries/time-with-an-offset"))
    assert row["created_at"] == datetime(2026, 1, 15, 11, 59, 30, 250_000, UTC)


def test_what_is_finer_than_a_millisecond_is_cut_off() -> None:
    row = _row(QUERY_TOPIC, _example("queries/time-finer-than-milliseconds"))
    assert row["created_at"] == datetime(2026, 1, 15, 11, 59, 30, 250_000, UTC)


@pytest.mark.parametrize("name", ["queries/minimal", "queries/every-optional-field-null"])
def test_labels_that_were_not_given_are_empty_and_numbers_null(name: str) -> None:
    row = _row(QUERY_TOPIC, _example(name))
    assert {row[field] for field in ("customer_id", "channel", "country", "data_type", "error_kind")} == {""}
    assert {row[field] for field in ("data_freshness_hours", "ai_confidence_score")} == {None}


def test_lists_that_were_not_given_are_empty() -> None:
    row = _row(INTELLIGENCE_TOPIC, _example("intelligence/minimal"))
    assert (row["data_types_accessed"], row["knowledge_gaps_identified"]) == ([], [])


def test_zero_is_a_number_and_not_a_gap() -> None:
    row = _row(HEALTH_TOPIC, message(HEALTH_TOPIC, error_rate=0, records_failed=0))
    assert (row["error_rate"], row["records_failed"]) == (Decimal("0.0000"), 0)


@pytest.mark.parametrize(
    ("given", "kept"),
    [("0.00005", "0.0000"), ("0.00015", "0.0002"), ("1e-30", "0.0000"), (7, "7.0000"), ("1.255", "1.2550")],
)
def test_money_keeps_four_decimals_and_is_rounded_to_the_even_last_one(given: str | int, kept: str) -> None:
    row = _row(OUTCOME_TOPIC, message(OUTCOME_TOPIC, business_value_generated=given))
    assert row["business_value_generated"] == Decimal(kept)


def test_unknown_fields_are_kept_out() -> None:
    assert set(_row(QUERY_TOPIC, _example("queries/unknown-fields"))) == set(QUERY_METRICS.names)


@pytest.mark.parametrize("topic", INGEST, ids=lambda topic: topic.name)
def test_no_events_are_no_rows(topic: Topic) -> None:
    batch = to_batch([], [], WRITTEN[TABLES[topic][0]], source(topic), Pseudonymiser(SECRET, "k1"))
    assert batch.num_rows == 0


def test_a_column_without_gaps_has_no_nulls() -> None:
    assert score_column(np.array([0.5, 1.0])).null_count == 0
    assert score_column(np.array([0.5, np.nan])).null_count == 1
