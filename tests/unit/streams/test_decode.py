"""The decoder's edges that no example file shows: sizes, tombstones, the clock, and what is counted."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import pytest

from models.dead_letters import DeadLetter
from models.events import MAX_EVENT_BYTES
from models.retention import EVENT_RETENTION, MAX_AHEAD, MAX_SYNC_AGE
from models.schema import json_schema
from models.topics import HEALTH, INGEST, OUTCOMES, QUERIES, Topic
from sinks.migrations import known
from streams.decode import Decoded, Decoder
from tests.examples.events import KEY, NOW, Record, event, message, source


def _decode(*values: bytes | None) -> Decoded:
    records = [Record(10 + i, KEY, value) for i, value in enumerate(values)]
    return Decoder(QUERIES).decode(records, source(QUERIES), now=NOW)


def _letter(value: bytes | None) -> DeadLetter:
    (letter,) = _decode(value).rejected
    return letter


def _of_size(size: int) -> bytes:
    padding = size - len(message(QUERIES, note=""))
    return message(QUERIES, note="x" * padding)


def test_an_event_of_exactly_64_kib_is_taken() -> None:
    value = _of_size(MAX_EVENT_BYTES)
    assert len(value) == 64 * 1024
    assert len(_decode(value).events) == 1


def test_one_byte_more_than_64_kib_is_rejected_with_every_byte() -> None:
    value = _of_size(MAX_EVENT_BYTES + 1)
    letter = _letter(value)
    assert (letter.stage, letter.reason) == ("size", "too_large")
    assert "65537 bytes" in letter.detail
    assert letter.raw == value


def test_a_message_of_ten_megabytes_is_not_even_parsed() -> None:
    assert _letter(b"[" * 10_000_000).reason == "too_large"


def test_a_tombstone_is_rejected_as_empty() -> None:
    letter = _letter(None)
    assert (letter.stage, letter.reason, letter.raw) == ("decode", "empty", b"")


def test_a_missing_key_is_kept_as_no_bytes() -> None:
    (letter,) = Decoder(QUERIES).decode([Record(1, None, b"{")], source(QUERIES), now=NOW).rejected
    assert letter.key == b""


def test_a_record_that_is_yet_to_get_its_key_is_not_judged_by_it() -> None:
    records = [Record(1, None, message(QUERIES)), Record(2, None, message(QUERIES, response_time_ms=-1))]
    decoded = Decoder(QUERIES, keyed=False).decode(records, source(QUERIES), now=NOW)
    assert (decoded.offsets, [letter.reason for letter in decoded.rejected]) == ([1], ["out_of_range"])
    assert [letter.reason for letter in Decoder(QUERIES).decode(records[:1], source(QUERIES), now=NOW).rejected] == [
        "wrong_key"
    ]


def test_neighbours_of_a_bad_record_keep_their_offsets() -> None:
    decoded = _decode(message(QUERIES), b"{", message(QUERIES))
    assert decoded.offsets == [10, 12]
    assert [letter.offset for letter in decoded.rejected] == [11]


def test_a_value_cannot_reach_into_its_neighbour() -> None:
    """Were a batch joined into one array before it is parsed, these two would make one event of the second's fields."""
    decoded = _decode(b'{"a": [', b"]}", message(QUERIES))
    assert decoded.offsets == [12]


def test_unknown_fields_of_valid_events_are_counted_and_those_of_rejected_ones_are_not() -> None:
    decoded = _decode(
        message(QUERIES, sdk="9", trace={"id": 1}),
        message(QUERIES),
        message(QUERIES, note="x", query_success="yes"),
    )
    assert decoded.unknown_fields == 2


def test_the_clock_is_the_callers() -> None:
    record = Record(1, KEY, message(QUERIES, created_at="2026-01-15T12:30:00Z"))
    decoder = Decoder(QUERIES)
    assert decoder.decode([record], source(QUERIES), now=NOW).rejected[0].stage == "time"
    assert decoder.decode([record], source(QUERIES), now=NOW + timedelta(minutes=25)).offsets == [1]


def test_values_arrive_as_what_they_are() -> None:
    (decoded,) = _decode(message(QUERIES, customer_id="c-1", ai_confidence_score=1)).events
    assert decoded["event_id"] == UUID(event(QUERIES)["event_id"])
    assert decoded["created_at"].utcoffset() == timedelta(0)
    assert decoded["ai_confidence_score"] == 1.0
    assert decoded["query_success"] is True


