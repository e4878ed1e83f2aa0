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
from tests.worker_process import WorkerProcess, wait_for

pytestmark = [pytest.mark.stack, pytest.mark.long, pytest.mark.kafka, pytest.mark.timeout(scaled(600, 5_400))]

TENANTS = scaled(5_000, 1_000_000)
MAX_BYTES = scaled(700_000_000, 1_300_000_000)


def test_a_million_tenants_are_counted_in_bounded_memory(
    env: dict[str, str],
    topics: KafkaAddress,
    database: ClickHouseAddress,
    record_property: Callable[[str, object], None],
) -> None:
    with WorkerProcess(env) as worker, connect(database) as client:
        worker.wait_until_ready()
        process, largest = psutil.Process(worker.pid), 0
        with BulkProducer(topics) as producer:
            for number in range(TENANTS):
                tenant = UUID(int=number + 1)
                value = json.dumps(query() | {"user_id": str(tenant)}).encode()
                producer.send(OutgoingMessage("integration.queries.v1", key_of(tenant), value))
                if number % 10_000 == 0:
                    largest = max(largest, process.memory_info().rss)
        deadline = time.monotonic() + scaled(300, 3_000)
        while stored_events(client) < TENANTS:
            assert time.monotonic() < deadline, worker.log()
            largest = max(largest, process.memory_info().rss)
            time.sleep(0.5)
        wait_for(lambda: client.query(_WINDOWS).result_rows == [(TENANTS, TENANTS)], 60, worker.log)
        largest = max(largest, process.memory_info().rss)
        assert largest < MAX_BYTES
    record_property("figure", f"{TENANTS:,} tenants with an event each, lost 0, double 0, {largest >> 20} MB at most")


_WINDOWS = "SELECT sum(queries), uniqExact(user_id) FROM query_windows FINAL"
