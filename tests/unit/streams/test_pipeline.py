"""A worker's path from records to durable rows, without Kafka and with a database in memory."""

from __future__ import annotations

from datetime import timedelta

import pytest

from models.errors import DlqLimitExceeded
from models.topics import HEALTH, INGEST, INTELLIGENCE, OUTCOMES, QUERIES
from streams.topic_processor import TABLES
from tests.examples.events import NOW
from tests.unit.streams.pipeline_worker import EPOCH, PARTITION, Worker, bad_record, event_id_of, record_of
from tests.unit.streams.virtual_time import in_virtual_time


@in_virtual_time
async def test_every_topics_events_end_in_its_tables() -> None:
    worker = Worker()
    for topic in INGEST:
        await worker.read(topic, [record_of(topic, 5), bad_record(6), record_of(topic, 7)])
    await worker.flush()
    for topic, tables in TABLES.items():
        for table in tables:
            offsets = {row["kafka_offset"] for row in worker.sink.rows(table)}
            assert offsets == ({7} if table == "integration_health_metrics" else {5, 7}), topic.name
    letters = {(row["topic"], row["offset"]) for row in worker.sink.rows("dead_letters")}
    assert letters == {(topic.name, 6) for topic in INGEST}
    (window,) = worker.sink.rows("query_windows")
    assert (window["queries"], window["version"], window["topic_epoch"]) == (2, 7, EPOCH)


@in_virtual_time
async def test_what_happened_is_counted() -> None:
    worker = Worker()
    await worker.read(QUERIES, [record_of(QUERIES, 1, sdk="9"), record_of(QUERIES, 2), bad_record(3)])
    await worker.read(QUERIES, [record_of(QUERIES, 4, event_id=str(event_id_of(1)))])
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
        await worker.read(topic, [record_of(topic, 1, customer_id="canary@example.com")])
    await worker.flush()
    for topic, tables in TABLES.items():
        for table in tables:
            (row,) = worker.sink.rows(table)
            assert row["customer_id"].startswith("k1."), topic.name
            assert "canary" not in repr(row)


@in_virtual_time
async def test_a_topic_full_of_rejections_does_not_hold_back_the_others() -> None:
    worker = Worker()
    await worker.read(HEALTH, [bad_record(0)])
    await worker.read(OUTCOMES, [record_of(OUTCOMES, 0)])
    await worker.flush()
    assert worker.pipeline.safe_offset((OUTCOMES.name, PARTITION)) == 1


@in_virtual_time
async def test_only_rejections_stop_the_worker_at_the_bound() -> None:
    worker = Worker()
    await worker.read(HEALTH, [bad_record(offset) for offset in range(4_999)])
    with pytest.raises(DlqLimitExceeded, match=r"5,000 of the last 5,000 messages of integration\.health\.v1"):
        await worker.read(HEALTH, [bad_record(4_999)])
    await worker.flush()
    assert worker.pipeline.safe_offset((HEALTH.name, PARTITION)) is None


@in_virtual_time
async def test_handled_counts_every_message() -> None:
    worker = Worker()
    await worker.read(QUERIES, [record_of(QUERIES, 1), bad_record(2)])
    await worker.read(HEALTH, [bad_record(1)])
    assert worker.pipeline.handled == 3


@in_virtual_time
async def test_minutes_close_by_the_workers_clock() -> None:
    worker = Worker()
    await worker.read(QUERIES, [record_of(QUERIES, 1, created_at="2026-01-15T11:50:00Z")])
    await worker.read(QUERIES, [record_of(QUERIES, 2, created_at="2026-01-15T11:59:00Z")])
    assert [minute.start.minute for minute in worker.pipeline.close_minutes()[PARTITION] if minute.series] == [50]
    assert worker.metric("watermark_delay_seconds", topic=QUERIES.name, partition="3") == 120
    worker.pipeline.forget()
    assert worker.pipeline.close_minutes() == {}


@in_virtual_time
async def test_minutes_stay_open_while_messages_wait_in_kafka() -> None:
    """A slow worker, or a database that is away, says nothing of what happens."""
    worker = Worker()
    pipeline, queries = worker.pipeline, (QUERIES.name, PARTITION)
    await worker.read(QUERIES, [record_of(QUERIES, offset, created_at="2026-01-15T12:00:00Z") for offset in range(16)])
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
    await worker.read(HEALTH, [record_of(HEALTH, 1), bad_record(2)])
    await worker.read(QUERIES, [record_of(QUERIES, 1)])
    (batch,) = worker.pipeline.take_health()[PARTITION]
    assert batch["kafka_offset"].to_pylist() == [1]
    assert worker.pipeline.take_health() == {}
    await worker.read(HEALTH, [record_of(HEALTH, 3)])
    worker.pipeline.forget()
    assert worker.pipeline.take_health() == {}
    assert worker.pipeline.assignments == 1
