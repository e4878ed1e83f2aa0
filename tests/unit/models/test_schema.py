"""The published contracts: complete, consistent in themselves, and what the decoder goes by."""

from __future__ import annotations

import json
from typing import Any

import fastjsonschema
import pytest

from models.events import MAX_EVENT_BYTES
from models.schema import asyncapi, file_name, json_schema
from models.topics import ALL, INGEST, Topic
from tests.examples.events import event


def _references(node: Any) -> list[str]:
    if isinstance(node, dict):
        own = [node["$ref"]] if "$ref" in node else []
        return own + [found for value in node.values() for found in _references(value)]
    return [found for value in node for found in _references(value)] if isinstance(node, list) else []


def test_every_reference_of_the_asyncapi_document_leads_somewhere() -> None:
    document = asyncapi()
    references = _references(document)
    assert references
    for reference in references:
        node = document
        for step in reference.removeprefix("#/").split("/"):
            node = node[step]


def test_every_topic_is_a_channel_with_its_address() -> None:
    addresses = {channel["address"] for channel in asyncapi()["channels"].values()}
    assert addresses == {topic.name for topic in ALL}


def test_ingest_topics_are_received_and_the_others_sent() -> None:
    actions = {name: operation["action"] for name, operation in asyncapi()["operations"].items()}
    assert {name for name, action in actions.items() if action == "receive"} == {
        f"receive-{topic.name.replace('.', '-')}" for topic in INGEST
    }


def test_the_document_is_json_and_says_how_large_a_message_may_be() -> None:
    document = json.dumps(asyncapi())
    assert json.loads(document) == asyncapi()
    assert f"at most {MAX_EVENT_BYTES // 1024} KiB" in document


@pytest.mark.parametrize("topic", INGEST, ids=file_name)
def test_a_schema_names_what_is_required(topic: Topic) -> None:
    schema = json_schema(topic)
    assert set(schema["required"]) == set(event(topic))
    assert schema["$id"] == f"urn:romashka:{topic.name}"
    assert all("description" in json.dumps(field) or "enum" in json.dumps(field) for field in _documented(schema))


@pytest.mark.parametrize("topic", INGEST, ids=file_name)
def test_a_schema_rejects_what_lacks_a_required_field(topic: Topic) -> None:
    validate = fastjsonschema.compile(json_schema(topic))
    validate(event(topic))
    for name in event(topic):
        with pytest.raises(fastjsonschema.JsonSchemaException, match=name):
            validate(event(topic, **{name: ...}))


def _documented(schema: dict[str, Any]) -> list[dict[str, Any]]:
    return [field for field in schema["properties"].values() if field.get("type") != "boolean"]
