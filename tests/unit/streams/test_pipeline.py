"""A worker's path from records to durable rows, without Kafka and with a database in memory."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from uuid import UUID, uuid5

import pyarrow as pa
import pytest

from models.errors import DlqLimitExceeded, SinkRejected, SinkUnavailable
from models.topics import HEALTH, INGEST, INTELLIGENCE, OUTCOMES, QUERIES, Topic
from sinks.dead_letters import DeadLetterRows
from sinks.memory import MemorySink
from storage.payload_cipher import PayloadCipher
from streams.decode import Record
from streams.delivery import Limits
from streams.metrics import Metrics
from streams.partition import OffsetRange
from streams.pipeline import Pipeline
from streams.pseudonyms import Pseudonymiser
from streams.refused_rows import ReadAgain
from streams.topic_processor import TABLES
from streams.windows import CHUNK_SIZE
from tests.examples import events
from tests.examples.events import NOW, SECRET, message
from tests.unit.streams.virtual_time import in_virtual_time

_PARTITION = 3
_EPOCH = 11
_QUERIES = (QUERIES.name, _PARTITION)


class Worker:
    """A pipeline that is asked nothing but what a worker asks."""

    def __init__(
        self, sink: MemorySink | None = None, *, new_tenants_per_hour: int = 0, read_again: ReadAgain | None = None
    ) -> None:
        self.sink = sink or MemorySink()
        self.metrics = Metrics()
        self.published: list[pa.RecordBatch] = []
        self.now = NOW
        self.pipeline = Pipeline(
            self.sink,
            self.metrics,
            Pseudonymiser(SECRET, "k1"),
            DeadLetterRows(PayloadCipher(SECRET)),
            epochs={topic.name: _EPOCH for topic in INGEST},
            publish=self._publish,
            clock=lambda: self.now,
            limits=Limits(flush_rows=100_000, flush_seconds=0.2),
            new_tenants_per_hour=new_tenants_per_hour,
            read_again=read_again,
        )

    async def read(self, topic: Topic, records: Sequence[Record], trimmed: OffsetRange | None = None) -> None:
        """Take in a poll, the first one of a partition after resuming it."""
        partition = (topic.name, _PARTITION)
        if not self.pipeline.holds(partition):
            await self.pipeline.resume(partition, records[0].offset, trimmed, _ours)
        await self.pipeline.handle(partition, records, _ours)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Let its delivery run meanwhile."""
        task = asyncio.create_task(self.pipeline.delivery.run())
        yield
        task.cancel()
        await asyncio.wait([task])

    async def flush(self) -> None:
        """Make durable what was taken in."""
        async with self.running():
            assert await self.pipeline.delivery.drain(3600)

    def metric(self, name: str, **labels: str) -> float:
        """Return a metric's value, 0 where nothing was counted."""
        return self.metrics.registry.get_sample_value(f"romashka_{name}", labels) or 0.0

    async def _publish(self, letters: pa.RecordBatch) -> None:
        self.published.append(letters)


def _ours() -> bool:
    return True


def _theirs() -> bool:
    return False


def _record(topic: Topic, offset: int, **fields: object) -> events.Record:
    unique = {"event_id": str(_event_id(offset)), **fields}
    return events.Record(offset, events.KEY, message(topic, **unique))


def _event_id(number: int) -> UUID:
    return uuid5(UUID(int=0), str(number))


def _bad(offset: int) -> events.Record:
    return events.Record(offset, events.KEY, b"{")


@in_virtual_time
async def test_every_topics_events_end_in_its_tables() -> None:
    worker = Worker()
    for topic in INGEST:
        await worker.read(topic, [_record(topic, 5), _bad(6), _record(topic, 7)])
    await worker.flush()
    for topic, tables in TABLES.items():
        for table in tables:
            offsets = {row["kafka_offset"] for row in worker.sink.rows(table)}
            assert offsets == ({7} if table == "integration_health_metrics" else {5, 7}), topic.name
    letters = {(row["topic"], row["offset"]) for row in worker.sink.rows("dead_letters")}
    assert letters == {(topic.name, 6) for topic in INGEST}
    (window,) = worker.sink.rows("query_windows")
    assert (window["queries"], window["version"], window["topic_epoch"]) == (2, 7, _EPOCH)


