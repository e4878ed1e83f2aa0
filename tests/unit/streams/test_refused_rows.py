"""Exactly the rows that ClickHouse refuses become dead letters; every other one is written, and counts."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.errors import RowsRefused, SinkRejected
from models.topics import HEALTH, QUERIES
from storage.payload_cipher import PayloadCipher, place_of
from streams.refused_rows import Partition, written
from tests.examples.events import KEY, SECRET
from tests.examples.queries import SOURCE, Query, batch_of
from tests.unit.streams.pipeline_worker import Worker, record_of
from tests.unit.streams.virtual_time import in_virtual_time

_PLACE = (QUERIES.name, 3)


class Table:
    """Takes batches without a row that it refuses; counts the attempts."""

    def __init__(self, refused: set[int]) -> None:
        self.refused = refused
        self.offsets: list[int] = []
        self.attempts = 0

    async def write(self, table: str, batch: pa.RecordBatch) -> None:
        self.attempts += 1
        offsets: list[int] = batch["kafka_offset"].to_numpy().tolist()
        if not self.refused.isdisjoint(offsets):
            raise RowsRefused(f"rows of {table}", "incorrect_data", "incorrect data (code 117)")
        self.offsets += offsets


@settings(max_examples=50, deadline=None)
@given(rows=st.integers(1, 200), refused=st.sets(st.integers(0, 199), max_size=40))
def test_all_others_are_written_once_and_in_order(rows: int, refused: set[int]) -> None:
    table = Table(refused)
    found = asyncio.run(written(table.write, "t", QUERIES.name, batch_of(Query(i, i) for i in range(rows))))
    assert [one.offset for one in found] == sorted(refused & set(range(rows)))
    assert table.offsets == [i for i in range(rows) if i not in refused]
    assert {one.reason for one in found} <= {"incorrect_data"}


async def test_one_bad_row_among_many_costs_few_inserts() -> None:
    table = Table({777})
    await written(table.write, "t", QUERIES.name, batch_of(Query(i, i) for i in range(4_096)))
    assert table.attempts <= 2 * 12 + 1


async def test_where_no_row_is_taken_the_table_is_at_fault() -> None:
    table = Table(set(range(4_096)))
    with pytest.raises(SinkRejected):
        await written(table.write, "t", QUERIES.name, batch_of(Query(i, i) for i in range(4_096)))
    assert table.attempts < 200


class _Kafka:
    """Messages by offset, as Kafka would return them a second time."""

    def __init__(self) -> None:
        self.messages: dict[int, tuple[bytes, bytes]] = {}

    async def __call__(self, _: Partition, offsets: Sequence[int]) -> Mapping[int, tuple[bytes, bytes]]:
        return {offset: self.messages[offset] for offset in offsets if offset in self.messages}


@in_virtual_time
async def test_a_refused_event_is_a_dead_letter_with_its_bytes_and_counts_nowhere() -> None:
    kafka = _Kafka()
    worker = Worker(read_again=kafka)
    records = [record_of(QUERIES, offset) for offset in range(10)]
    kafka.messages = {record.offset: (KEY, record.value or b"") for record in records if record.offset != 7}
    worker.sink.refuse([3, 7])
    await worker.read(QUERIES, records)
    await worker.flush()
    assert len(worker.sink.rows("integration_query_metrics")) == 8
    assert sum(row["queries"] for row in worker.sink.rows("query_windows")) == 8
    letters = {row["offset"]: row for row in worker.sink.rows("dead_letters")}
    assert {offset: (row["stage"], row["reason"]) for offset, row in letters.items()} == {
        3: ("store", "violated_constraint"),
        7: ("store", "violated_constraint"),
    }
    place = place_of(QUERIES.name, SOURCE.topic_epoch, 3, 3)
    assert PayloadCipher(SECRET).open(letters[3]["raw"], place) == records[3].value
    assert "does not have the message any more" in letters[7]["detail"]
    assert worker.metric("dead_letters_total", topic=QUERIES.name, stage="store", reason="violated_constraint") == 2
    assert worker.pipeline.durable_offset(_PLACE) == 10
    assert [batch.num_rows for batch in worker.published] == [2]


@in_virtual_time
async def test_a_refused_event_that_is_sent_again_after_the_repair_counts_once() -> None:
    worker = Worker(read_again=_Kafka())
    worker.sink.refuse([3])
    await worker.read(QUERIES, [record_of(QUERIES, offset) for offset in range(10)])
    await worker.flush()
    again = record_of(QUERIES, 3)._replace(offset=10)
    await worker.read(QUERIES, [again])
    await worker.flush()
    assert sum(row["queries"] for row in worker.sink.rows("query_windows")) == 10
    assert {row["kafka_offset"] for row in worker.sink.rows("integration_query_metrics")} == {*range(3), *range(4, 11)}


@in_virtual_time
async def test_a_window_whose_only_event_was_refused_is_not_there() -> None:
    worker = Worker(read_again=_Kafka())
    worker.sink.refuse([0])
    await worker.read(QUERIES, [record_of(QUERIES, 0)])
    await worker.flush()
    assert worker.sink.rows("query_windows") == []
    assert worker.pipeline.durable_offset(_PLACE) == 1


@in_virtual_time
async def test_a_row_that_two_tables_refuse_is_one_dead_letter() -> None:
    worker = Worker(read_again=_Kafka())
    worker.sink.refuse([5])
    await worker.read(HEALTH, [record_of(HEALTH, offset) for offset in (4, 5, 6)])
    await worker.flush()
    assert [row["offset"] for row in worker.sink.rows("dead_letters")] == [5]
    assert {row["kafka_offset"] for row in worker.sink.rows("integration_health_history")} == {4, 6}


@in_virtual_time
async def test_while_nearly_everything_is_refused_nothing_is_committed() -> None:
    worker = Worker(read_again=_Kafka())
    worker.sink.refuse(range(1, 30))
    await worker.read(QUERIES, [record_of(QUERIES, offset) for offset in range(30)])
    await worker.flush()
    assert worker.pipeline.safe_offset(_PLACE) is None
