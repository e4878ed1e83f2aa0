"""The cases that the trackers of all languages share; tracker/typescript/test/cases.test.mjs reads the same file."""

from __future__ import annotations

import json
import re
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from romashka_tracker import IntegrationTracker, InvalidEvent, MemoryTransport

_CASES: dict[str, Any] = json.loads((Path(__file__).parents[2] / "tracker" / "contract" / "cases.json").read_text())
_INVALID = _CASES["invalid"]


def _value(given: Any) -> Any:
    match given:
        case {"$date": text}:
            return datetime.fromisoformat(text)
        case {"$number": text}:
            return float(text)
        case {"$repeat": [text, times]}:
            return text * times
    return given


async def _call(transport: MemoryTransport, method: str, arguments: list[Any], extras: dict[str, Any]) -> None:
    async with IntegrationTracker(transport) as tracker:
        named = {name: _value(value) for name, value in extras.items()}
        snake = re.sub("([A-Z])", lambda found: "_" + found[1].lower(), method)
        await getattr(tracker, snake)(*map(_value, arguments), **named)


@pytest.mark.parametrize("case", _CASES["calls"], ids=lambda case: case["name"])
async def test_a_call_becomes_the_event_that_the_case_says(case: dict[str, Any]) -> None:
    transport = MemoryTransport()
    await _call(transport, case["method"], case["arguments"], case.get("extras", {}))
    [message] = transport.messages(case["topic"])
    event = json.loads(message.value)
    assert message.key.decode() == case["key"]
    expected = {name: _value(value) for name, value in case["event"].items()}
    for name, value in expected.items():
        found = datetime.fromisoformat(event[name]) if isinstance(value, datetime) else event[name]
        assert found == value
    assert event.keys() == expected.keys() | {"event_id", "created_at"}


@pytest.mark.parametrize("case", _CASES["incomplete"], ids=lambda case: f"{case['event']} without {case['field']}")
async def test_one_field_of_two_that_belong_together_names_the_other(case: dict[str, Any]) -> None:
    transport = MemoryTransport()
    with pytest.raises(InvalidEvent) as refusal:
        await _call(transport, case["method"], case["arguments"], case["extras"])
    assert (refusal.value.event, refusal.value.field) == (case["event"], case["field"])
    assert "olha" not in str(refusal.value)


@pytest.mark.parametrize("change", _INVALID["changes"], ids=lambda change: f"{change['field']}={change['value']!a:.20}")
async def test_an_argument_that_is_wrong_is_named_and_never_shown(change: dict[str, Any]) -> None:
    arguments = list(_INVALID["arguments"])
    extras = {}
    if change["field"] in _INVALID["fields"]:
        arguments[_INVALID["fields"].index(change["field"])] = change["value"]
    else:
        extras = {change["field"]: change["value"]}
    transport = MemoryTransport()
    with pytest.raises(InvalidEvent) as refusal:
        await _call(transport, _INVALID["method"], arguments, extras)
    assert (refusal.value.event, refusal.value.field) == (_INVALID["event"], change["field"])
    assert "olha" not in str(refusal.value)
    assert transport.messages("integration.queries.v1") == []