@in_virtual_time
async def test_what_happened_is_counted() -> None:
    worker = Worker()
    await worker.read(QUERIES, [_record(QUERIES, 1, sdk="9"), _record(QUERIES, 2), _bad(3)])
    await worker.read(QUERIES, [_record(QUERIES, 4, event_id=str(_event_id(1)))])
    await worker.flush()
    name = QUERIES.name
    assert worker.metric("messages_total", topic=name) == 4
    assert worker.metric("events_total", topic=name) == 3
    assert worker.metric("repeated_events_total", topic=name) == 1
    assert worker.metric("unknown_fields_total", topic=name) == 1
    assert worker.metric("dead_letters_total", topic=name, stage="decode", reason="invalid_json") == 1
    assert worker.metric("rows_written_total", table="integration_query_metrics") == 2


@in_virtual_time
async def test_customers_reach_the_database_as_pseudonyms_only() -> None:
    worker = Worker()
    for topic in (QUERIES, OUTCOMES, HEALTH, INTELLIGENCE):
        await worker.read(topic, [_record(topic, 1, customer_id="canary@example.com")])
    await worker.flush()
    for topic, tables in TABLES.items():
        for table in tables:
            (row,) = worker.sink.rows(table)
            assert row["customer_id"].startswith("k1."), topic.name
            assert "canary" not in repr(row)


@in_virtual_time
async def test_offsets_that_come_again_are_skipped() -> None:
    worker = Worker()
    await worker.read(OUTCOMES, [_record(OUTCOMES, 1), _record(OUTCOMES, 2)])
    await worker.read(OUTCOMES, [_record(OUTCOMES, 1), _record(OUTCOMES, 2)])
    await worker.read(OUTCOMES, [_record(OUTCOMES, 2), _record(OUTCOMES, 3)])
    await worker.flush()
    assert worker.metric("messages_total", topic=OUTCOMES.name) == 3
    assert worker.pipeline.safe_offset((OUTCOMES.name, _PARTITION)) == 4


@in_virtual_time
async def test_an_assignment_that_ended_while_resuming_leaves_no_trace() -> None:
    worker = Worker()
    await worker.pipeline.resume(_QUERIES, 1, None, _theirs)
    assert not worker.pipeline.holds(_QUERIES)
    await worker.pipeline.handle(_QUERIES, [_record(QUERIES, 1)], _theirs)
    await worker.flush()
    assert worker.sink.writes == 0


@in_virtual_time
async def test_records_of_an_assignment_that_ended_leave_no_trace() -> None:
    worker = Worker()
    await worker.read(QUERIES, [_record(QUERIES, 1)])
    await worker.pipeline.handle(_QUERIES, [_record(QUERIES, 2)], _theirs)
    await worker.flush()
    assert [row["kafka_offset"] for row in worker.sink.rows("integration_query_metrics")] == [1]
    await worker.read(QUERIES, [_record(QUERIES, 2)])
    await worker.flush()
    assert len(worker.sink.rows("integration_query_metrics")) == 2


@pytest.mark.parametrize("topic", INGEST, ids=lambda topic: topic.name)
@in_virtual_time
async def test_a_rebalance_leaves_no_trace_of_what_waited(topic: Topic) -> None:
    worker = Worker()
    await worker.read(topic, [_record(topic, 1)])
    worker.pipeline.forget()
    await worker.pipeline.handle((topic.name, _PARTITION), [_record(topic, 2)], _ours)
    async with worker.running():
        await asyncio.sleep(5)
    assert worker.sink.writes == 0
    assert not worker.pipeline.holds((topic.name, _PARTITION))


@in_virtual_time
async def test_after_a_rebalance_the_same_records_give_the_same_rows() -> None:
    worker = Worker()
    records = [_record(QUERIES, offset) for offset in range(5)]
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
    await worker.read(QUERIES, [_record(QUERIES, 1)])
    assert worker.pipeline.holds(_QUERIES)


