"""The tracker and the pipeline agree on what an event is."""

from __future__ import annotations

import asyncio
import json
import math
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy
from pydantic import TypeAdapter, ValidationError
from romashka_tracker import IntegrationTracker, InvalidEvent, MemoryTransport
from romashka_tracker.wording import given_arm, kind

from models.schema import json_schema
from models.topics import HEALTH, INGEST, INTELLIGENCE, OUTCOMES, QUERIES, Topic
from tests.properties.tracker_arguments import MADE_BY_THE_TRACKER, arguments, invalid, moments

_METHODS: dict[Topic, Callable[..., Any]] = {
    QUERIES: IntegrationTracker.track_integration_query,
    OUTCOMES: IntegrationTracker.record_conversation_outcome,
    HEALTH: IntegrationTracker.update_integration_health,
    INTELLIGENCE: IntegrationTracker.record_conversation_intelligence,
}
_PIPELINE = {topic: TypeAdapter[dict[str, Any]](topic.event) for topic in INGEST}
_EACH_FIELD = [
    pytest.param(topic, name, id=f"{topic.event.__name__}.{name}")
    for topic in INGEST
    for name in json_schema(topic)["properties"]
]

_EACH_REQUIRED_FIELD = [
    pytest.param(topic, name, id=f"{topic.event.__name__}.{name}")
    for topic in INGEST
    for name in json_schema(topic)["required"]
    if name not in MADE_BY_THE_TRACKER
]
_quick = settings(max_examples=20, deadline=None)

def _published(topic: Topic, arguments: Mapping[str, Any]) -> bytes:
    """Return the value of the one message that the tracker publishes."""

    async def publish() -> bytes:
        transport = MemoryTransport()
        async with IntegrationTracker(transport, linger_seconds=0) as tracker:
            await _METHODS[topic](tracker, **arguments)
        [message] = transport.messages(topic.name)
        return message.value

    return asyncio.run(publish())


def _as_the_pipeline_has_it(value: Any, definition: Mapping[str, Any]) -> object:
    """Return what an argument should be once it has arrived."""
    if kind(definition) == "uuid":
        return UUID(str(value))
    if "anyOf" in given_arm(definition):  # money
        return Decimal(str(value))
    if isinstance(value, Decimal):
        return float(value)
    return list(value) if isinstance(value, tuple) else value


def _any_topic_and_arguments() -> SearchStrategy[tuple[Topic, dict[str, Any]]]:
    return st.sampled_from(INGEST).flatmap(lambda topic: st.tuples(st.just(topic), arguments(topic)))


@settings(deadline=None)
@given(_any_topic_and_arguments())
def test_what_the_tracker_publishes_arrives_as_it_was_given(event: tuple[Topic, dict[str, Any]]) -> None:
    topic, arguments = event
    arrived = _PIPELINE[topic].validate_json(_published(topic, arguments))
    definitions = json_schema(topic)["properties"]
    expected = {
        name: _as_the_pipeline_has_it(value, definitions[name])
        for name, value in arguments.items()
        if value is not None
    }
    made = {name: arrived[name] for name in MADE_BY_THE_TRACKER}
    assert arrived == made | expected


_anything = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.decimals()
    | st.text()
    | st.uuids()
    | moments
    | st.datetimes()
    | st.lists(st.text() | st.integers(), max_size=3)
    | st.binary()
)


@pytest.mark.parametrize(("topic", "field"), _EACH_FIELD)
@_quick
@given(data=st.data())
def test_the_pipeline_accepts_whatever_the_tracker_accepts(topic: Topic, field: str, data: st.DataObject) -> None:
    given_arguments = data.draw(arguments(topic)) | {field: data.draw(_anything)}
    try:
        value = _published(topic, arguments)
    except InvalidEvent as refusal:
        assert refusal.field == field
    else:
        assert _PIPELINE[topic].validate_json(value)["user_id"]


@pytest.mark.parametrize(("topic", "field"), _EACH_FIELD)
@_quick
@given(data=st.data())
def test_both_refuse_an_invalid_value(topic: Topic, field: str, data: st.DataObject) -> None:
    given_arguments = data.draw(arguments(topic))
    event = json.loads(_published(topic, arguments))
    invalid = data.draw(invalid(json_schema(topic)["properties"][field]))
    with pytest.raises(InvalidEvent) as refusal:
        _published(topic, {**arguments, field: invalid})
    assert refusal.value.field == field
    with pytest.raises(ValidationError):
        _PIPELINE[topic].validate_json(json.dumps({**event, field: invalid}, default=str))


@pytest.mark.parametrize(("topic", "field"), _EACH_REQUIRED_FIELD)
@_quick
@given(data=st.data())
def test_both_refuse_an_event_without_a_required_field(topic: Topic, field: str, data: st.DataObject) -> None:
    given_arguments = data.draw(arguments(topic))
    event = json.loads(_published(topic, arguments))
    with pytest.raises(InvalidEvent) as refusal:
        _published(topic, {**arguments, field: None})
    assert refusal.value.field == field
    del event[field]
    with pytest.raises(ValidationError):
        _PIPELINE[topic].validate_json(json.dumps(event))
