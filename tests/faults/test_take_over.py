"""How soon the others go on where a killed worker was, and that one with a name comes back without disturbing them."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from uuid import UUID

import pytest
from clickhouse_connect.driver.client import Client

from cli.verification import stored_events
from models.keys import key_of
from storage.connection import ClickHouseAddress, connect
from streams.bulk_producer import BulkProducer, OutgoingMessage
from streams.java_partitioner import home_partitions
from streams.kafka import KafkaAddress
from tests.faults.scale import APACHE, FULL, only_on_apache_kafka
from tests.integration.test_main_path import query
from tests.worker_process import PATIENCE, WorkerProcess, wait_for

pytestmark = [
    pytest.mark.stack,
    pytest.mark.kafka,
    pytest.mark.timeout(1_200),
    pytest.mark.skipif(
        not (FULL or APACHE), reason="waits for sessions to end; `make test-kafka` and `make test-faults`"
    ),
]

PARTITIONS, SESSION_SECONDS, BOUND_SECONDS = 8, 10.0, 15.0
QUERIES = "integration.queries.v1"
_HOME = home_partitions(PARTITIONS)
TENANTS = [
    next(UUID(int=i) for i in range(1, 999) if _HOME(key_of(UUID(int=i))) == partition)
    for partition in range(PARTITIONS)
]


@pytest.fixture
def env(env: dict[str, str]) -> dict[str, str]:
    return env | {"ROMASHKA_KAFKA_SESSION_SECONDS": f"{SESSION_SECONDS:.0f}"}


def send(producer: BulkProducer) -> int:
    """Send an event to every partition."""
    for tenant in TENANTS:
        value = json.dumps(query() | {"user_id": str(tenant)}).encode()
        producer.send(OutgoingMessage(QUERIES, key_of(tenant), value))
    producer.flush()
    return PARTITIONS


def both_work(first: WorkerProcess, second: WorkerProcess) -> bool:
    return all(worker.metric("romashka_messages_total") > 0 for worker in (first, second))


def until_stored(client: Client, events: int, worker: WorkerProcess) -> None:
    wait_for(lambda: stored_events(client) >= events, 60, worker.log)


def test_a_killed_workers_partitions_have_new_rows_within_fifteen_seconds(
    env: dict[str, str],
    topics: KafkaAddress,
    database: ClickHouseAddress,
    record_property: Callable[[str, object], None],
) -> None:
    with (
        WorkerProcess(env) as steady,
        WorkerProcess(env) as victim,
        connect(database) as client,
        BulkProducer(topics) as producer,
    ):
        for worker in (steady, victim):
            worker.wait_until_ready()
        sent = send(producer)
        until_stored(client, sent, steady)
        deadline = time.monotonic() + 60 * PATIENCE
        while not both_work(steady, victim):
            assert time.monotonic() < deadline, steady.log()
            sent += send(producer)
            time.sleep(1)
        until_stored(client, sent, steady)
        victim.kill()
        killed = time.monotonic()
        sent += send(producer)
        until_stored(client, sent, steady)
        took = time.monotonic() - killed
        assert stored_events(client) == sent
        assert took < BOUND_SECONDS * PATIENCE
    record_property(
        "figure", f"session {SESSION_SECONDS:.0f} s: every partition had new rows {took:.1f} s after the kill"
    )


# On the embedded broker joining takes half a session, and a session that a start fits in is long.
@only_on_apache_kafka
def test_a_named_worker_that_is_killed_and_restarted_in_place_moves_no_partition(
    env: dict[str, str],
    topics: KafkaAddress,
    database: ClickHouseAddress,
    record_property: Callable[[str, object], None],
) -> None:
    # Long enough for the worker to start on a busy machine.
    env |= {"ROMASHKA_KAFKA_SESSION_SECONDS": f"{30 * PATIENCE:.0f}"}
    with (
        WorkerProcess(env | {"ROMASHKA_KAFKA_INSTANCE_ID": "one"}) as steady,
        WorkerProcess(env | {"ROMASHKA_KAFKA_INSTANCE_ID": "two"}) as victim,
        connect(database) as client,
        BulkProducer(topics) as producer,
    ):
        for worker in (steady, victim):
            worker.wait_until_ready()
        sent = 0
        deadline = time.monotonic() + 60 * PATIENCE
        while not both_work(steady, victim):
            assert time.monotonic() < deadline, steady.log()
            sent += send(producer)
            time.sleep(1)
        until_stored(client, sent, steady)
        before = steady.metric("romashka_rebalances_total")
        victim.kill()
        killed = time.monotonic()
        victim.start()
        sent += send(producer)
        until_stored(client, sent, steady)
        took = time.monotonic() - killed
        moved = steady.metric("romashka_rebalances_total") - before
        assert stored_events(client) == sent
        assert moved == 0
    record_property(
        "figure", f"restarted in place by name: new rows after {took:.1f} s, no rebalance of the other worker"
    )