@in_virtual_time
async def test_resuming_against_a_wrong_schema_is_an_error() -> None:
    worker = Worker()
    worker.sink.fail_next_reads([SinkRejected("no such column")])
    with pytest.raises(SinkRejected, match="no such column"):
        await worker.read(QUERIES, [_record(QUERIES, 1)])


@in_virtual_time
async def test_queries_are_committed_at_the_start_of_a_chunk_only() -> None:
    worker = Worker()
    end = CHUNK_SIZE
    await worker.read(QUERIES, [_record(QUERIES, end - 2)])
    await worker.flush()
    assert worker.pipeline.safe_offset(_QUERIES) is None
    await worker.read(QUERIES, [_record(QUERIES, end - 1)])
    await worker.flush()
    assert worker.pipeline.safe_offset(_QUERIES) == end
    await worker.read(QUERIES, [_record(QUERIES, offset) for offset in (end, end + 1, 2 * end - 2)])
    await worker.flush()
    assert worker.pipeline.safe_offset(_QUERIES) == end
    assert worker.pipeline.durable_offset(_QUERIES) == 2 * end - 1
    await worker.read(QUERIES, [_record(QUERIES, 2 * end + 7)])
    await worker.flush()
    assert worker.pipeline.safe_offset(_QUERIES) == 2 * end


@in_virtual_time
async def test_other_topics_are_committed_wherever_they_are_durable() -> None:
    worker = Worker()
    await worker.read(HEALTH, [_record(HEALTH, 41), _bad(42), _record(HEALTH, 43)])
    assert worker.pipeline.safe_offset((HEALTH.name, _PARTITION)) is None
    await worker.flush()
    assert worker.pipeline.safe_offset((HEALTH.name, _PARTITION)) == 44


@in_virtual_time
async def test_nothing_is_committed_while_nearly_everything_is_rejected() -> None:
    worker = Worker()
    health = (HEALTH.name, _PARTITION)
    await worker.read(HEALTH, [_bad(offset) for offset in range(20)])
    await worker.flush()
    assert len(worker.sink.rows("dead_letters")) == 20
    assert worker.pipeline.safe_offset(health) is None
    await worker.read(HEALTH, [_record(HEALTH, offset) for offset in range(20, 30)])
    await worker.flush()
    assert worker.pipeline.safe_offset(health) == 30


@in_virtual_time
async def test_a_topic_full_of_rejections_does_not_hold_back_the_others() -> None:
    worker = Worker()
    await worker.read(HEALTH, [_bad(0)])
    await worker.read(OUTCOMES, [_record(OUTCOMES, 0)])
    await worker.flush()
    assert worker.pipeline.safe_offset((OUTCOMES.name, _PARTITION)) == 1


@in_virtual_time
async def test_only_rejections_stop_the_worker_at_the_bound() -> None:
    worker = Worker()
    await worker.read(HEALTH, [_bad(offset) for offset in range(4_999)])
    with pytest.raises(DlqLimitExceeded, match=r"5,000 of the last 5,000 messages of integration\.health\.v1"):
        await worker.read(HEALTH, [_bad(4_999)])
    await worker.flush()
    assert worker.pipeline.safe_offset((HEALTH.name, _PARTITION)) is None


@in_virtual_time
async def test_offsets_that_kafka_deleted_before_they_were_read_are_counted_exactly() -> None:
    worker = Worker()
    await worker.read(OUTCOMES, [_record(OUTCOMES, 500)], trimmed=OffsetRange(120, 500))
    assert worker.metric("offset_gap_total", topic=OUTCOMES.name, partition="3") == 380


@in_virtual_time
async def test_deleted_offsets_whose_rows_are_durable_are_not_lost() -> None:
    """Queries are committed by chunk, so some of what lies behind the commit is in the database already."""
    before = Worker()
    await before.read(QUERIES, [_record(QUERIES, offset) for offset in range(300)])
    await before.flush()
    worker = Worker(before.sink)
    await worker.read(QUERIES, [_record(QUERIES, 450)], trimmed=OffsetRange(0, 450))
    assert worker.metric("offset_gap_total", topic=QUERIES.name, partition="3") == 150
    await worker.flush()
    (window,) = worker.sink.rows("query_windows")
    assert (window["queries"], window["version"]) == (301, 450)


