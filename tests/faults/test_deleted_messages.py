"""Kafka deletes messages that a running worker has not read: the gap is the loss, exactly, and is said."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable
from uuid import UUID

import pytest
from confluent_kafka import Producer, TopicPartition
from confluent_kafka.admin import AdminClient

from cli.verification import stored_events
from storage.connection import ClickHouseAddress, connect
from streams.java_partitioner import home_partitions
from streams.kafka import KafkaAddress, client_settings
from tests.integration.test_main_path import query
from tests.worker_process import WorkerProcess, wait_for

pytestmark = [
    pytest.mark.stack,
    pytest.mark.kafka,
    pytest.mark.skipif(
        "ROMASHKA_TEST_KAFKA" not in os.environ,
        reason="the embedded broker cannot delete messages; `make test-kafka` runs it",
    ),
]
QUERIES, PARTITION = "integration.queries.v1", 2
SENT = 12_000

# A tenant whose queries belong to this partition.
TENANT = next(str(UUID(int=n)) for n in range(1, 1_000) if home_partitions(8)(str(UUID(int=n)).encode()) == PARTITION)


def produce(producer: Producer, events: int) -> None:
    for _ in range(events):
        producer.produce(QUERIES, json.dumps(query() | {"user_id": TENANT}), key=TENANT, partition=PARTITION)
        producer.poll(0)
    assert producer.flush(30) == 0


@pytest.mark.parametrize("deleted_to", [9_000, SENT + 100])
def test_what_is_deleted_under_a_running_worker_is_counted_exactly(
    env: dict[str, str],
    topics: KafkaAddress,
    database: ClickHouseAddress,
    deleted_to: int,
    record_property: Callable[[str, object], None],
) -> None:
    producer = Producer({"bootstrap.servers": topics.bootstrap})
    admin = AdminClient(client_settings(topics))
    with WorkerProcess(env) as worker, connect(database) as client:
        worker.wait_until_ready()
        produce(producer, 100)
        wait_for(lambda: stored_events(client) == 100, 60, worker.log)
        os.kill(worker.pid, signal.SIGSTOP)  # for less than its session: it stays the owner of its partitions
        try:
            produce(producer, SENT)
            where = TopicPartition(QUERIES, PARTITION, deleted_to)
            admin.delete_records([where])[where].result()
        finally:
            os.kill(worker.pid, signal.SIGCONT)
        wait_for(lambda: worker.metric("romashka_consumer_lag") == 0, 60, worker.log)
        produce(producer, 1)
        last = SENT + 100
        wait_for(lambda: _seen(worker) == last + 1, 60, worker.log)
        lost = worker.metric("romashka_offset_gap_total", topic=QUERIES, partition=str(PARTITION))
        assert lost > 0
        wait_for(lambda: stored_events(client) == last + 1 - lost, 30, worker.log)
        assert f"{lost:.0f} messages of {QUERIES} partition {PARTITION}" in worker.log()
        assert "deleted by Kafka before they were read" in worker.log()
    record_property("figure", f"{last + 1:,} produced, gap {lost:,.0f}, stored {last + 1 - lost:,.0f}")


def _seen(worker: WorkerProcess) -> float:
    return worker.metric("romashka_messages_total") + worker.metric("romashka_offset_gap_total")
