"""Aborted transactions of a producer are never counted, and do not keep the lag up."""

from __future__ import annotations

import json
import os
import uuid
from collections.abc import Callable

import pytest
from confluent_kafka import Producer

from cli.verification import stored_events
from storage.connection import ClickHouseAddress, connect
from streams.kafka import KafkaAddress
from tests.integration.test_main_path import TENANT, query
from tests.worker_process import WorkerProcess, wait_for

pytestmark = [
    pytest.mark.stack,
    pytest.mark.kafka,
    pytest.mark.skipif(
        "ROMASHKA_TEST_KAFKA" not in os.environ,
        reason="the embedded broker has no transactions; `make test-kafka` runs it",
    ),
]


def produce(producer: Producer, events: int, *, commit: bool) -> None:
    producer.begin_transaction()
    for _ in range(events):
        producer.produce("integration.queries.v1", json.dumps(query()), key=TENANT)
    producer.flush(30)
    if commit:
        producer.commit_transaction()
    else:
        producer.abort_transaction()


def test_only_committed_events_count_and_the_lag_returns_to_zero(
    env: dict[str, str],
    topics: KafkaAddress,
    database: ClickHouseAddress,
    record_property: Callable[[str, object], None],
) -> None:
    producer = Producer(
        {
            "bootstrap.servers": topics.bootstrap,
            "transactional.id": f"test-{uuid.uuid4()}",
            "partitioner": "murmur2_random",
        }
    )
    producer.init_transactions()
    with WorkerProcess(env) as worker, connect(database) as client:
        worker.wait_until_ready()
        produce(producer, 20, commit=True)
        produce(producer, 30, commit=False)
        produce(producer, 30, commit=True)
        produce(producer, 40, commit=False)
        wait_for(lambda: stored_events(client) >= 50, 60, worker.log)
        wait_for(lambda: worker.metric("romashka_consumer_lag") == 0, 30, worker.log)
        assert worker.metric("romashka_messages_total") == 50
        assert worker.metric("romashka_offset_gap_total") == 0
        assert stored_events(client) == 50
        assert client.query("SELECT sum(queries) FROM query_windows FINAL").result_rows == [(50,)]
        assert worker.terminate() == 0
    record_property("figure", "50 committed and 70 aborted events give 50")
    # The end of the log holds nothing but what was aborted: a restart is not behind either.
    with WorkerProcess(env) as worker:
        worker.wait_until_ready()
        wait_for(lambda: "romashka_consumer_lag" in worker.scrape(), 30, worker.log)
        wait_for(lambda: worker.metric("romashka_consumer_lag") == 0, 30, worker.log)
        assert worker.metric("romashka_offset_gap_total") == 0
