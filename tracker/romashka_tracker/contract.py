"""The contract of a topic: builds a message of arguments, or names the argument that violates the JSON Schema.

It is the definition. Nearly every call is written by ``romashka_tracker.compiled`` instead, with the same bytes.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from functools import cache
from importlib.resources import files
from typing import Any, Final

import fastjsonschema

from romashka_tracker.errors import InvalidEvent
from romashka_tracker.transport import Message
from romashka_tracker.wire import moment_text, number, to_json, uuid_text
from romashka_tracker.wording import expected, kind

QUERIES: Final = "integration.queries.v1"
OUTCOMES: Final = "integration.outcomes.v1"
HEALTH: Final = "integration.health.v1"
INTELLIGENCE: Final = "integration.intelligence.v1"
TOPICS: Final = (QUERIES, OUTCOMES, HEALTH, INTELLIGENCE)

MAX_EVENT_BYTES: Final = 64 * 1024

# In draft 4 a float is never an integer, as in the pipeline; later drafts let 1.0 pass for 1.
_STRICT_INTEGERS: Final = {"$schema": "http://json-schema.org/draft-04/schema#"}
_CONVERTERS: Final[dict[str, Callable[[object], object]]] = {
    "uuid": uuid_text,
    "date-time": moment_text,
    "number": number,
}


@cache
def schema_of(topic: str) -> Mapping[str, Any]:
    """Return the JSON Schema of a topic's values."""
    schema: Mapping[str, Any] = json.loads(files(__package__).joinpath("schemas", f"{topic}.schema.json").read_bytes())
    return schema


@cache
def contract_of(topic: str) -> Contract:
    """Return the compiled contract of a topic."""
    return Contract(schema_of(topic))


class Contract:
    """The contract of the events of one topic.

    Parameters
    ----------
    schema
        The JSON Schema of the topic's values.
    """

    def __init__(self, schema: Mapping[str, Any]) -> None:
        self._event: str = schema["title"]
        self._required: list[str] = schema["required"]
        self._definitions: dict[str, Any] = schema["properties"]
        self._converters = {
            name: _CONVERTERS[kind(definition)]
            for name, definition in self._definitions.items()
            if kind(definition) in _CONVERTERS
        }
        # The converters check the formats.
        fields = {name: value for name, value in schema.items() if name != "anyOf"}
        self._validate = fastjsonschema.compile({**fields, **_STRICT_INTEGERS}, use_default=False, use_formats=False)
        # Fields that are given together or not at all: the first option of anyOf requires them.
        self._together: list[str] = schema["anyOf"][0]["required"] if "anyOf" in schema else []

    def message(self, fields: Mapping[str, object]) -> Message:
        """Return the event as a message; fields that are ``None`` are left out.

        Raises
        ------
        InvalidEvent
            A field is missing or invalid, or the event is larger than 64 KiB.
        """
        event = {name: self._convert(name, value) for name, value in fields.items() if value is not None}
        invalid = self._first_invalid(event)
        if invalid is not None:
            raise self._invalid(invalid, fields.get(invalid))
        value = to_json(event)
        if value is None:
            unsayable = next(name for name in event if to_json(event[name]) is None)
            raise self._invalid(unsayable, fields[unsayable])
        if len(value) > MAX_EVENT_BYTES:
            raise self._too_large(event, len(value))
        return Message(event["user_id"].encode(), value)

    def _convert(self, name: str, value: object) -> Any:
        convert = self._converters.get(name)
        converted = value if convert is None else convert(value)
        if converted is None:
            raise self._invalid(name, value)
        return converted

    def _first_invalid(self, event: Mapping[str, Any]) -> str | None:
        try:
            self._validate(event)
        except fastjsonschema.JsonSchemaValueException as error:
            # The path is ["data", field, ...]; without a field, it is the event that lacks one.
            return error.path[1] if len(error.path) > 1 else next(name for name in self._required if name not in event)
        missing = [name for name in self._together if name not in event]
        return missing[0] if 0 < len(missing) < len(self._together) else None

    def _invalid(self, name: str, value: object) -> InvalidEvent:
        given = "nothing" if value is None else f"a value of type {type(value).__name__}"
        return InvalidEvent(self._event, name, f"expected {expected(self._definitions[name])}; got {given}.")

    def _too_large(self, event: Mapping[str, Any], size: int) -> InvalidEvent:
        largest = max(event, key=lambda name: len(to_json(event[name]) or b""))
        return InvalidEvent(
            self._event,
            largest,
            f"the event is {size} bytes as JSON, at most {MAX_EVENT_BYTES} are allowed; shorten this field first.",
        )
