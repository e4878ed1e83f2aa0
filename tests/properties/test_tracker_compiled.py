"""The generated code of the tracker and its contract write the same bytes and refuse with the same words."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from enum import IntEnum, StrEnum
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.schema import json_schema
from models.topics import HEALTH, INGEST, INTELLIGENCE, OUTCOMES, QUERIES, Topic
from romashka_tracker import InvalidEvent, Message
from romashka_tracker.contract import MAX_EVENT_BYTES, contract_of
from romashka_tracker.event_writer import EventWriter
from romashka_tracker.ids import EventIds
from romashka_tracker.methods import Context, EventMethods
from romashka_tracker.moments import Moments
from tests.properties.tracker_arguments import allowed, anything, arguments_of, plain_arguments_of

_METHODS: dict[Topic, Callable[..., Any]] = {
    QUERIES: EventMethods.track_integration_query,
    OUTCOMES: EventMethods.record_conversation_outcome,
    HEALTH: EventMethods.update_integration_health,
    INTELLIGENCE: EventMethods.record_conversation_intelligence,
}
_MADE_ID = UUID("7d444840-9dc0-41d1-b245-5ffdce74fad2")
_NOW = datetime(2026, 3, 1, 12, 30, 15, 250, UTC)

# Values at the edges are all tried, one by one, in every kind of field; what is drawn is for their combinations.
_some = settings(deadline=None, max_examples=25)
_each_topic = pytest.mark.parametrize("topic", INGEST, ids=lambda topic: topic.event.__name__)


class _Label(StrEnum):
    HUBSPOT = "hubspot"


class _Number(IntEnum):
    ONE = 1


class _SameText(str):
    """Compares and hashes like a text that it is not."""

    __slots__ = ()

    def __eq__(self, other: object) -> bool:
        return other == "hubspot"

    def __hash__(self) -> int:
        return hash("hubspot")


class _Float(float):
    def __repr__(self) -> str:
        return "0.75"


class _Uuid(UUID):
    def __str__(self) -> str:
        return super().__str__().upper()


class _Moment(datetime):
    def isoformat(self, sep: str = "T", timespec: str = "auto") -> str:
        return '2026-03-01T00:00:00+00:00"'


_Unhashable = type("_Unhashable", (str,), {"__hash__": None})

_ODD: list[Any] = [
    True, False, 0, 1, -1, 2**31 - 1, 2**31, -(2**63), 2**64, 0.0, -0.0, 1.0, 1e-7, 0.1 + 0.2, 5e-324, 1e16, 1e22,
    1.7976931348623157e308, float("nan"), float("inf"), -float("inf"), Decimal("0.1"), Decimal("-0"),
    Decimal("99999999999.9999"), Decimal("100000000000"), Decimal("NaN"), Decimal("sNaN"), Decimal("Infinity"),
    Decimal("1e400"), "", " ", "hubspot", "hubspot\n", "HubSpot", '"', "\\", "\u2028", "\x7f", "\x00", "é", "ж" * 128,
    "x" * 129, "x" * 128, "😀", "\ud800", "\udc00\ud800", "</script>", "ai", "UA", "ua", "null", "1",
    [], (), ["hubspot"], ("hubspot", "shopify"), ["hubspot", None], ["a\nb"], [["a"]], ["x"] * 64, ["x"] * 65,
    ["x"] * 256, ["x"] * 257, {"a": 1}, {"hubspot"}, b"hubspot", object(), [_Label.HUBSPOT], ["\ud800"],
    _Label.HUBSPOT, _Number.ONE, _SameText("Not HubSpot"), _Float(0.5), _Unhashable("hubspot"),
    UUID(int=0), UUID(int=2**128 - 1), UUID(int=1), _Uuid(int=7), str(UUID(int=0)), str(UUID(int=15)).upper(),
    UUID(int=1).hex, f"urn:uuid:{UUID(int=1)}", 1.5, 0.00001, 123456789.123456789, UUID(int=1).int,
    datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 3, 1, 1, 2, 3, 4, timezone(timedelta(hours=-7, minutes=-30))),
    datetime(2026, 3, 1), datetime(1999, 12, 31, 23, 59, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC),  # noqa: DTZ001
    datetime.max.replace(tzinfo=timezone(timedelta(hours=-1))), datetime.min.replace(tzinfo=UTC),
    _Moment(2026, 3, 1, tzinfo=UTC), datetime(2026, 3, 1, tzinfo=UTC).date(),
]  # fmt: skip


class _CountingWriter(EventWriter):
    """Counts the events that the generated code leaves to the contract."""

    by_contract = 0

    def _by_contract(
        self, fields: Mapping[str, object], context: Context, event_id: object, now: str | None
    ) -> Message:
        self.by_contract += 1
        return super()._by_contract(fields, context, event_id, now)


class _FixedIds(EventIds):
    def take(self) -> tuple[UUID, str]:
        return _MADE_ID, str(_MADE_ID)


class _FixedMoments(Moments):
    def now(self) -> str | None:
        return _NOW.isoformat()


class _Compared(EventMethods):
    """Makes every event both ways."""

    def __init__(self, topic: Topic) -> None:
        self.writer = _CountingWriter(topic.name, _FixedIds(), _FixedMoments())
        self.refused = 0
        self.size = 0

    def _publish(self, topic: str, fields: Mapping[str, object], context: Context) -> UUID:
        given = {
            name: value for name, value in context.items() if name in {"event_id", "created_at"} and value is not None
        }
        event = {**fields, **context, "event_id": _MADE_ID, "created_at": _NOW, **given}
        expected = _result(lambda: contract_of(topic).message(event))
        found = _result(lambda: self._written(fields, context, event["event_id"]))
        assert found == expected
        assert type(found) is type(expected)
        self.refused += isinstance(found, str)
        return _MADE_ID

    def _written(self, fields: Mapping[str, object], context: Context, expected_id: object) -> Message:
        event_id, message = self.writer.message(fields, context)
        assert event_id == UUID(str(expected_id))
        self.size = len(message.value)
        return message


def _result(message: Callable[[], Message]) -> Message | str:
    try:
        return message()
    except InvalidEvent as refusal:
        return str(refusal)


def _call(tracker: _Compared, topic: Topic, arguments: Mapping[str, Any]) -> None:
    with suppress(StopIteration):
        _METHODS[topic](tracker, **arguments).send(None)


@_each_topic
@_some
@given(data=st.data())
def test_usual_events_are_the_same_bytes_and_need_no_contract(topic: Topic, data: st.DataObject) -> None:
    tracker = _Compared(topic)
    arguments = data.draw(arguments_of(topic))
    order = data.draw(st.permutations(sorted(arguments)))
    _call(tracker, topic, {name: arguments[name] for name in order})
    assert tracker.writer.by_contract == 0


@_each_topic
@_some
@given(data=st.data())
def test_whatever_is_given_both_write_the_same_or_refuse_with_the_same_words(topic: Topic, data: st.DataObject) -> None:
    definitions: dict[str, Any] = json_schema(topic)["properties"]
    arguments = dict(plain_arguments_of(topic))
    for name in data.draw(st.lists(st.sampled_from(sorted(definitions)), max_size=6, unique=True)):
        arguments[name] = data.draw(
            st.sampled_from(_ODD) | anything | st.text(st.characters(codec=None)) | allowed(definitions[name])
        )
    _call(_Compared(topic), topic, arguments)


def _one_field_of_each_definition() -> list[tuple[Topic, str]]:
    found: dict[str, tuple[Topic, str]] = {}
    for topic in INGEST:
        for name, definition in json_schema(topic)["properties"].items():
            rules = {key: value for key, value in definition.items() if key != "title"}
            found.setdefault(json.dumps([rules, name in {"user_id", "event_id", "created_at"}]), (topic, name))
    return list(found.values())


@pytest.mark.parametrize(("topic", "field"), _one_field_of_each_definition())
def test_odd_values_are_treated_the_same_and_again_when_they_are_remembered(topic: Topic, field: str) -> None:
    tracker = _Compared(topic)
    plain = plain_arguments_of(topic)
    for value in _ODD:
        refused = tracker.refused
        _call(tracker, topic, plain | {field: value})
        if tracker.refused == refused:
            _call(tracker, topic, plain | {field: value})
    assert 0 < tracker.refused <= tracker.writer.by_contract


@pytest.mark.parametrize("over", [-1, 0, 1, 2])
def test_the_largest_event_has_the_same_size(over: int) -> None:
    tracker = _Compared(INTELLIGENCE)
    gaps = ["x"] * 256
    arguments = plain_arguments_of(INTELLIGENCE) | {"knowledge_gaps_identified": gaps}
    _call(tracker, INTELLIGENCE, arguments)
    missing = MAX_EVENT_BYTES - tracker.size + over
    for place in range(256):
        more = min(254, missing)  # two bytes each, and one that stands there
        gaps[place] = "ж" * (more // 2) + "x" * (more % 2 + 1)
        missing -= more
    _call(tracker, INTELLIGENCE, arguments)
    assert tracker.refused == (over > 0)
    assert tracker.size == MAX_EVENT_BYTES + over or over > 0
