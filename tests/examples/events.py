"""Events as producers send them: a valid one of each kind, to be changed field by field."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

from models.topics import HEALTH, INGEST, INTELLIGENCE, OUTCOMES, QUERIES, Topic
from streams.decode import RecordSource

NOW: Final = datetime(2026, 1, 15, 12, 0, tzinfo=UTC)
SECRET: Final = b"a secret of thirty-two bytes ..."

_EVENT: Final = {
    "event_id": "0b8f6f3e-6a3f-4a57-9d83-0f2f4e8f0a01",
    "user_id": "5d0c7e5e-55a5-4b9c-8a55-1c2d3e4f5a6b",
    "created_at": "2026-01-15T11:59:30.250Z",
}
KEY: Final = _EVENT["user_id"].encode()
_CONVERSATION: Final = {"conversation_id": "c3a1f0d2-7b64-4c8e-9f11-2a3b4c5d6e7f"}
_MINIMAL: Final[dict[str, dict[str, Any]]] = {
    QUERIES.name: {
        **_EVENT,
        **_CONVERSATION,
        "integration_provider": "hubspot",
        "query_type": "contact_lookup",
        "query_success": True,
        "response_time_ms": 250,
    },
    OUTCOMES.name: {**_EVENT, **_CONVERSATION, "integration_data_used": True, "outcome_type": "resolved"},
    HEALTH.name: {**_EVENT, "integration_provider": "shopify", "sync_status": "healthy"},
    INTELLIGENCE.name: {**_EVENT, **_CONVERSATION},
}


class Record(NamedTuple):
    """What the pipeline needs of a Kafka record."""

    offset: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...] = ()


def event(topic: Topic, **fields: Any) -> dict[str, Any]:
    """A valid event with only the required fields, then ``fields``; a field given as ``...`` is left out."""
    return {name: value for name, value in {**_MINIMAL[topic.name], **fields}.items() if value is not ...}


def message(topic: Topic, **fields: Any) -> bytes:
    """The same as bytes."""
    return json.dumps(event(topic, **fields)).encode()


def source(topic: Topic, partition: int = 3, topic_epoch: int = 11) -> RecordSource:
    """A partition of a topic."""
    return RecordSource(topic.name, topic_epoch, partition)


def topic_named(name: str) -> Topic:
    """The ingest topic of that name."""
    return next(topic for topic in INGEST if topic.name == name)
