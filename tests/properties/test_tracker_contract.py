"""The tracker and the pipeline agree on what an event is."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from models.schema import json_schema
from models.topics import HEALTH, INGEST, INTELLIGENCE, OUTCOMES, QUERIES, Topic
from romashka_tracker import IntegrationTracker, InvalidEvent, MemoryTransport
from romashka_tracker.wording import given_arm, kind
from tests.properties.tracker_arguments import (
    MADE_BY_THE_TRACKER,
    allowed,
    anything,
    arguments_of,
    forbidden,
    plain_arguments_of,
)

_METHODS: dict[Topic, Callable[..., Any]] = {
    QUERIES: IntegrationTracker.track_integration_query,
    OUTCOMES: IntegrationTracker.record_conversation_outcome,
    HEALTH: IntegrationTracker.update_integration_health,
    INTELLIGENCE: IntegrationTracker.record_conversation_intelligence,
}
_PIPELINE = {topic: TypeAdapter[dict[str, Any]](topic.event) for topic in INGEST}
_DEFINITIONS: dict[Topic, dict[str, Any]] = {topic: json_schema(topic)["properties"] for topic in INGEST}
_REQUIRED = {topic: set(json_schema(topic)["required"]) - MADE_BY_THE_TRACKER for topic in INGEST}

_each_topic = pytest.mark.parametrize("topic", INGEST, ids=lambda topic: topic.event.__name__)
_each_field = pytest.mark.parametrize(
    ("topic", "field"), [(topic, name) for topic in INGEST for name in _DEFINITIONS[topic]]
)
_each_required_field = pytest.mark.parametrize(
    ("topic", "field"), [(topic, name) for topic in INGEST for name in sorted(_REQUIRED[topic])]
)
_few = settings(max_examples=10, deadline=None)


def _published(topic: Topic, arguments: Mapping[str, Any]) -> bytes:
    """Return the value of the one message that the tracker publishes."""

    async def publish() -> bytes:
        transport = MemoryTransport()
        async with IntegrationTracker(transport, linger_seconds=0) as tracker:
            await _METHODS[topic](tracker, **arguments)
        [message] = transport.messages(topic.name)
        return message.value

    return asyncio.run(publish())


def _refused_field(topic: Topic, arguments: Mapping[str, Any]) -> str | None:
    """Return the field for which the tracker refuses these arguments, None where it takes them."""
    try:
        _published(topic, arguments)
    except InvalidEvent as refusal:
        return refusal.field
    return None


def _as_it_arrives(value: Any, definition: Mapping[str, Any]) -> object:
    if kind(definition) == "uuid":
        return UUID(str(value))
    if "anyOf" in given_arm(definition):  # money
        return Decimal(str(value))
    if isinstance(value, Decimal):
        return float(value)
    return list(value) if isinstance(value, tuple) else value


@_each_topic
@settings(deadline=None)
@given(data=st.data())
def test_what_the_tracker_publishes_arrives_as_it_was_given(topic: Topic, data: st.DataObject) -> None:
    arguments = data.draw(arguments_of(topic))
    arrived = _PIPELINE[topic].validate_json(_published(topic, arguments))
    given = {
        name: _as_it_arrives(value, _DEFINITIONS[topic][name]) for name, value in arguments.items() if value is not None
    }
    made = {name: arrived[name] for name in MADE_BY_THE_TRACKER}
    assert arrived == made | given


@_each_field
@_few
@given(data=st.data())
def test_the_pipeline_accepts_whatever_the_tracker_accepts(topic: Topic, field: str, data: st.DataObject) -> None:
    arguments = plain_arguments_of(topic) | {field: data.draw(allowed(_DEFINITIONS[topic][field]) | anything)}
    refused = _refused_field(topic, arguments)
    assert refused in {None, field}
    if refused is None:
        assert _PIPELINE[topic].validate_json(_published(topic, arguments))["user_id"]


@_each_field
@_few
@given(data=st.data())
def test_both_refuse_what_is_forbidden(topic: Topic, field: str, data: st.DataObject) -> None:
    arguments = plain_arguments_of(topic)
    event = json.loads(_published(topic, arguments))
    value = data.draw(forbidden(_DEFINITIONS[topic][field]))
    assert _refused_field(topic, {**arguments, field: value}) == field
    with pytest.raises(ValidationError):
        _PIPELINE[topic].validate_json(json.dumps({**event, field: value}, default=str))


@_each_required_field
def test_both_refuse_an_event_that_lacks_a_required_field(topic: Topic, field: str) -> None:
    arguments = plain_arguments_of(topic)
    event = json.loads(_published(topic, arguments))
    assert _refused_field(topic, {**arguments, field: None}) == field
    del event[field]
    with pytest.raises(ValidationError):
        _PIPELINE[topic].validate_json(json.dumps(event))
