"""Both ways from bytes to rows mean the same: what the columnar reader takes, the decoder takes, with equal rows."""

from __future__ import annotations

import json
from collections.abc import Sequence
from decimal import Decimal
from uuid import UUID

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.rows import WRITTEN
from models.topics import INGEST, QUERIES, Topic
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


@settings(deadline=None, max_examples=500)
@given(st.floats(0.0, 1.0), st.integers(0, 20))
def test_a_number_is_the_double_that_python_reads(ratio: float, places: int) -> None:
    for written in (repr(ratio), f"{ratio:.{places}f}", f"{ratio:.{places}e}"):
        value = message(QUERIES, ai_confidence_score="here").replace(b'"here"', written.encode())
        read = _columnar(QUERIES, [Record(1, _KEY, value)])
        expected = Decimal(float(np.rint(float(written) * 10_000))).scaleb(-4)
        assert read.rows["ai_confidence_score"].to_pylist() == [expected], written
