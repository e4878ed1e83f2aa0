from __future__ import annotations

from collections.abc import Sequence

import pytest

from models.rows import WRITTEN
from models.topics import INGEST, QUERIES, Topic
from streams import record_reader
from streams.arrow_batches import to_batch
from streams.decode import Decoder
from streams.pseudonyms import Pseudonymiser
from streams.record_reader import Batch, ReadBatch, ReadBatches, RecordReader
from streams.topic_processor import TABLES
from tests.examples.events import NOW, SECRET, Record, event, message, source

_KEY = str(event(QUERIES)["user_id"]).encode()
_PSEUDONYMISER = Pseudonymiser(SECRET, "k1")


def reader(topic: Topic = QUERIES) -> RecordReader:
    return RecordReader(topic, WRITTEN[TABLES[topic][0]], _PSEUDONYMISER)


def one_by_one(records: Sequence[Record], topic: Topic) -> ReadBatches:
    decoded = Decoder(topic).decode(records, source(topic), now=NOW)
    rows = to_batch(decoded.events, decoded.offsets, WRITTEN[TABLES[topic][0]], source(topic), _PSEUDONYMISER)
    return ReadBatches([ReadBatch(rows, decoded.rejected)], decoded.unknown_fields)


@pytest.mark.parametrize("topic", INGEST, ids=lambda topic: topic.name)
@pytest.mark.parametrize("unusual", [[], [0], [99], [3, 50, 51], list(range(0, 100, 3)), list(range(100))])
def test_a_batch_is_read_as_its_records_are_one_by_one(topic: Topic, unusual: list[int]) -> None:
    values = [b"{" if i % 2 else message(topic, more=i) for i in range(100)]
    records = [Record(i, _KEY, values[i] if i in unusual else message(topic)) for i in range(100)]
    found, wanted = reader(topic).read([Batch(source(topic), records)], now=NOW), one_by_one(records, topic)
    assert found.unknown_fields == wanted.unknown_fields
    (read,), (expected,) = found.batches, wanted.batches
    assert read.rejected == expected.rejected
    assert read.rows is not None
    assert expected.rows is not None
    assert read.rows.to_pylist() == expected.rows.to_pylist()


def test_nothing_but_rejections_makes_no_rows() -> None:
    records = [Record(i, _KEY, b"{") for i in range(40)]
    (read,) = reader().read([Batch(source(QUERIES), records)], now=NOW).batches
    assert read.rows is None
    assert len(read.rejected) == 40


def test_what_was_read_before_changes_nothing() -> None:
    used = reader()
    dirty = [Record(i, _KEY, message(QUERIES, more=1)) for i in range(40)]
    clean = [Record(100 + i, _KEY, message(QUERIES)) for i in range(40)]
    for _ in range(3):
        used.read([Batch(source(QUERIES), dirty)], now=NOW)
    again, fresh = (one.read([Batch(source(QUERIES), clean)], now=NOW).batches[0] for one in (used, reader()))
    assert again.rows is not None
    assert fresh.rows is not None
    assert again.rows.equals(fresh.rows)


@pytest.mark.parametrize("topic", INGEST, ids=lambda topic: topic.name)
@pytest.mark.parametrize("unusual", [[], [0], [29, 30], [5, 35, 59], list(range(0, 90, 2)), list(range(30, 60))])
def test_batches_of_several_partitions_are_read_as_each_alone(topic: Topic, unusual: list[int]) -> None:
    values = [b"{" if i % 3 else message(topic, more=i) for i in range(90)]
    records = [Record(i, _KEY, values[i] if i in unusual else message(topic)) for i in range(90)]
    partitions = (5, 0, 2)
    batches = [
        Batch(source(topic)._replace(partition=partition), records[start : start + 30])
        for start, partition in zip((0, 30, 60), partitions, strict=True)
    ]
    together = reader(topic).read(batches, now=NOW)
    alone = [reader(topic).read([batch], now=NOW) for batch in batches]
    assert together.unknown_fields == sum(one.unknown_fields for one in alone)
    for read, one in zip(together.batches, alone, strict=True):
        assert read.rejected == one.batches[0].rejected
        found, wanted = ([] if rows is None else rows.to_pylist() for rows in (read.rows, one.batches[0].rows))
        assert found == wanted


def test_a_batch_without_records_has_no_rows() -> None:
    empty, full = Batch(source(QUERIES), []), Batch(source(QUERIES)._replace(partition=1), [Record(0, _KEY, b"{")])
    assert reader().read([empty, full], now=NOW).batches[0] == ReadBatch(None, [])
    assert reader().read([empty], now=NOW).batches == [ReadBatch(None, [])]


@pytest.mark.parametrize("topic", INGEST, ids=lambda topic: topic.name)
@pytest.mark.parametrize(
    "time", ["0000-01-01T00:00:00Z", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59Z", "9999-12-31T23:59:59-14:00"]
)
def test_a_time_beyond_the_calendar_is_one_dead_letter_among_clean_events(topic: Topic, time: str) -> None:
    records = [Record(i, _KEY, message(topic, **({"created_at": time} if i == 20 else {}))) for i in range(40)]
    (read,) = reader(topic).read([Batch(source(topic), records)], now=NOW).batches
    assert [letter.offset for letter in read.rejected] == [20]
    assert read.rows is not None
    assert read.rows.num_rows == 39


@pytest.mark.parametrize("topic", INGEST, ids=lambda topic: topic.name)
def test_where_nothing_was_compiled_records_are_read_one_by_one_with_the_same_result(
    topic: Topic, monkeypatch: pytest.MonkeyPatch
) -> None:
    records = [Record(i, _KEY, message(topic, more=i) if i == 7 else message(topic)) for i in range(40)]
    monkeypatch.setattr(record_reader, "IS_COMPILED", False)
    found, wanted = reader(topic).read([Batch(source(topic), records)], now=NOW), one_by_one(records, topic)
    (read,), (expected,) = found.batches, wanted.batches
    assert read.rows is not None
    assert expected.rows is not None
    assert read.rows.to_pylist() == expected.rows.to_pylist()
    assert found.unknown_fields == wanted.unknown_fields