@in_virtual_time
async def test_nothing_is_counted_as_lost_where_nothing_was_deleted() -> None:
    worker = Worker()
    await worker.read(OUTCOMES, [_record(OUTCOMES, 500)])
    assert worker.metric("offset_gap_total", topic=OUTCOMES.name, partition="3") == 0


@in_virtual_time
async def test_a_new_worker_goes_on_where_the_old_one_was_killed() -> None:
    """Killed when the rows were durable and nothing committed: the chunk is read again, nothing counts twice."""
    sink = MemorySink()
    records = [_record(QUERIES, offset) for offset in range(CHUNK_SIZE - 3, CHUNK_SIZE + 4)]
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
    await old.read(QUERIES, [_record(QUERIES, CHUNK_SIZE - 1)])
    await old.flush()
    new = Worker(sink)
    await new.read(QUERIES, [_record(QUERIES, CHUNK_SIZE, event_id=str(_event_id(CHUNK_SIZE - 1)))])
    await new.flush()
    assert sum(row["queries"] for row in sink.rows("query_windows")) == 1
    assert new.metric("repeated_events_total", topic=QUERIES.name) == 1


@in_virtual_time
async def test_handled_counts_every_message() -> None:
    worker = Worker()
    await worker.read(QUERIES, [_record(QUERIES, 1), _bad(2)])
    await worker.read(HEALTH, [_bad(1)])
    assert worker.pipeline.handled == 3


@in_virtual_time
async def test_minutes_close_by_the_workers_clock() -> None:
    worker = Worker()
    await worker.read(QUERIES, [_record(QUERIES, 1, created_at="2026-01-15T11:50:00Z")])
    await worker.read(QUERIES, [_record(QUERIES, 2, created_at="2026-01-15T11:59:00Z")])
    assert [minute.start.minute for minute in worker.pipeline.close_minutes()[_PARTITION] if minute.series] == [50]
    assert worker.metric("watermark_delay_seconds", topic=QUERIES.name, partition="3") == 120
    worker.pipeline.forget()
    assert worker.pipeline.close_minutes() == {}


@in_virtual_time
async def test_minutes_stay_open_while_messages_wait_in_kafka() -> None:
    """A slow worker, or a database that is away, says nothing of what happens."""
    worker = Worker()
    pipeline, queries = worker.pipeline, (QUERIES.name, _PARTITION)
    await worker.read(QUERIES, [_record(QUERIES, offset, created_at="2026-01-15T12:00:00Z") for offset in range(16)])
    pipeline.close_minutes()
    worker.now = NOW + timedelta(minutes=10)
    assert pipeline.close_minutes() == {}
    pipeline.note_read_through({queries: None}, pipeline.assignments)
    assert pipeline.close_minutes() == {}
    pipeline.note_read_through({queries: NOW}, pipeline.assignments)
    pipeline.note_read_through({queries: None}, pipeline.assignments)
    assert pipeline.read_through(queries) == NOW
    assert pipeline.close_minutes() == {}
    pipeline.note_read_through({queries: worker.now}, pipeline.assignments - 1)
    assert pipeline.close_minutes() == {}
    pipeline.note_read_through({queries: worker.now}, pipeline.assignments)
    assert pipeline.close_minutes() != {}


@in_virtual_time
async def test_health_events_are_handed_to_the_detectors_once() -> None:
    worker = Worker()
    await worker.read(HEALTH, [_record(HEALTH, 1), _bad(2)])
    await worker.read(QUERIES, [_record(QUERIES, 1)])
    (batch,) = worker.pipeline.take_health()[_PARTITION]
    assert batch["kafka_offset"].to_pylist() == [1]
    assert worker.pipeline.take_health() == {}
    await worker.read(HEALTH, [_record(HEALTH, 3)])
    worker.pipeline.forget()
    assert worker.pipeline.take_health() == {}
    assert worker.pipeline.assignments == 1
