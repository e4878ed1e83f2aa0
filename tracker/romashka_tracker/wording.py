"""Descriptions of JSON Schema constraints for error messages."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

_KINDS: Final = {
    "uuid": "a UUID",
    "date-time": "a datetime with a time zone",
    "boolean": "True or False",
    "integer": "an int",
    "number": "a number",
    "string": "text",
    "array": "a list",
}


def given_arm(definition: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return what a field's definition says of a value that is given: the arm of ``anyOf`` that is not null."""
    arms = [arm for arm in definition.get("anyOf", ()) if arm.get("type") != "null"]
    return arms[0] if arms else definition


def kind(definition: Mapping[str, Any]) -> str:
    """Return the format of a field where it has one, or else its JSON type."""
    arm = given_arm(given_arm(definition))
    return str(arm.get("format", arm["type"]))


def expected(definition: Mapping[str, Any]) -> str:
    """Describe what a field must be, for example ``an int: Whole milliseconds, 0 or more``."""
    arm = given_arm(definition)
    if "enum" in arm:
        return "one of " + ", ".join(arm["enum"])
    described = ": ".join(part for part in (_KINDS[kind(arm)], arm.get("description")) if part)
    return f"{described}; each item {expected(arm['items'])}" if "items" in arm else described
