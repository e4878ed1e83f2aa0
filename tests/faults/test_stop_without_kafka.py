"""A worker that is told to stop while Kafka or ClickHouse is away is gone before a supervisor would kill it."""

from __future__ import annotations

import time

import pytest

from embedded.broker import Broker
from embedded.database import Database
from sinks.migrations import migrate
from storage.connection import ClickHouseAddress
from streams.kafka import KafkaAddress, create_topics
from tests.integration.test_exactness import history, publish
from tests.worker_process import PATIENCE, WorkerProcess, environment, wait_for

pytestmark = [pytest.mark.stack, pytest.mark.long, pytest.mark.timeout(300)]

_SECONDS = 8 * PATIENCE


def test_a_worker_stops_within_seconds_while_kafka_is_away(database: ClickHouseAddress, group: str) -> None:
    with Broker() as broker:
        kafka = KafkaAddress(broker.bootstrap)
        create_topics(kafka)
        with WorkerProcess(environment(kafka, database, group)) as worker:
            worker.wait_until_ready(120)
            broker.stop()
            time.sleep(2)
            told = time.monotonic()
            worker.terminate(60)
            assert time.monotonic() - told < _SECONDS


def test_a_worker_stops_within_seconds_while_clickhouse_is_away(
    kafka: KafkaAddress, topics: KafkaAddress, group: str
) -> None:
    with Database() as database:
        address = ClickHouseAddress(database.url, "stopping")
        migrate(address)
        with WorkerProcess(environment(topics, address, group)) as worker:
            worker.wait_until_ready(120)
            database.stop()
            publish(kafka, history(6_000, seed=3))
            wait_for(lambda: "trying again" in worker.log(), 60, worker.log)
            told = time.monotonic()
            worker.terminate(60)
            assert time.monotonic() - told < _SECONDS


def test_a_worker_stops_within_seconds_in_the_middle_of_a_rebalance(env: dict[str, str]) -> None:
    with WorkerProcess(env) as first, WorkerProcess(env) as second:
        first.wait_until_ready(120)
        second.wait_until_ready(120)
        second.kill()  # its partitions are still its own: the group waits for the session to end, then moves them
        time.sleep(5.5)
        told = time.monotonic()
        assert first.terminate(60) == 0
        assert time.monotonic() - told < _SECONDS
