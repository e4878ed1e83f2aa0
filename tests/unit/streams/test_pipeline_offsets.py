"""Offsets of the pipeline: what is committed, skipped, lost and resumed."""

from __future__ import annotations

import asyncio

import pytest

from models.errors import SinkRejected, SinkUnavailable
from models.topics import HEALTH, INGEST, OUTCOMES, QUERIES, Topic
from sinks.memory import MemorySink
from streams.partition import OffsetRange
from streams.windows import CHUNK_SIZE
from tests.unit.streams.pipeline_worker import (
    PARTITION,
    QUERIES_PARTITION,
    Worker,
    bad_record,
    event_id_of,
    ours,
    record_of,
    theirs,
)
from tests.unit.streams.virtual_time import in_virtual_time


@in_virtual_time
async def test_offsets_that_come_again_are_skipped() -> None:
    worker = Worker()
    await worker.read(OUTCOMES, [record_of(OUTCOMES, 1), record_of(OUTCOMES, 2)])
    await worker.read(OUTCOMES, [record_of(OUTCOMES, 1), record_of(OUTCOMES, 2)])
    await worker.read(OUTCOMES, [record_of(OUTCOMES, 2), record_of(OUTCOMES, 3)])
    await worker.flush()
    assert worker.metric("messages_total", topic=OUTCOMES.name) == 3
    assert worker.pipeline.safe_offset((OUTCOMES.name, PARTITION)) == 4


@in_virtual_time
async def test_an_assignment_that_ended_while_resuming_leaves_no_trace() -> None:
    worker = Worker()
    await worker.pipeline.resume(QUERIES_PARTITION, 1, None, theirs)
    assert not worker.pipeline.holds(QUERIES_PARTITION)
    await worker.pipeline.handle({QUERIES_PARTITION: [record_of(QUERIES, 1)]}, theirs)
    await worker.flush()
    assert worker.sink.writes == 0


@in_virtual_time
async def test_records_of_an_assignment_that_ended_leave_no_trace() -> None:
    worker = Worker()
    await worker.read(QUERIES, [record_of(QUERIES, 1)])
    await worker.pipeline.handle({QUERIES_PARTITION: [record_of(QUERIES, 2)]}, theirs)
    await worker.flush()
    assert [row["kafka_offset"] for row in worker.sink.rows("integration_query_metrics")] == [1]
    await worker.read(QUERIES, [record_of(QUERIES, 2)])
    await worker.flush()
    assert len(worker.sink.rows("integration_query_metrics")) == 2


@pytest.mark.parametrize("topic", INGEST, ids=lambda topic: topic.name)
@in_virtual_time
async def test_a_rebalance_leaves_no_trace_of_what_waited(topic: Topic) -> None:
    worker = Worker()
    await worker.read(topic, [record_of(topic, 1)])
    worker.pipeline.forget()
    await worker.pipeline.handle({(topic.name, PARTITION): [record_of(topic, 2)]}, ours)
    async with worker.running():
        await asyncio.sleep(5)
    assert worker.sink.tables == {"known_tenants"}
    assert not worker.pipeline.holds((topic.name, PARTITION))


@in_virtual_time
async def test_after_a_rebalance_the_same_records_give_the_same_rows() -> None:
    worker = Worker()
    records = [record_of(QUERIES, offset) for offset in range(5)]
    await worker.read(QUERIES, records[:3])
    await worker.flush()
    before = worker.sink.rows("query_windows")
    worker.pipeline.forget()
    await worker.read(QUERIES, records[:3])
    await worker.flush()
    assert worker.sink.rows("query_windows") == before
    await worker.read(QUERIES, records[3:])
    await worker.flush()
    (window,) = worker.sink.rows("query_windows")
    assert (window["queries"], window["version"]) == (5, 4)


@in_virtual_time
async def test_resuming_waits_for_the_database() -> None:
    worker = Worker()
    worker.sink.fail_next_reads([SinkUnavailable("away")] * 3)
    await worker.read(QUERIES, [record_of(QUERIES, 1)])
    assert worker.pipeline.holds(QUERIES_PARTITION)


@in_virtual_time
async def test_resuming_against_a_wrong_schema_is_an_error() -> None:
    worker = Worker()
    worker.sink.fail_next_reads([SinkRejected("no such column")])
    with pytest.raises(SinkRejected, match="no such column"):
        await worker.read(QUERIES, [record_of(QUERIES, 1)])


