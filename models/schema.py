"""The contracts for other languages: a JSON Schema for each event, and an AsyncAPI 3 document of the topics."""

from __future__ import annotations

from typing import Any, Final

from pydantic import TypeAdapter

from models.events import MAX_EVENT_BYTES
from models.insight_message import InsightMessage
from models.retention import EVENT_RETENTION, MAX_SYNC_AGE
from models.topics import ALL, DEAD_LETTERS, INGEST, INSIGHTS, Topic

VERSION: Final = "1.0.0"
_DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
# Topic → the contract of its values. Dead letters have none: they are the encrypted bytes that arrived.
_VALUES: Final[dict[Topic, Any]] = {topic: topic.event for topic in INGEST} | {INSIGHTS: InsightMessage}
_TENANT_KEY: Final = {
    "type": "string",
    "format": "uuid",
    "description": "The event's user_id in lower case with dashes; any other key, or none, makes it a dead letter",
}
_KEYS: Final[dict[Topic, dict[str, str]]] = {
    INSIGHTS: {
        "type": "string",
        "description": "The tenant's user_id; the provider's name where the insight is about it across tenants",
    },
    DEAD_LETTERS: {"type": "string", "description": "The message's place: topic/epoch/partition/offset"},
}


def json_schema(topic: Topic) -> dict[str, Any]:
    """Return the JSON Schema of the values of a topic that has a contract."""
    return {"$schema": _DIALECT, "$id": f"urn:romashka:{topic.name}", **TypeAdapter(_VALUES[topic]).json_schema()}


def file_name(topic: Topic) -> str:
    """Return the schema's file name, for example ``integration.queries.v1.schema.json``."""
    return f"{topic.name}.schema.json"


def asyncapi() -> dict[str, Any]:
    """Return the AsyncAPI 3 document: every topic, its key, its value, its sender and its receiver."""
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "ROMASHKA Integration Analytics",
            "version": VERSION,
            "description": (
                "Events about integrations. Key every message by its user_id in lower case with dashes, so that one "
                "tenant's events stay in one partition and in order; a message with another key, or none, is a dead "
                "letter (wrong_key). Place keys by murmur2, as Kafka's Java client does: queries that lie elsewhere "
                "are moved before they are counted. Times are at most 5 minutes ahead; created_at and opened_at at "
                f"most {EVENT_RETENTION.days} days old, last_sync_at at most {MAX_SYNC_AGE.days}. A value is one JSON "
                f"object in UTF-8 of at most {MAX_EVENT_BYTES // 1024} KiB."
            ),
        },
        "defaultContentType": "application/json",
        "channels": {_slug(topic): _channel(topic) for topic in ALL},
        "operations": {f"{_action(topic)}-{_slug(topic)}": _operation(topic) for topic in ALL},
        "components": {
            "messages": {_message_name(topic): _message(topic) for topic in ALL},
            "schemas": {_message_name(topic): TypeAdapter(value).json_schema() for topic, value in _VALUES.items()},
        },
    }


def _slug(topic: Topic) -> str:
    return topic.name.replace(".", "-")


def _message_name(topic: Topic) -> str:
    return str(_VALUES[topic].__name__) if topic in _VALUES else _slug(topic)


def _action(topic: Topic) -> str:
    # From the point of view of this application: it receives the ingest topics and sends the others.
    return "receive" if topic.event is not None else "send"


def _channel(topic: Topic) -> dict[str, Any]:
    name = _message_name(topic)
    return {
        "address": topic.name,
        "description": topic.about,
        "messages": {name: {"$ref": f"#/components/messages/{name}"}},
        "bindings": {
            "kafka": {
                "topic": topic.name,
                "partitions": topic.partitions,
                "topicConfiguration": {"retention.ms": topic.retention_days * 86_400_000},
                "bindingVersion": "0.5.0",
            }
        },
    }


def _operation(topic: Topic) -> dict[str, Any]:
    channel = f"#/channels/{_slug(topic)}"
    return {
        "action": _action(topic),
        "channel": {"$ref": channel},
        "messages": [{"$ref": f"{channel}/messages/{_message_name(topic)}"}],
    }


def _message(topic: Topic) -> dict[str, Any]:
    message: dict[str, Any] = {
        "name": _message_name(topic),
        "summary": topic.about,
        "bindings": {"kafka": {"key": _KEYS.get(topic, _TENANT_KEY), "bindingVersion": "0.5.0"}},
    }
    if topic in _VALUES:
        message["payload"] = {"$ref": f"#/components/schemas/{_message_name(topic)}"}
    return message
