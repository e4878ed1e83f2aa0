"""A worker that is told to stop while Kafka is away is gone before a supervisor would kill it."""

from __future__ import annotations

import time

import pytest

from embedded.broker import Broker
from storage.connection import ClickHouseAddress
from streams.kafka import KafkaAddress, create_topics
from tests.worker_process import WorkerProcess, environment

pytestmark = [pytest.mark.stack, pytest.mark.timeout(300)]

# Eight seconds are promised; the rest is for a machine that is busy.
_SECONDS = 10


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
