"""Whatever bytes arrive, every record ends as exactly one event or one dead letter, and neighbours do not matter."""

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from models.dead_letters import STAGES
from models.retention import MAX_AHEAD
from models.rows import WRITTEN
from models.topics import INGEST, Topic
from streams.arrow_batches import to_batch
from streams.decode import Decoded, Decoder
from streams.pseudonyms import Pseudonymiser
from streams.topic_processor import TABLES
from tests.examples.events import KEY, NOW, SECRET, Record, event, message, source

_DECODERS = {topic: Decoder(topic) for topic in INGEST}
_PSEUDONYMISER = Pseudonymiser(SECRET, "k1")
_CANARY = "canary-7f3a"

_topics = st.sampled_from(INGEST)
_keys = st.just(KEY) | st.none() | st.binary(max_size=8)
_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | st.just(_CANARY),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
_times = st.datetimes(
    datetime(1990, 1, 1),  # noqa: DTZ001 - the strategy adds the zones
    datetime(9998, 12, 31),  # noqa: DTZ001
    timezones=st.integers(-23 * 60, 23 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes))),
).map(datetime.isoformat)
# Values that some field takes, next to anything at all: an event that is nearly right is what finds mistakes.
_plausible = (
    st.sampled_from(["resolved", "ai", "timeout", "DE", "2026-01-15T11:00:00Z", "12.345", 0, 1, 4.5, 0.5, True, None])
    | st.lists(st.sampled_from(["hubspot", "orders"]), max_size=3)
    | _times
    | _json
)


@st.composite
def _nearly_valid(draw: st.DrawFn, topic: Topic) -> bytes:
    fields = sorted(topic.event.__annotations__)
    changes = draw(st.dictionaries(st.sampled_from(fields) | st.text(max_size=6), _plausible, max_size=4))
    return json.dumps({**event(topic), **changes}).encode()


@st.composite
def _values(draw: st.DrawFn, topic: Topic) -> bytes | None:
    damaged = st.builds(
        lambda value, at, junk: value[: at % len(value)] + junk + value[at % len(value) :],
        st.just(message(topic)),
        st.integers(0, 1_000),
        st.binary(max_size=3),
    )
    anything = st.none() | st.binary(max_size=40) | _json.map(lambda value: json.dumps(value).encode()) | damaged
    value: bytes | None = draw(anything | _nearly_valid(topic) | _nearly_valid(topic))
    return value


@st.composite
def _batches(draw: st.DrawFn) -> tuple[Topic, list[Record]]:
    topic = draw(_topics)
    values = draw(st.lists(_values(topic), max_size=8))
    return topic, [Record(100 + 3 * i, draw(_keys), value) for i, value in enumerate(values)]


def _decode(topic: Topic, records: list[Record]) -> Decoded:
    return _DECODERS[topic].decode(records, source(topic), now=NOW)


@settings(deadline=None)
@given(_batches())
def test_every_record_is_exactly_one_event_or_one_dead_letter(batch: tuple[Topic, list[Record]]) -> None:
    topic, records = batch
    decoded = _decode(topic, records)
    assert len(decoded.events) == len(decoded.offsets)
    assert decoded.offsets == sorted(decoded.offsets)
    places = sorted([*decoded.offsets, *(letter.offset for letter in decoded.rejected)])
    assert places == [record.offset for record in records]


@settings(deadline=None)
@given(_batches())
def test_a_dead_letter_keeps_its_coordinates_and_every_byte(batch: tuple[Topic, list[Record]]) -> None:
    topic, records = batch
    arrived = {record.offset: record for record in records}
    for letter in _decode(topic, records).rejected:
        assert (letter.topic, letter.topic_epoch, letter.partition) == source(topic)
        assert (letter.key, letter.raw) == (arrived[letter.offset].key or b"", arrived[letter.offset].value or b"")
        assert letter.stage in STAGES
        assert letter.reason
        assert letter.detail


@settings(deadline=None)
@given(_batches(), st.integers(0, 8))
def test_a_record_fares_the_same_whatever_its_neighbours(batch: tuple[Topic, list[Record]], cut: int) -> None:
    topic, records = batch
    whole, head, tail = (_decode(topic, part) for part in (records, records[:cut], records[cut:]))
    assert repr(whole.events) == repr(
        head.events + tail.events
    )  # as text, because NaN in an unknown field is not itself
    assert whole.rejected == head.rejected + tail.rejected
    assert whole.unknown_fields == head.unknown_fields + tail.unknown_fields


@settings(deadline=None)
@given(_batches())
def test_every_event_becomes_a_row_with_values_in_range(batch: tuple[Topic, list[Record]]) -> None:
    topic, records = batch
    decoded = _decode(topic, records)
    schema = WRITTEN[TABLES[topic][0]]
    rows = to_batch(decoded.events, decoded.offsets, schema, source(topic), _PSEUDONYMISER)
    rows.validate(full=True)
    assert rows["kafka_offset"].to_pylist() == decoded.offsets
    assert all(row["created_at"] <= NOW + MAX_AHEAD for row in rows.to_pylist())


@st.composite
def _wrong(draw: st.DrawFn) -> tuple[Topic, dict[str, Any]]:
    """An event, one field of which holds a value of the customer's that does not belong there."""
    topic = draw(_topics)
    nested = st.sampled_from([[_CANARY], {_CANARY: _CANARY}, [[{_CANARY: [_CANARY]}]], f"{_CANARY}\x00", _CANARY * 40])
    field = draw(st.sampled_from(sorted(topic.event.__annotations__)))
    return topic, event(topic, **{field: draw(nested)})


@settings(deadline=None)
@given(_wrong())
def test_what_is_said_about_a_rejection_never_holds_the_offending_value(wrong: tuple[Topic, dict[str, Any]]) -> None:
    topic, fields = wrong
    decoded = _decode(topic, [Record(1, KEY, json.dumps(fields).encode())])
    for letter in decoded.rejected:
        assert _CANARY not in letter.detail
        assert _CANARY not in letter.reason


@settings(deadline=None)
@given(_topics, st.binary(max_size=30), st.integers(0, 400))
def test_damaged_json_is_not_quoted_either(topic: Topic, junk: bytes, at: int) -> None:
    value = message(topic, customer_id=_CANARY)
    broken = value[:at] + junk + value[at:]
    for letter in _decode(topic, [Record(1, None, broken)]).rejected:
        assert _CANARY not in letter.detail
