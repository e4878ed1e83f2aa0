"""Both ways from bytes to rows mean the same: what the columnar reader takes, the decoder takes, with equal rows."""

from __future__ import annotations

import json
from collections.abc import Sequence
from decimal import Decimal
from typing import Any
from uuid import UUID

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter

from models.rows import WRITTEN
from models.topics import INGEST, OUTCOMES, QUERIES, Topic
from streams.arrow_batches import to_batch
from streams.decode import Decoder
from streams.pseudonyms import Pseudonymiser
from streams.record_reader import NOT_COMPILED
from streams.topic_processor import TABLES
from tests.examples.events import NOW, SECRET, Record, event, message, source

pytest.importorskip("streams.json_columns", reason=NOT_COMPILED)
from streams.columnar_reader import ColumnarReader, ColumnarRows

_PSEUDONYMISER = Pseudonymiser(SECRET, "k1")
_SCHEMAS = {topic: WRITTEN[TABLES[topic][0]] for topic in INGEST}
_DECODERS = {topic: Decoder(topic) for topic in INGEST}
_READERS = {topic: ColumnarReader(topic, _SCHEMAS[topic], _PSEUDONYMISER) for topic in INGEST}


def _columnar(topic: Topic, records: Sequence[Record]) -> ColumnarRows:
    place = source(topic)
    partitions = np.full(len(records), place.partition, np.int32)
    return _READERS[topic].read(records, place.topic_epoch, partitions, now=NOW)


def _rows(value: bytes) -> pa.RecordBatch | None:
    """Return the row of a query event, ``None`` where it is unusual."""
    found = _columnar(QUERIES, [Record(1, _KEY, value)])
    return None if found.is_unusual[0] else found.rows


_REQUIRED = {topic: TypeAdapter(topic.event).json_schema()["required"] for topic in INGEST}

_KEY = str(event(QUERIES)["user_id"]).encode()

_topics = st.sampled_from(INGEST)
_NIL, _MAX = str(UUID(int=0)), str(UUID(int=2**128 - 1))
# Text for the place of a value, as a producer in any language may write it.
_NUMBERS = [
    "0",
    "-0",
    "0.0",
    "-0.0",
    "1",
    "1.0",
    "1e0",
    "1E+0",
    "10e-1",
    "0.5",
    ".5",
    "5.",
    "01",
    "+1",
    "0x1",
    "1e400",
    "-1e-400",
    "NaN",
    "Infinity",
    "-Infinity",
    "nan",
    "1_000",
    "0.99999",
    "0.00005",
    "0.00015",
    "12.345",
    "12.355",
    "99999999.0050000001",
    "99999999999.9999",
    "99999999999.99994",
    "99999999999.99995",
    "1.005",
    "1.00005",
    "2147483647",
    "2147483648",
    "-1",
    "9223372036854775808",
    "123456789012345678901234567890",
    "1000000",
    "1000000.1",
    "4.99995",
]
_TEXTS = [
    "",
    " ",
    "hubspot",
    "HubSpot",
    "x" * 128,
    "x" * 129,
    "é",
    "\u2028",
    "\x7f",
    "\x85",
    "\ufeff",
    "\U0001f469\u200d\U0001f4bb",
    "a\tb",
    'a"b',
    "a\\b",
    "a/b",
    "DE",
    "de",
    "ai",
    "timeout",
    "12.34",
    "12.34565",
    " 12.34",
    "-0.00",
    "012.34",
    "1234567.8901",
    "1e2",
    "0a6f7d52-3c1e-4b7a-9f7e-5b0c1d2e3f01",
    "0A6F7D52-3C1E-4B7A-9F7E-5B0C1D2E3F01",
    "0a6f7d523c1e4b7a9f7e5b0c1d2e3f01",
    "{0a6f7d52-3c1e-4b7a-9f7e-5b0c1d2e3f01}",
    "urn:uuid:0a6f7d52-3c1e-4b7a-9f7e-5b0c1d2e3f01",
    "0a6f7d52-3c1e-4b7a-9f7e-5b0c1d2e3f0g",
    _NIL,
    _MAX,
    _MAX.upper(),
]
_TIMES = [
    "2026-01-15T11:00:00Z",
    "2026-01-15T11:00:00z",
    "2026-01-15t11:00:00Z",
    "2026-01-15 11:00:00Z",
    "2026-01-15T11:00:00.123456Z",
    "2026-01-15T11:00:00.1234567Z",
    "2026-01-15T11:00:00.999999999Z",
    "2026-01-15T11:00:00.9999999999Z",
    "2026-01-15T11:00:00,5Z",
    "2026-01-15T11:00Z",
    "2026-01-15T11:00:60Z",
    "2026-01-15T24:00:00Z",
    "2026-02-29T11:00:00Z",
    "2024-02-29T11:00:00Z",
    "2026-01-15T11:00:00",
    "2026-01-15",
    "1768474800",
    "2026-01-15T11:00:00+05:30",
    "2026-01-15T11:00:00+0530",
    "2026-01-15T11:00:00+05",
    "2026-01-15T11:00:00-23:59",
    "2026-01-15T11:00:00+24:00",
    "2026-01-15T11:00:00+05:60",
    "2026-01-15T11:00:00\u221205:00",
    "0000-01-01T00:00:00Z",
    "0001-01-01T00:00:00Z",
    "0001-01-01T00:00:00+14:00",
    "9999-12-31T23:59:59-14:00",
    "1999-12-31T23:59:59.999Z",
    "2000-01-01T00:00:00Z",
    "9999-12-31T23:59:59Z",
    "2999-01-01T00:00:00Z",
    "+02026-01-15T11:00:00Z",
]
_OTHERS = [
    "null",
    "true",
    "false",
    "True",
    "[]",
    "{}",
    '["hubspot"]',
    '["hubspot", null]',
    "[1]",
    '[["x"]]',
    "[" * 40,
    "",
]


