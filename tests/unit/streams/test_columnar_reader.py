"""The columnar reader: what takes the fast path, with which rows, and what is left to the decoder."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any
from uuid import UUID

import numpy as np
import pyarrow as pa
import pytest
from pydantic import TypeAdapter

from models.rows import WRITTEN
from models.topics import INGEST, OUTCOMES, QUERIES, Topic
from streams.decode import Decoder
from streams.pseudonyms import Pseudonymiser
from streams.record_reader import NOT_COMPILED
from streams.topic_processor import TABLES
from tests.examples.events import NOW, SECRET, Record, event, message, source

pytest.importorskip("streams.json_columns", reason=NOT_COMPILED)
from streams.columnar_reader import ColumnarReader, ColumnarRows

_READERS = {topic: ColumnarReader(topic, WRITTEN[TABLES[topic][0]], Pseudonymiser(SECRET, "k1")) for topic in INGEST}
_REQUIRED = {topic: TypeAdapter(topic.event).json_schema()["required"] for topic in INGEST}
_KEY = str(event(QUERIES)["user_id"]).encode()
_NIL, _MAX = str(UUID(int=0)), str(UUID(int=2**128 - 1))


def _columnar(topic: Topic, records: Sequence[Record]) -> ColumnarRows:
    place = source(topic)
    partitions = np.full(len(records), place.partition, np.int32)
    return _READERS[topic].read(records, place.topic_epoch, partitions, now=NOW)


def _rows(value: bytes) -> pa.RecordBatch | None:
    """Return the row of a query event, ``None`` where it is unusual."""
    found = _columnar(QUERIES, [Record(1, _KEY, value)])
    return None if found.is_unusual[0] else found.rows


@pytest.mark.parametrize("topic", INGEST, ids=lambda topic: topic.name)
@pytest.mark.parametrize("dropped", [False, True])
def test_clean_events_take_the_columnar_way(topic: Topic, dropped: bool) -> None:
    fields: dict[str, Any] = event(topic)
    if dropped:
        fields = {name: value for name, value in fields.items() if name in _REQUIRED[topic]}
    records = [Record(i, _KEY, json.dumps(fields, ensure_ascii=False).encode()) for i in range(3)]
    assert not _columnar(topic, records).is_unusual.any()


@pytest.mark.parametrize("field", ["event_id", "user_id", "conversation_id", "customer_id", "sync_job_id"])
@pytest.mark.parametrize("value", [_NIL, _MAX, "\u00a0 "])
def test_what_stands_for_no_id_is_left_to_the_decoder_which_refuses_it(field: str, value: str) -> None:
    for topic in (one for one in INGEST if field in one.event.__annotations__):
        if value in {_NIL, _MAX} and field in {"customer_id", "sync_job_id"}:
            continue  # there a text like any other
        key = value.encode() if field == "user_id" else _KEY
        records = [Record(1, key, json.dumps(event(topic, **{field: value}), ensure_ascii=False).encode())]
        assert _columnar(topic, records).is_unusual.all()
        letters = Decoder(topic).decode(records, source(topic), now=NOW).rejected
        assert [letter.detail.split(":")[0] for letter in letters] == [field]


@pytest.mark.parametrize(
    "values",
    [
        [b'{"a":[{}', b'{"b":1}]}'],  # two halves of one object
        [b'{"a":1}{"a":2}', b" "],  # two objects beside none
        [b'{"a":"', b'"}'],  # a text over two messages
        [None, b"{}"],
    ],
)
def test_messages_that_make_sense_only_together_are_unusual(values: list[bytes | None]) -> None:
    records = [Record(i, _KEY, value) for i, value in enumerate(values)]
    for topic in INGEST:
        assert _columnar(topic, records).is_unusual.all()


@pytest.mark.parametrize(
    ("written", "text"),
    [
        (r"Caf\u00e9 \u20ac", "Café €"),
        (r"\ud83d\ude00", "\U0001f600"),
        (r"a\"b\\c\/d", 'a"b\\c/d'),
        ("Ж" * 128, "Ж" * 128),
    ],
)
def test_text_is_the_same_however_it_is_escaped(written: str, text: str) -> None:
    value = message(QUERIES, query_type="here").replace(b'"here"', f'"{written}"'.encode())
    batch = _rows(value)
    assert batch is not None
    assert batch["query_type"].to_pylist() == [text]


@pytest.mark.parametrize("written", [r"\ud83d", r"\ude00", r"\ud83d\u0041", r"\u12", r"\x41", "\x01", "\xff", ""])
def test_text_that_is_no_text_is_unusual(written: str) -> None:
    value = message(QUERIES, query_type="here").replace(b'"here"', b'"' + written.encode("latin-1") + b'"')
    assert _rows(value) is None


@pytest.mark.parametrize("space", [" ", "\t", "\n", "\r", " \r\n\t "])
def test_space_between_and_around_changes_nothing(space: str) -> None:
    event_ = json.loads(message(QUERIES))
    pairs = f"{space},{space}".join(
        f"{json.dumps(name)}{space}:{space}{json.dumps(one)}" for name, one in event_.items()
    )
    spaced = f"{space}{{{space}{pairs}{space}}}{space}".encode()
    found, wanted = _rows(spaced), _rows(message(QUERIES))
    assert found is not None
    assert wanted is not None
    assert found.equals(wanted)


@pytest.mark.parametrize("topic", INGEST, ids=lambda topic: topic.name)
def test_a_message_that_ends_anywhere_is_unusual(topic: Topic) -> None:
    whole = message(topic)
    assert _columnar(topic, [Record(end, _KEY, whole[:end]) for end in range(len(whole))]).is_unusual.all()


@pytest.mark.parametrize("topic", INGEST, ids=lambda topic: topic.name)
def test_fields_that_nobody_knows_are_skipped_and_counted(topic: Topic) -> None:
    more: dict[str, Any] = {"version": "1.2 é", "empty": "", "retries": 3, "debug": False, "note": None}
    more |= {
        "none": {},
        "nothing": [],
        "nested": {"a": [1, {"": [[], {}]}, "é"], "b": {"c": {"d": None}}, "e": [[[0]]]},
    }
    found = _columnar(topic, [Record(i, _KEY, message(topic, **more)) for i in range(2)])
    wanted = _columnar(topic, [Record(i, _KEY, message(topic)) for i in range(2)])
    assert wanted.rows.num_rows == 2
    assert found.rows.equals(wanted.rows)
    assert (found.unknown_fields, wanted.unknown_fields) == (2 * len(more), 0)


@pytest.mark.parametrize(
    "more",
    [
        '"a":1,"a":2',
        '"a":[1,]',
        '"a":[1 2]',
        '"a":[1}',
        '"a":{"b":1]',
        '"a":{"b"}',
        '"a":{1:2}',
        '"a":{"b":1,}',
        '"a":[,1]',
        '"a":[1]]',
        '"a":' + "[" * 65 + "]" * 65,
        '"a":1e5',
        '"a":01',
        '"a":nan',
        '"a":"\\x"',
        '"a":tru',
        '"é":1',
        '"\\u0061":1',
        ",".join(f'"{i}":{i}' for i in range(9)),
    ],
)
def test_fields_that_nobody_knows_and_that_are_not_plain_are_left_to_the_decoder(more: str) -> None:
    assert _rows(message(QUERIES)[:-1] + f",{more}}}".encode()) is None


@pytest.mark.parametrize(
    ("topic", "field", "written", "plain"),
    [
        (QUERIES, "created_at", '"2026-01-15T11:00:00.1234567Z"', '"2026-01-15T11:00:00.123Z"'),  # .NET
        (QUERIES, "created_at", '"2026-01-15T11:00:00.123999999+01:00"', '"2026-01-15T10:00:00.123Z"'),  # Go, Java
        (QUERIES, "created_at", '"2026-01-15 11:00:00.123456+00:00"', '"2026-01-15T11:00:00.123Z"'),  # str() of Python
        (QUERIES, "created_at", '"2026-01-15T05:30:00-0530"', '"2026-01-15T11:00:00Z"'),  # strftime
        (QUERIES, "event_id", f'"{_KEY.decode().upper()}"', f'"{_KEY.decode()}"'),
        (QUERIES, "user_id", f'"{_KEY.decode().upper()}"', f'"{_KEY.decode()}"'),
        (QUERIES, "ai_confidence_score", "5.0E-1", "0.5"),  # Java
        (OUTCOMES, "business_value_generated", '"120.50"', "120.5"),  # exact decimals
    ],
)
def test_what_programs_in_other_languages_write_takes_the_columnar_way(
    topic: Topic, field: str, written: str, plain: str
) -> None:
    rows = []
    for value in (written, plain):
        found = _columnar(
            topic, [Record(1, _KEY, message(topic, **{field: "here"}).replace(b'"here"', value.encode()))]
        )
        rows.append(found.rows)
    assert rows[0].num_rows == 1
    assert rows[0].equals(rows[1])