@in_virtual_time
async def test_queries_are_committed_at_the_start_of_a_chunk_only() -> None:
    worker = Worker()
    end = CHUNK_SIZE
    await worker.read(QUERIES, [record_of(QUERIES, end - 2)])
    await worker.flush()
    assert worker.pipeline.safe_offset(QUERIES_PARTITION) is None
    await worker.read(QUERIES, [record_of(QUERIES, end - 1)])
    await worker.flush()
    assert worker.pipeline.safe_offset(QUERIES_PARTITION) == end
    await worker.read(QUERIES, [record_of(QUERIES, offset) for offset in (end, end + 1, 2 * end - 2)])
    await worker.flush()
    assert worker.pipeline.safe_offset(QUERIES_PARTITION) == end
    assert worker.pipeline.durable_offset(QUERIES_PARTITION) == 2 * end - 1
    await worker.read(QUERIES, [record_of(QUERIES, 2 * end + 7)])
    await worker.flush()
    assert worker.pipeline.safe_offset(QUERIES_PARTITION) == 2 * end


@in_virtual_time
async def test_other_topics_are_committed_wherever_they_are_durable() -> None:
    worker = Worker()
    await worker.read(HEALTH, [record_of(HEALTH, 41), bad_record(42), record_of(HEALTH, 43)])
    assert worker.pipeline.safe_offset((HEALTH.name, PARTITION)) is None
    await worker.flush()
    assert worker.pipeline.safe_offset((HEALTH.name, PARTITION)) == 44


@in_virtual_time
async def test_nothing_is_committed_while_nearly_everything_is_rejected() -> None:
    worker = Worker()
    health = (HEALTH.name, PARTITION)
    await worker.read(HEALTH, [bad_record(offset) for offset in range(20)])
    await worker.flush()
    assert len(worker.sink.rows("dead_letters")) == 20
    assert worker.pipeline.safe_offset(health) is None
    await worker.read(HEALTH, [record_of(HEALTH, offset) for offset in range(20, 30)])
    await worker.flush()
    assert worker.pipeline.safe_offset(health) == 30


@in_virtual_time
async def test_offsets_that_kafka_deleted_before_they_were_read_are_counted_exactly() -> None:
    worker = Worker()
    await worker.read(OUTCOMES, [record_of(OUTCOMES, 500)], trimmed=OffsetRange(120, 500))
    assert worker.metric("offset_gap_total", topic=OUTCOMES.name, partition="3") == 380


@in_virtual_time
async def test_deleted_offsets_whose_rows_are_durable_are_not_lost() -> None:
    """Queries are committed by chunk, so some of what lies behind the commit is in the database already."""
    before = Worker()
    await before.read(QUERIES, [record_of(QUERIES, offset) for offset in range(300)])
    await before.flush()
    worker = Worker(before.sink)
    await worker.read(QUERIES, [record_of(QUERIES, 450)], trimmed=OffsetRange(0, 450))
    assert worker.metric("offset_gap_total", topic=QUERIES.name, partition="3") == 150
    await worker.flush()
    (window,) = worker.sink.rows("query_windows")
    assert (window["queries"], window["version"]) == (301, 450)


@in_virtual_time
async def test_nothing_is_counted_as_lost_where_nothing_was_deleted() -> None:
    worker = Worker()
    await worker.read(OUTCOMES, [record_of(OUTCOMES, 500)])
    assert worker.metric("offset_gap_total", topic=OUTCOMES.name, partition="3") == 0


@in_virtual_time
async def test_a_new_worker_goes_on_where_the_old_one_was_killed() -> None:
    """Killed when the rows were durable and nothing committed: the chunk is read again, nothing counts twice."""
    sink = MemorySink()
    records = [record_of(QUERIES, offset) for offset in range(CHUNK_SIZE - 3, CHUNK_SIZE + 4)]
    old = Worker(sink)
    await old.read(QUERIES, records[:5])
    await old.flush()
    new = Worker(sink)
    await new.read(QUERIES, records[3:])
    await new.flush()
    assert sum(row["queries"] for row in sink.rows("query_windows")) == len(records)
    assert len(sink.rows("integration_query_metrics")) == len(records)


@in_virtual_time
async def test_a_repeat_across_a_restart_counts_once() -> None:
    sink = MemorySink()
    old = Worker(sink)
    await old.read(QUERIES, [record_of(QUERIES, CHUNK_SIZE - 1)])
    await old.flush()
    new = Worker(sink)
    await new.read(QUERIES, [record_of(QUERIES, CHUNK_SIZE, event_id=str(event_id_of(CHUNK_SIZE - 1)))])
    await new.flush()
    assert sum(row["queries"] for row in sink.rows("query_windows")) == 1
    assert new.metric("repeated_events_total", topic=QUERIES.name) == 1