@pytest.mark.parametrize("field", ["event_id", "user_id", "created_at", "query_type", "country", "error_kind"])
def test_the_detail_names_the_field_and_what_was_expected(field: str) -> None:
    letter = _letter(json.dumps(event(QUERIES, **{field: 5})).encode())
    assert letter.detail.startswith(f"{field}: expected ")


@pytest.mark.parametrize("topic", INGEST, ids=lambda topic: topic.event.__name__)
@pytest.mark.parametrize(
    "key", [None, b"", KEY.upper(), KEY.replace(b"-", b""), b"7c2f8c9e-4a0d-4f5c-9b57-3d1f1e6f0a11"]
)
def test_a_message_whose_key_is_not_its_tenant_is_rejected(topic: Topic, key: bytes | None) -> None:
    (letter,) = Decoder(topic).decode([Record(1, key, message(topic))], source(topic), now=NOW).rejected
    assert (letter.stage, letter.reason) == ("key", "wrong_key")


@pytest.mark.parametrize("topic", INGEST, ids=lambda topic: topic.event.__name__)
@pytest.mark.parametrize("spelling", [KEY.decode().upper(), KEY.decode().replace("-", ""), f"urn:uuid:{KEY.decode()}"])
def test_however_the_tenant_is_spelled_the_key_is_its_canonical_text(topic: Topic, spelling: str) -> None:
    value = message(topic, user_id=spelling)
    assert Decoder(topic).decode([Record(1, KEY, value)], source(topic), now=NOW).offsets == [1]


_TIMES: Final = [
    *((topic, "created_at", EVENT_RETENTION) for topic in INGEST),
    (OUTCOMES, "opened_at", EVENT_RETENTION),
    (HEALTH, "last_sync_at", MAX_SYNC_AGE),
]


def test_every_time_of_every_event_is_bounded() -> None:
    there = {
        (topic.name, name)
        for topic in INGEST
        for name, kind in json_schema(topic)["properties"].items()
        if "date-time" in str(kind)
    }
    assert there == {(topic.name, name) for topic, name, _ in _TIMES}


@pytest.mark.parametrize(("topic", "name", "age"), _TIMES)
def test_times_out_of_their_bounds_are_rejected_with_the_bound_in_words(
    topic: Topic, name: str, age: timedelta
) -> None:
    def outcome(moment: datetime) -> list[tuple[str, str]]:
        value = message(topic, **{name: moment.isoformat()})
        rejected = Decoder(topic).decode([Record(1, KEY, value)], source(topic), now=NOW).rejected
        return [(letter.reason, letter.detail) for letter in rejected]

    moment = timedelta(milliseconds=1)
    assert outcome(NOW - age) == outcome(NOW + MAX_AHEAD) == []
    (old,), (ahead,) = outcome(NOW - age - moment), outcome(NOW + MAX_AHEAD + moment)
    assert old[0] == "too_old"
    assert old[1].startswith(f"{name}: is more than {age.days} days ago")
    assert ahead == ("in_the_future", f"{name}: is more than 5 minutes ahead of our clock; check the producer's")


def test_events_are_refused_once_the_tables_would_drop_them() -> None:
    """The bound is the tables' TTL: what is taken is stored, what is not stored is a dead letter."""
    wanted = f"INTERVAL {EVENT_RETENTION.days} DAY"
    events = [one for one in known() if one.version in {1, 2, 8, 17}]
    ttls = [line for one in events for line in one.sql.splitlines() if line.startswith("TTL")]
    kept = [line for line in ttls if "INTERVAL 4 DAY" not in line]  # a copy of the newest windows
    assert len(kept) >= 8
    assert [line for line in kept if wanted not in line] == []


def test_a_moment_beyond_the_calendar_is_rejected() -> None:
    value = message(OUTCOMES, opened_at="9999-12-31T23:59:59-23:59")
    decoded = Decoder(OUTCOMES).decode([Record(1, KEY, value)], source(OUTCOMES), now=NOW)
    assert [letter.reason for letter in decoded.rejected] == ["out_of_range"]
