"""Arguments for the tracker's methods, drawn from the contracts: what they allow, and what they forbid."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from typing import Any
from uuid import UUID

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from models.events import EXPERIMENT_FIELDS
from models.fields import JOB_ID_PATTERN, LABEL_PATTERN, VISIBLE
from models.schema import json_schema
from models.topics import Topic
from romashka_tracker.wording import given_arm, kind

# The tracker makes these where they are not given.
MADE_BY_THE_TRACKER = {"event_id", "created_at"}
# These have no default in the chat system's calls, and may be None.
_ALWAYS_GIVEN = ("integration_types_used", "data_types_accessed", "knowledge_gaps_identified")

_label_characters = st.characters(
    codec="utf-8", exclude_characters=[*map(chr, range(0x20)), *map(chr, range(0x7F, 0xA0))]
)
_PLACEHOLDERS = [UUID(int=0), str(UUID(int=2**128 - 1)), "f" * 32, str(UUID(int=2**128 - 1)).upper()]
_offsets = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))


def _moments(first: str, last: str) -> SearchStrategy[datetime]:
    return st.datetimes(datetime.fromisoformat(first), datetime.fromisoformat(last), timezones=_offsets)


_since_2000 = _moments("2000-01-02", "2199-12-30")
_before_2000 = _moments("0001-01-03", "1999-12-30")

anything: SearchStrategy[Any] = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.decimals()
    | st.text()
    | st.binary()
    | st.uuids()
    | st.datetimes()
    | _since_2000
    | st.lists(st.text() | st.integers(), max_size=3)
)


def arguments_of(topic: Topic) -> SearchStrategy[dict[str, Any]]:
    """Arguments of a topic's method: those that may be left out sometimes are, or are None."""
    schema = json_schema(topic)
    definitions = schema["properties"]
    required = [name for name in schema["required"] if name not in MADE_BY_THE_TRACKER]
    always = {name: allowed(definitions[name]) for name in required}
    always |= {name: st.none() | allowed(definitions[name]) for name in _ALWAYS_GIVEN if name in definitions}
    sometimes = {name: st.none() | allowed(definition) for name, definition in definitions.items()}
    optional = {name: sometimes[name] for name in sometimes.keys() - always.keys()}
    return st.fixed_dictionaries(always, optional=optional).map(_without_half_a_pair)


def _without_half_a_pair(arguments: dict[str, Any]) -> dict[str, Any]:
    if all(arguments.get(name) is not None for name in EXPERIMENT_FIELDS):
        return arguments
    return {name: value for name, value in arguments.items() if name not in EXPERIMENT_FIELDS}


def plain_arguments_of(topic: Topic) -> dict[str, Any]:
    """Return the same few valid arguments every time: nothing that may be left out, but what belongs together."""
    definitions = json_schema(topic)["properties"]
    examples = {"uuid": UUID(int=1), "string": "hubspot", "boolean": True, "integer": 250}
    required = [name for name in json_schema(topic)["required"] if name not in MADE_BY_THE_TRACKER]
    arguments = {name: examples[kind(definitions[name])] for name in required}
    arguments |= {name: "hubspot" for name in EXPERIMENT_FIELDS if name in definitions}
    return arguments | {name: None for name in _ALWAYS_GIVEN if name in definitions}


def allowed(definition: Mapping[str, Any]) -> SearchStrategy[Any]:
    """Values that a field's definition allows, in every type that the tracker takes."""
    arm = given_arm(given_arm(definition))
    if "enum" in arm:
        return st.sampled_from(arm["enum"])
    strategies: dict[str, Callable[[], SearchStrategy[Any]]] = {
        "array": lambda: _lists(arm),
        "uuid": lambda: st.uuids() | st.uuids().map(str) | st.uuids().map(lambda made: str(made).upper()),
        "date-time": lambda: _since_2000,
        "boolean": st.booleans,
        "integer": lambda: st.integers(arm["minimum"], arm["maximum"]),
        "number": lambda: _numbers(arm),
        "string": lambda: _text(arm),
    }
    return strategies[kind(definition)]()


def _lists(arm: Mapping[str, Any]) -> SearchStrategy[list[Any] | tuple[Any, ...]]:
    items = st.lists(allowed(arm["items"]), max_size=4)
    return items | items.map(tuple)


def _numbers(arm: Mapping[str, Any]) -> SearchStrategy[float | Decimal]:
    low, high = arm["minimum"], arm["maximum"]
    hundredths = st.decimals(Decimal(str(low)), Decimal(str(high)), places=2)
    return st.floats(low, high) | st.integers(math.ceil(low), math.floor(high)) | hundredths


def _text(arm: Mapping[str, Any]) -> SearchStrategy[str]:
    match arm["pattern"]:
        case pattern if pattern == LABEL_PATTERN:
            return st.text(_label_characters, min_size=1, max_size=128)
        case pattern if pattern == JOB_ID_PATTERN:
            return st.text(_label_characters, min_size=1, max_size=128).filter(re.compile(VISIBLE).search)
        case pattern if pattern == VISIBLE:
            return st.text(st.characters(codec="utf-8"), min_size=1, max_size=128).filter(re.compile(VISIBLE).search)
    return st.from_regex(arm["pattern"], fullmatch=True)


def forbidden(definition: Mapping[str, Any]) -> SearchStrategy[Any]:
    """Values that a field's definition forbids."""
    arm = given_arm(given_arm(definition))
    strategies: dict[str, Callable[[], SearchStrategy[Any]]] = {
        "array": lambda: st.sampled_from(["hubspot", [""], [None], ["x"] * 257, 7, {"hubspot": 1}]),
        "uuid": lambda: st.text(max_size=31) | st.integers() | st.booleans() | st.sampled_from(_PLACEHOLDERS),
        "date-time": lambda: st.datetimes() | st.dates() | st.booleans() | _before_2000,
        "boolean": lambda: st.integers() | st.text() | st.floats(),
        "integer": lambda: st.floats() | st.text() | st.booleans() | _outside(arm).map(int),
        "number": lambda: st.sampled_from([math.nan, math.inf, "", "many", True, [0.5]]) | _outside(arm),
        "string": lambda: st.sampled_from(["", "A" * 129, "half \ud800", 7, True, ["a"], *_odd(arm)]),
    }
    return strategies[kind(definition)]()


def _outside(arm: Mapping[str, Any]) -> SearchStrategy[float]:
    below = st.floats(max_value=arm["minimum"] - 1, allow_infinity=False)
    above = st.floats(min_value=arm["maximum"] + 1, allow_infinity=False)
    return below | above


def _odd(arm: Mapping[str, Any]) -> list[str]:
    pattern = arm.get("pattern")
    blank = [" ", "\u200b\u00a0"] if pattern in {VISIBLE, JOB_ID_PATTERN} else []
    # In text without a pattern, and where only something must be seen, a line break is fine.
    return blank if pattern in {None, VISIBLE} else [*blank, "a\nb"]