def _texts(text: str) -> st.SearchStrategy[str]:
    return st.sampled_from([json.dumps(text), json.dumps(text, ensure_ascii=False), f'"{text}"'])


_written = (
    st.sampled_from(_NUMBERS)
    | st.sampled_from([*_TEXTS, *_TIMES]).flatmap(_texts)
    | st.sampled_from(_OTHERS)
    | st.text(max_size=6).flatmap(_texts)
    | st.lists(st.sampled_from(["hubspot", "orders", "", "x" * 129]), max_size=3).map(json.dumps)
    | st.integers(60, 260).map(lambda n: json.dumps(["x"] * n))
)
_nested = st.recursive(
    _written,
    lambda inner: (
        st.lists(inner, max_size=3).map(lambda texts: f"[{' , '.join(texts)}]")
        | st.lists(inner, max_size=3).map(
            lambda texts: "{" + ",".join(f'"{i % 2}": {one}' for i, one in enumerate(texts)) + "}"
        )
    ),
    max_leaves=6,
)
_space = st.sampled_from(["", "", "", " ", "\t", "\r", "\n", "\x0b", "\ufeff"])


@st.composite
def _nearly_valid(draw: st.DrawFn, topic: Topic) -> bytes:
    """Return an event as text, in which some values, names, spaces or bytes are others."""
    known = sorted(topic.event.__annotations__)
    written = {name: json.dumps(value) for name, value in json.loads(message(topic)).items()}
    written |= draw(st.dictionaries(st.sampled_from(known), _written, max_size=1))
    pairs = list(written.items())
    match draw(st.sampled_from(["as is", "as is", "left out", "twice", "unknown", "shuffled"])):
        case "left out":
            pairs.pop(draw(st.integers(0, len(pairs) - 1)))
        case "twice":
            pairs.append(draw(st.sampled_from(pairs)))
        case "unknown":
            names = st.text(max_size=4) | st.sampled_from(["a", "b", "event_i", "event_idd", "Event_id"])
            more = draw(st.lists(st.tuples(names, _written | _nested), min_size=1, max_size=9))
            pairs = draw(st.permutations([*pairs, *more]))
        case "shuffled":
            pairs = draw(st.permutations(pairs))
    comma, colon = draw(_space) + ",", ":" + draw(_space)
    text = "{" + comma.join(f"{json.dumps(name)}{colon}{value}" for name, value in pairs) + "}"
    value = (draw(_space) + text + draw(_space)).encode("utf-8", "surrogatepass")
    if draw(st.integers(0, 5)) == 0:
        at = draw(st.integers(0, len(value)))
        value = value[:at] + draw(st.binary(max_size=3)) + value[at + draw(st.integers(0, 2)) :]
    return value


@st.composite
def _batches(draw: st.DrawFn) -> tuple[Topic, list[Record]]:
    topic = draw(_topics)
    clean = st.just(message(topic))
    values = draw(st.lists(_nearly_valid(topic) | clean, min_size=1, max_size=4))
    return topic, [
        Record(100 + 3 * i, draw(st.sampled_from([_KEY, _KEY, _KEY, None, _KEY.upper(), b"x"])), value)
        for i, value in enumerate(values)
    ]


def _assert_the_decoder_agrees(topic: Topic, records: list[Record]) -> None:
    found = _columnar(topic, records)
    found.rows.validate(full=True)
    usual = [record for record, is_unusual in zip(records, found.is_unusual, strict=True) if not is_unusual]
    decoded = _DECODERS[topic].decode(usual, source(topic), now=NOW)
    assert decoded.rejected == []
    assert decoded.unknown_fields == found.unknown_fields
    slow = to_batch(decoded.events, decoded.offsets, _SCHEMAS[topic], source(topic), _PSEUDONYMISER)
    assert found.rows.to_pylist() == slow.to_pylist()
    assert found.rows.schema == slow.schema


@settings(deadline=None, max_examples=1_500)
@given(_batches())
def test_what_the_columnar_reader_takes_the_decoder_takes_with_equal_rows(batch: tuple[Topic, list[Record]]) -> None:
    _assert_the_decoder_agrees(*batch)


@pytest.mark.parametrize("topic", INGEST, ids=lambda topic: topic.name)
def test_every_such_text_in_the_place_of_every_value_is_read_as_the_decoder_reads_it(topic: Topic) -> None:
    quoted = [f'"{text}"' for text in (*_NUMBERS, *_TIMES)] + [json.dumps(text) for text in _TEXTS]
    for field in topic.event.__annotations__:
        here = message(topic, **{field: "here"})
        for written in (*_NUMBERS, *_OTHERS, *quoted):
            value = here.replace(b'"here"', written.encode("utf-8", "surrogatepass"))
            _assert_the_decoder_agrees(topic, [Record(1, _KEY, value)])


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
        letters = _DECODERS[topic].decode(records, source(topic), now=NOW).rejected
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


@settings(deadline=None, max_examples=500)
@given(st.floats(0.0, 1.0), st.integers(0, 20))
def test_a_number_is_the_double_that_python_reads(ratio: float, places: int) -> None:
    for written in (repr(ratio), f"{ratio:.{places}f}", f"{ratio:.{places}e}"):
        value = message(QUERIES, ai_confidence_score="here").replace(b'"here"', written.encode())
        batch = _rows(value)
        assert batch is not None, written
        expected = Decimal(float(np.rint(float(written) * 10_000))).scaleb(-4)
        assert batch["ai_confidence_score"].to_pylist() == [expected], written


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
