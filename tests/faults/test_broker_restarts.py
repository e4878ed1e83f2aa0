"""Kafka restarts under a worker while events arrive: it goes on unaided, or ends and is started again."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import pytest

from cli.verification import stored_events
from models.topics import EVENT_TABLES
from storage.connection import ClickHouseAddress, connect
from streams.kafka import KafkaAddress, create_topics
from tests.faults.scale import only_on_apache_kafka, scaled
from tests.integration.test_exactness import history, publish
from tests.kafka.broker import ApacheKafka
from tests.oracle import Expected, stored_ids, stored_windows
from tests.worker_process import PATIENCE, WorkerProcess, environment, wait_for

# The embedded broker forgets everything when it ends: its worker leaves (tests/unit/streams/test_topic_recreation.py).
pytestmark = [pytest.mark.stack, pytest.mark.kafka, pytest.mark.timeout(scaled(600, 5_400)), only_on_apache_kafka]

RESTARTS = scaled(2, 10)
EVENTS = scaled(6_000, 100_000)


@pytest.fixture
def own_kafka() -> Iterator[ApacheKafka]:
    with ApacheKafka() as kafka:
        yield kafka


def test_every_event_counts_once_while_the_broker_restarts(
    own_kafka: ApacheKafka, database: ClickHouseAddress, group: str, record_property: Callable[[str, object], None]
) -> None:
    address = KafkaAddress(own_kafka.bootstrap)
    create_topics(address)
    sent = history(EVENTS, seed=3)
    expected = Expected()
    expected.add(sent)
    size, slowest, exits = EVENTS // (RESTARTS + 1), 0.0, 0
    with WorkerProcess(environment(address, database, group)) as worker, connect(database) as client:
        worker.wait_until_ready()
        for number in range(RESTARTS):
            publish(address, sent[number * size : (number + 1) * size])
            time.sleep(0.5 * (number % 3))  # before, while and after it is written
            own_kafka.restart()
            up = time.monotonic()
            publish(address, sent[(number + 1) * size : (number + 1) * size + 1])
            while stored_events(client) < (number + 1) * size + 1:
                assert time.monotonic() - up < 180 * PATIENCE, worker.log()
                if worker.ended():  # a supervisor starts it again
                    exits += 1
                    worker.start()
                time.sleep(0.5)
            slowest = max(slowest, time.monotonic() - up)
        publish(address, sent[RESTARTS * size :])
        wait_for(lambda: stored_events(client) == EVENTS, 120, worker.log)
        for topic, table in EVENT_TABLES.items():
            assert set(stored_ids(client, table)) == expected.ids[topic]
        wait_for(lambda: stored_windows(client) == {key: one.row() for key, one in expected.windows.items()}, 60)
    record_property(
        "figure",
        f"{RESTARTS} restarts, {EVENTS:,} events, lost 0, double 0; caught up after {slowest:.0f} s at most, worker "
        f"started again {exits} times",
    )
