from __future__ import annotations

import json
import traceback
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest

from models import events, topics
from romashka_tracker.contract import MAX_EVENT_BYTES, TOPICS, contract_of
from romashka_tracker.errors import InvalidEvent
from romashka_tracker.wire import EARLIEST

_ID = UUID("7d444840-9dc0-11d1-b245-5ffdce74fad2")
_QUERY: dict[str, object] = {
    "event_id": _ID,
    "user_id": str(_ID).upper(),
    "created_at": datetime(2026, 3, 1, tzinfo=UTC),
    "conversation_id": _ID,
    "integration_provider": "hubspot",
    "query_type": "contact_lookup",
    "query_success": True,
    "response_time_ms": 250,
    "ai_confidence_score": None,
}
_INTELLIGENCE = {name: _QUERY[name] for name in ("event_id", "user_id", "created_at", "conversation_id")}


def _refusal(topic: str, fields: dict[str, object]) -> InvalidEvent:
    with pytest.raises(InvalidEvent) as refusal:
        contract_of(topic).message(fields)
    return refusal.value


def test_the_topics_and_limits_are_the_pipeline_s() -> None:
    assert [topic.name for topic in topics.INGEST] == list(TOPICS)
    assert events.MAX_EVENT_BYTES == MAX_EVENT_BYTES
    with pytest.raises(InvalidEvent):
        contract_of(TOPICS[0]).message({**_QUERY, "created_at": EARLIEST.replace(year=1999)})


def test_a_message_is_keyed_by_the_tenant_in_its_one_spelling() -> None:
    message = contract_of(TOPICS[0]).message(_QUERY)
    assert message.key == str(_ID).encode()
    assert json.loads(message.value)["user_id"] == str(_ID)


def test_fields_that_are_none_are_left_out() -> None:
    assert "ai_confidence_score" not in json.loads(contract_of(TOPICS[0]).message(_QUERY).value)


def test_a_refusal_names_the_field_and_what_was_expected() -> None:
    refusal = _refusal(TOPICS[0], {**_QUERY, "response_time_ms": "250"})
    assert str(refusal) == (
        "QueryEvent.response_time_ms: expected an int: Whole milliseconds, 0 or more; got a value of type str."
    )
    assert (refusal.event, refusal.field) == ("QueryEvent", "response_time_ms")


@pytest.mark.parametrize("field", ["user_id", "created_at", "integration_provider", "query_success"])
def test_a_required_field_that_is_none_is_named(field: str) -> None:
    refusal = _refusal(TOPICS[0], {**_QUERY, field: None})
    assert refusal.field == field
    assert "got nothing" in str(refusal)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("response_time_ms", 250.0),
        ("response_time_ms", True),
        ("query_success", 1),
        ("ai_confidence_score", float("nan")),
        ("integration_provider", "HubSpot"),
        ("query_type", "contact\nlookup"),
        ("query_type", "half a pair: \ud800"),
        ("country", "de"),
        ("conversation_id", "42"),
        ("created_at", "2026-03-01T00:00:00Z"),
    ],
)
def test_a_value_that_nearly_fits_is_refused_by_name(field: str, value: object) -> None:
    assert _refusal(TOPICS[0], {**_QUERY, field: value}).field == field


@pytest.mark.parametrize(
    "field", ["user_id", "created_at", "integration_provider", "query_success", "customer_id", "country"]
)
def test_a_refusal_never_shows_the_value(field: str) -> None:
    canary = "olha.k@example.com" * 10
    refusal = _refusal(TOPICS[0], {**_QUERY, field: canary})
    assert refusal.field == field
    assert canary[:18] not in "".join(traceback.format_exception(refusal))
    assert refusal.__context__ is None


def test_an_event_over_64_kib_names_its_largest_field() -> None:
    gaps = ["ж" * 128] * 256
    fields: dict[str, Any] = {**_INTELLIGENCE, "data_types_accessed": ["orders"], "knowledge_gaps_identified": gaps}
    refusal = _refusal(TOPICS[3], fields)
    assert refusal.field == "knowledge_gaps_identified"
    assert str(MAX_EVENT_BYTES) in str(refusal)
