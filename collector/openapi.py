"""The OpenAPI description of the collector."""

from __future__ import annotations

from typing import Any, Final

from collector.body import MAX_BODY_BYTES, MAX_EVENTS, TOPICS
from models.schema import json_schema
from models.topics import INGEST

_PROBLEMS: Final = {
    "400": "The body cannot be read",
    "401": "No key, or a wrong one",
    "403": "Another role, or every event was of a foreign tenant or topic",
    "408": "The body came too slowly",
    "413": "Too many bytes or events",
    "415": "Another Content-Type or Content-Encoding",
    "422": "No event was valid, or a parameter is wrong",
    "429": "Too many events or wrong keys; Retry-After says when to come again",
    "503": "Kafka did not acknowledge everything, or too much is under way; send the same again after Retry-After",
}
_VERDICT: Final = {
    "type": "object",
    "required": ["status"],
    "properties": {
        "status": {"enum": ["accepted", "rejected"]},
        "event_id": {"type": "string", "format": "uuid"},
        "stage": {"enum": ["size", "decode", "validate", "key", "time", "access", "kafka"]},
        "reason": {"type": "string", "description": "The words of dead letters, for example out_of_range"},
        "detail": {"type": "string", "description": "The field and what was expected; never the value"},
    },
}
_ANSWER: Final = {
    "type": "object",
    "required": ["accepted", "rejected", "events"],
    "properties": {
        "accepted": {"type": "integer"},
        "rejected": {"type": "integer"},
        "events": {"type": "array", "items": _VERDICT, "description": "One for each event, in the order sent"},
    },
}


def paths() -> dict[str, Any]:
    """Return the ``paths`` of the OpenAPI document."""
    problems = {status: {"description": about} for status, about in _PROBLEMS.items()}
    event = {"oneOf": [json_schema(topic) for topic in INGEST]}
    wrapped = {
        "type": "object",
        "required": ["topic", "event"],
        "properties": {"topic": {"enum": list(TOPICS)}, "event": event},
    }
    one = {"anyOf": [event, wrapped]}
    batch = {"oneOf": [one, {"type": "array", "items": one, "maxItems": MAX_EVENTS}]}
    return {
        "/v1/events": {
            "post": {
                "summary": f"Send one event or up to {MAX_EVENTS}; at most {MAX_BODY_BYTES} bytes, gzip or not",
                "operationId": "sendEvents",
                "security": [{"key": []}],
                "parameters": [
                    {
                        "name": "topic",
                        "in": "query",
                        "schema": {"enum": list(TOPICS)},
                        "description": "Of every event; without it each is an object with topic and event",
                    },
                    {"name": "traceparent", "in": "header", "schema": {"type": "string"}},
                ],
                "requestBody": {
                    "required": True,
                    "content": {
                        "application/json": {"schema": batch},
                        "application/x-ndjson": {"schema": {"type": "string"}},
                    },
                },
                "responses": {
                    "202": {
                        "description": "At least one event was accepted: Kafka acknowledged it with acks=all",
                        "content": {"application/json": {"schema": _ANSWER}},
                    },
                    **problems,
                },
            }
        },
        "/v1/traces": {
            "post": {
                "summary": "Send OTLP traces; spans of tool calls become query events",
                "operationId": "sendTraces",
                "security": [{"key": []}],
                "requestBody": {
                    "required": True,
                    "content": {"application/x-protobuf": {}, "application/json": {"schema": {"type": "object"}}},
                },
                "responses": {"200": {"description": "ExportTraceServiceResponse"}, **problems},
            }
        },
        "/v1/dead-letters": {
            "get": {
                "summary": "What the collector rejected of this producer: reasons and counts",
                "operationId": "readRejections",
                "security": [{"key": []}],
                "parameters": [
                    {"name": "days", "in": "query", "schema": {"type": "integer", "minimum": 1, "maximum": 90}}
                ],
                "responses": {"200": {"description": "Counts by topic, stage and reason"}, **problems},
            }
        },
    }


def document() -> dict[str, Any]:
    """Return the OpenAPI document of a collector that runs alone."""
    return {
        "openapi": "3.1.0",
        "info": {"title": "ROMASHKA event collector", "version": "1.0.0"},
        "paths": paths(),
        "components": {"securitySchemes": {"key": {"type": "http", "scheme": "bearer"}}},
    }
