"""One partition falls silent while the others go on: its minutes close all the same."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from cli.verification import stored_events
from models.keys import key_of
from storage.connection import ClickHouseAddress, connect
from streams.bulk_producer import BulkProducer, OutgoingMessage
from streams.java_partitioner import home_partitions
from streams.kafka import KafkaAddress
from tests.faults.scale import only_in_full
from tests.integration.test_main_path import query
from tests.worker_process import WorkerProcess

# In the suite: tests/unit/streams/detection/test_minutes.py::test_an_idle_partition_closes_by_the_clock.
pytestmark = [pytest.mark.stack, pytest.mark.kafka, pytest.mark.timeout(1_800), only_in_full]

QUERIES, SILENT = "integration.queries.v1", 3
LATENESS, BOUND = 60.0, 60.0
_HOME = home_partitions(8)
TENANTS = {
    partition: next(i for i in range(1, 999) if _HOME(key_of(UUID(int=i))) == partition) for partition in range(8)
}


def send(producer: BulkProducer, partition: int, at: datetime) -> None:
    tenant = UUID(int=TENANTS[partition])
    event = query() | {"user_id": str(tenant), "created_at": at.isoformat()}
    producer.send(OutgoingMessage(QUERIES, key_of(tenant), json.dumps(event).encode()))


def test_the_minutes_of_a_silent_partition_close(
    env: dict[str, str],
    topics: KafkaAddress,
    database: ClickHouseAddress,
    record_property: Callable[[str, object], None],
) -> None:
    with WorkerProcess(env) as worker, connect(database) as client, BulkProducer(topics) as producer:
        worker.wait_until_ready()
        last = datetime.now(UTC)
        for partition in range(8):
            send(producer, partition, last)
        producer.flush()
        ends = last.replace(second=0, microsecond=0) + timedelta(minutes=1)
        sent = 8
        while _watermark(worker) < ends:
            assert (datetime.now(UTC) - ends).total_seconds() < LATENESS + BOUND, worker.log()
            for partition in range(8):
                if partition != SILENT:
                    send(producer, partition, datetime.now(UTC))
                    sent += 1
            producer.flush()
            time.sleep(1)
        took = (datetime.now(UTC) - ends).total_seconds()
        deadline = time.monotonic() + 30
        while stored_events(client) < sent and time.monotonic() < deadline:
            time.sleep(0.5)
        assert stored_events(client) == sent
    record_property("figure", f"1 of 8 partitions silent: its minute closed {took:.0f} s after its end (lateness 60 s)")


def _watermark(worker: WorkerProcess) -> datetime:
    lines = [line for line in worker.scrape().splitlines() if line.startswith("romashka_watermark_delay_seconds{")]
    delays = [float(line.rsplit(" ", 1)[1]) for line in lines if f'partition="{SILENT}"' in line and QUERIES in line]
    return datetime.now(UTC) - timedelta(seconds=delays[0]) if delays else datetime.fromtimestamp(0, UTC)
