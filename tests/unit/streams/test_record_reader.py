from __future__ import annotations

from collections.abc import Sequence

import pytest

from models.rows import WRITTEN
from models.topics import INGEST, QUERIES, Topic
from streams.arrow_batches import to_batch
from streams.decode import Decoder
from streams.pseudonyms import Pseudonymiser
from streams.record_reader import ReadBatch, RecordReader
from streams.topic_processor import TABLES
from tests.examples.events import NOW, SECRET, Record, event, message, source

_KEY = str(event(QUERIES)["user_id"]).encode()
_PSEUDONYMISER = Pseudonymiser(SECRET, "k1")


def reader(topic: Topic = QUERIES) -> RecordReader:
    return RecordReader(topic, WRITTEN[TABLES[topic][0]], _PSEUDONYMISER)


def one_by_one(records: Sequence[Record], topic: Topic) -> ReadBatch:
    decoded = Decoder(topic).decode(records, source(topic), now=NOW)
    rows = to_batch(decoded.events, decoded.offsets, WRITTEN[TABLES[topic][0]], source(topic), _PSEUDONYMISER)
    return ReadBatch(rows, decoded.rejected, decoded.unknown_fields)


@pytest.mark.parametrize("topic", INGEST, ids=lambda topic: topic.name)
@pytest.mark.parametrize("unusual", [[], [0], [99], [3, 50, 51], list(range(0, 100, 3)), list(range(100))])
def test_a_batch_is_read_as_its_records_are_one_by_one(topic: Topic, unusual: list[int]) -> None:
    values = [b"{" if i % 2 else message(topic, more=i) for i in range(100)]
    records = [Record(i, _KEY, values[i] if i in unusual else message(topic)) for i in range(100)]
    read, expected = reader(topic).read(records, source(topic), now=NOW), one_by_one(records, topic)
    assert read.rejected == expected.rejected
    assert read.unknown_fields == expected.unknown_fields
    assert read.rows is not None
    assert expected.rows is not None
    assert read.rows.to_pylist() == expected.rows.to_pylist()


def test_nothing_but_rejections_makes_no_rows() -> None:
    read = reader().read([Record(i, _KEY, b"{") for i in range(40)], source(QUERIES), now=NOW)
    assert read.rows is None
    assert len(read.rejected) == 40


def test_what_was_read_before_changes_nothing() -> None:
    used = reader()
    dirty = [Record(i, _KEY, message(QUERIES, more=1)) for i in range(40)]
    clean = [Record(100 + i, _KEY, message(QUERIES)) for i in range(40)]
    for _ in range(3):
        used.read(dirty, source(QUERIES), now=NOW)
    again, fresh = (one.read(clean, source(QUERIES), now=NOW) for one in (used, reader()))
    assert again.rows is not None
    assert fresh.rows is not None
    assert again.rows.equals(fresh.rows)
