"""Arguments for the tracker's methods, drawn from the contracts: what they allow, and what they forbid."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy
from romashka_tracker.wording import given_arm, kind

from models.fields import LABEL_PATTERN
from models.schema import json_schema
from models.topics import Topic

# The tracker makes these where they are not given.
MADE_BY_THE_TRACKER = {"event_id", "created_at"}
# These have no default in the chat system's calls, and may be None.
_ALWAYS_GIVEN = ("integration_types_used", "data_types_accessed", "knowledge_gaps_identified")

_offsets = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
_calendar_end = datetime(9999, 12, 30)  # noqa: DTZ001 - Hypothesis adds the zone
moments = st.datetimes(datetime(2000, 1, 2), _calendar_end, timezones=_offsets)  # noqa: DTZ001 - as above
_label_characters = st.characters(codec="utf-8", exclude_characters=[*map(chr, range(0x20)), "\x7f"])


def valid(definition: Mapping[str, Any]) -> SearchStrategy[Any]:
    """Values that a field's definition allows, in every type that the tracker takes."""
    arm = given_arm(given_arm(definition))
    if "enum" in arm:
        return st.sampled_from(arm["enum"])
    if arm["type"] == "array":
        items = st.lists(valid(arm["items"]), max_size=4)
        return items | items.map(tuple)
    strategies: dict[str, Callable[[], SearchStrategy[Any]]] = {
        "uuid": lambda: st.uuids() | st.uuids().map(str) | st.uuids().map(lambda made: str(made).upper()),
        "date-time": lambda: moments,
        "boolean": st.booleans,
        "integer": lambda: st.integers(arm["minimum"], arm["maximum"]),
        "number": lambda: _numbers(arm),
        "string": lambda: _valid_text(arm),
    }
    return strategies[kind(definition)]()


def _numbers(arm: Mapping[str, Any]) -> SearchStrategy[float | Decimal]:
    low, high = arm["minimum"], arm["maximum"]
    in_cents = st.decimals(Decimal(str(low)), Decimal(str(high)), places=2)
    return st.floats(low, high) | st.integers(math.ceil(low), math.floor(high)) | in_cents


def _valid_text(arm: Mapping[str, Any]) -> SearchStrategy[str]:
    if arm.get("pattern") == LABEL_PATTERN:
        return st.text(_label_characters, min_size=1, max_size=128)
    if "pattern" in arm:
        return st.from_regex(arm["pattern"], fullmatch=True)
    return st.text(st.characters(codec="utf-8"), min_size=arm["minLength"], max_size=arm["maxLength"])


def invalid(definition: Mapping[str, Any]) -> SearchStrategy[Any]:
    """Values that a field's definition forbids."""
    arm = given_arm(given_arm(definition))
    if arm["type"] == "array":
        return st.just("hubspot") | st.just([""]) | st.just([None]) | st.just(["x"] * 257) | st.integers()
    strategies: dict[str, Callable[[], SearchStrategy[Any]]] = {
        "uuid": lambda: st.text(max_size=31) | st.integers() | st.booleans(),
        "date-time": lambda: st.datetimes() | st.dates() | st.integers() | _before_2000(),
        "boolean": lambda: st.integers() | st.text() | st.floats(),
        "integer": lambda: st.floats() | st.text() | st.booleans() | _outside(arm).map(int),
        "number": lambda: st.sampled_from([math.nan, math.inf, "", "many", True, [0.5]]) | _outside(arm),
        "string": lambda: st.sampled_from(["", "A" * 129, "half \ud800", 7, True, ["a"], *_line_break(arm)]),
    }
    return strategies[kind(definition)]()


def _line_break(arm: Mapping[str, Any]) -> list[str]:
    return ["a\nb"] if "pattern" in arm else []


def _before_2000() -> SearchStrategy[datetime]:
    end = datetime(1999, 12, 30)  # noqa: DTZ001 - Hypothesis adds the zone
    return st.datetimes(datetime(1, 1, 3), end, timezones=_offsets)  # noqa: DTZ001 - as above


def _outside(arm: Mapping[str, Any]) -> SearchStrategy[float]:
    return st.floats(max_value=arm["minimum"] - 1, allow_infinity=False) | st.floats(
        min_value=arm["maximum"] + 1, allow_infinity=False
    )


def arguments(topic: Topic) -> SearchStrategy[dict[str, Any]]:
    """Arguments of a topic's method: those that may be left out sometimes are, or are None."""
    schema = json_schema(topic)
    definitions = schema["properties"]
    required = [name for name in schema["required"] if name not in MADE_BY_THE_TRACKER]
    always = {name: valid(definitions[name]) for name in required}
    always |= {name: st.none() | valid(definitions[name]) for name in _ALWAYS_GIVEN if name in definitions}
    sometimes = {name: st.none() | valid(definition) for name, definition in definitions.items() if name not in always}
    return st.fixed_dictionaries(always, optional=sometimes)
