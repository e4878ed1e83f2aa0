from __future__ import annotations

import inspect
import json
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, get_args
from uuid import UUID, uuid4

import pytest

from models import fields, topics
from models.schema import json_schema
from romashka_tracker.memory import MemoryTransport
from romashka_tracker.methods import Context, EventMethods, HandledBy
from romashka_tracker.tracker import IntegrationTracker

_TENANT, _CONVERSATION = uuid4(), uuid4()
_OPENED = datetime(2026, 3, 1, 9, tzinfo=UTC)

_METHODS: list[tuple[topics.Topic, Callable[..., Any]]] = [
    (topics.QUERIES, EventMethods.track_integration_query),
    (topics.OUTCOMES, EventMethods.record_conversation_outcome),
    (topics.HEALTH, EventMethods.update_integration_health),
    (topics.INTELLIGENCE, EventMethods.record_conversation_intelligence),
]


async def _published(call: Callable[[IntegrationTracker], Any], topic: topics.Topic) -> dict[str, Any]:
    """Return the one event that a call on a tracker publishes, after checking the id that it returns."""
    transport = MemoryTransport()
    async with IntegrationTracker(transport) as tracker:
        event_id = await call(tracker)
    [message] = transport.messages(topic.name)
    event: dict[str, Any] = json.loads(message.value)
    assert event["event_id"] == str(event_id)
    return event


def _without_ids(event: dict[str, Any]) -> dict[str, Any]:
    assert datetime.fromisoformat(event["created_at"]).utcoffset() is not None
    made = {"event_id", "created_at", "user_id", "conversation_id"}
    return {name: value for name, value in event.items() if name not in made}


async def test_a_query_takes_the_arguments_of_the_chat_system_in_their_order() -> None:
    event = await _published(
        lambda t: t.track_integration_query(
            _TENANT, _CONVERSATION, "hubspot", "contact_lookup", True, 250, 2, 0.95, 0.8
        ),
        topics.QUERIES,
    )
    assert (event["user_id"], event["conversation_id"]) == (str(_TENANT), str(_CONVERSATION))
    assert _without_ids(event) == {
        "integration_provider": "hubspot",
        "query_type": "contact_lookup",
        "query_success": True,
        "response_time_ms": 250,
        "data_freshness_hours": 2,
        "ai_confidence_score": 0.95,
        "customer_satisfaction_impact": 0.8,
    }


async def test_an_outcome_takes_the_conversation_first() -> None:
    event = await _published(
        lambda t: t.record_conversation_outcome(
            _CONVERSATION, _TENANT, True, ["hubspot", "shopify"], "resolved", 15, 4.5, Decimal("150.00")
        ),
        topics.OUTCOMES,
    )
    assert (event["user_id"], event["conversation_id"]) == (str(_TENANT), str(_CONVERSATION))
    assert _without_ids(event) == {
        "integration_data_used": True,
        "integration_types_used": ["hubspot", "shopify"],
        "outcome_type": "resolved",
        "resolution_time_minutes": 15,
        "customer_satisfaction_score": 4.5,
        "business_value_generated": 150.0,
    }


async def test_health_takes_the_columns_of_its_table_in_their_order() -> None:
    event = await _published(
        lambda t: t.update_integration_health(_TENANT, "shopify", "healthy", _OPENED, 0.99, 0.01, 0.9, 0.4),
        topics.HEALTH,
    )
    assert event["user_id"] == str(_TENANT)
    assert _without_ids(event) == {
        "integration_provider": "shopify",
        "sync_status": "healthy",
        "last_sync_at": "2026-03-01T09:00:00+00:00",
        "sync_success_rate": 0.99,
        "error_rate": 0.01,
        "data_freshness_score": 0.9,
        "api_rate_limit_usage": 0.4,
    }


async def test_intelligence_takes_the_conversation_first() -> None:
    event = await _published(
        lambda t: t.record_conversation_intelligence(
            _CONVERSATION, _TENANT, ["orders"], ("warranty",), 0.9, 0.4, "purchase", 0.7
        ),
        topics.INTELLIGENCE,
    )
    assert (event["user_id"], event["conversation_id"]) == (str(_TENANT), str(_CONVERSATION))
    assert _without_ids(event) == {
        "data_types_accessed": ["orders"],
        "knowledge_gaps_identified": ["warranty"],
        "ai_confidence_with_data": 0.9,
        "ai_confidence_without_data": 0.4,
        "customer_journey_stage": "purchase",
        "conversion_probability": 0.7,
    }


async def test_what_is_given_by_keyword_is_published_too() -> None:
    given: dict[str, Any] = {"customer_id": "c-1", "channel": "web", "country": "UA", "customer_segment": "vip"}
    event_id = "0B8E6E4C-3C58-4E33-9A3D-3A4F0C1B2D5E"
    event = await _published(
        lambda t: t.record_conversation_outcome(
            conversation_id=str(_CONVERSATION),
            user_id=str(_TENANT),
            integration_data_used=False,
            integration_types_used=None,
            outcome_type="reopened",
            handled_by="mixed",
            handoff_reason="asked for a person",
            opened_at=_OPENED,
            experiment="hubspot data",
            arm="without",
            event_id=event_id,
            created_at=_OPENED,
            **given,
        ),
        topics.OUTCOMES,
    )
    assert event == {
        "event_id": event_id.lower(),
        "user_id": str(_TENANT),
        "conversation_id": str(_CONVERSATION),
        "created_at": "2026-03-01T09:00:00+00:00",
        "integration_data_used": False,
        "outcome_type": "reopened",
        "handled_by": "mixed",
        "handoff_reason": "asked for a person",
        "opened_at": "2026-03-01T09:00:00+00:00",
        "experiment": "hubspot data",
        "arm": "without",
        **given,
    }


async def test_an_id_that_is_given_is_returned_as_a_uuid() -> None:
    async with IntegrationTracker(MemoryTransport()) as tracker:
        given = uuid4()
        returned = await tracker.update_integration_health(_TENANT, "shopify", "healthy", event_id=str(given))
    assert returned == given
    assert isinstance(returned, UUID)


async def test_an_unknown_keyword_is_an_error_as_in_any_function() -> None:
    async with IntegrationTracker(MemoryTransport()) as tracker:
        misspelt: dict[str, Any] = {"contry": "UA"}
        with pytest.raises(TypeError, match="contry"):
            await tracker.update_integration_health(_TENANT, "shopify", "healthy", **misspelt)


@pytest.mark.parametrize(("topic", "method"), _METHODS)
def test_every_field_of_the_contract_has_an_argument(topic: topics.Topic, method: Callable[..., Any]) -> None:
    arguments = set(inspect.signature(method).parameters) - {"self", "context"} | set(Context.__annotations__)
    assert arguments == set(json_schema(topic)["properties"])


def test_the_closed_list_is_the_contract_s() -> None:
    assert get_args(HandledBy) == get_args(fields.HandledBy)
