"""Ever new tenants: every event counts, and the worker's memory does not grow with them."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from uuid import UUID

import psutil
import pytest

from cli.verification import stored_events
from models.keys import key_of
from storage.connection import ClickHouseAddress, connect
from streams.bulk_producer import BulkProducer, OutgoingMessage
from streams.kafka import KafkaAddress
from tests.faults.scale import scaled
from tests.integration.test_main_path import query
from tests.worker_process import PATIENCE, WorkerProcess, wait_for

pytestmark = [pytest.mark.stack, pytest.mark.long, pytest.mark.kafka, pytest.mark.timeout(scaled(600, 5_400))]

TENANTS = scaled(5_000, 1_000_000)
MAX_BYTES = scaled(700_000_000, 1_300_000_000)


_UNLIMITED = {"ROMASHKA_NEW_TENANTS_PER_HOUR": "0"}
_MOST = 1_000


def test_a_million_tenants_are_counted_in_bounded_memory(
    env: dict[str, str],
    topics: KafkaAddress,
    database: ClickHouseAddress,
    record_property: Callable[[str, object], None],
) -> None:
    with WorkerProcess(env | _UNLIMITED) as worker, connect(database) as client:
        worker.wait_until_ready()
        largest = _send_and_watch(worker, topics, lambda: stored_events(client) == TENANTS)
        wait_for(lambda: client.query(_WINDOWS).result_rows == [(TENANTS, TENANTS)], 60, worker.log)
        assert largest < MAX_BYTES
    record_property("figure", f"{TENANTS:,} tenants with an event each, lost 0, double 0, {largest >> 20} MB at most")


def test_tenants_beyond_the_limit_are_dead_letters_and_the_worker_goes_on(
    env: dict[str, str],
    topics: KafkaAddress,
    database: ClickHouseAddress,
    record_property: Callable[[str, object], None],
) -> None:
    with WorkerProcess(env | {"ROMASHKA_NEW_TENANTS_PER_HOUR": str(_MOST)}) as worker, connect(database) as client:
        worker.wait_until_ready()

        def rejected() -> int:
            asked = "SELECT count() FROM dead_letters FINAL WHERE reason = 'too_many_new_tenants'"
            return int(client.query(asked).result_rows[0][0])

        largest = _send_and_watch(worker, topics, lambda: rejected() == TENANTS - _MOST)
        assert stored_events(client) == _MOST
        assert largest < MAX_BYTES
    record_property(
        "figure",
        f"{TENANTS:,} tenants where {_MOST:,} may be new: {_MOST:,} counted, {TENANTS - _MOST:,} dead letters, "
        f"{largest >> 20} MB at most",
    )


def _send_and_watch(worker: WorkerProcess, topics: KafkaAddress, done: Callable[[], bool]) -> int:
    """Send an event of each tenant and wait until it is done with; return the most memory that the worker had."""
    process, largest = psutil.Process(worker.pid), 0
    with BulkProducer(topics) as producer:
        for number in range(TENANTS):
            tenant = UUID(int=number + 1)
            value = json.dumps(query() | {"user_id": str(tenant)}).encode()
            producer.send(OutgoingMessage("integration.queries.v1", key_of(tenant), value))
            if number % 10_000 == 0:
                largest = max(largest, process.memory_info().rss)
    deadline = time.monotonic() + scaled(300, 3_000) * PATIENCE
    while not done():
        assert not worker.ended(), worker.log()
        assert time.monotonic() < deadline, worker.log()
        largest = max(largest, process.memory_info().rss)
        time.sleep(0.5)
    return max(largest, process.memory_info().rss)


_WINDOWS = "SELECT sum(queries), uniqExact(user_id) FROM query_windows FINAL"
