"""The clock of a worker's machine jumps an hour ahead and back, and a year behind: nothing is late or rejected."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from clickhouse_connect.driver.client import Client

from cli.verification import stored_events
from models.keys import key_of
from storage.connection import ClickHouseAddress, connect
from streams.bulk_producer import BulkProducer, OutgoingMessage
from streams.kafka import KafkaAddress
from tests.faults.scale import scaled
from tests.integration.test_main_path import query
from tests.worker_process import WorkerProcess, wait_for

pytestmark = [pytest.mark.stack, pytest.mark.long, pytest.mark.kafka, pytest.mark.timeout(900)]

QUERIES, TENANT = "integration.queries.v1", UUID(int=7)
SECONDS_OF_EACH = scaled(4, 60)
_HOUR, _YEAR = 3_600, 365 * 86_400
JUMPS = (0, _HOUR, 0, -_YEAR, 0)


def _stored(client: Client, events: int) -> bool:
    return stored_events(client) == events


def _worker(env: dict[str, str], clock: Path) -> WorkerProcess:
    return WorkerProcess(env, command=[sys.executable, "-m", "tests.faults.jumping_worker", str(clock)])


def test_events_are_judged_as_ever_while_the_machines_clock_jumps(
    env: dict[str, str],
    topics: KafkaAddress,
    database: ClickHouseAddress,
    tmp_path: Path,
    record_property: Callable[[str, object], None],
) -> None:
    clock = tmp_path / "wrong by"
    clock.write_text("0")
    sent = bad = 0
    with _worker(env, clock) as worker, connect(database) as client, BulkProducer(topics) as producer:
        worker.wait_until_ready()
        for wrong in JUMPS:
            clock.write_text(str(wrong))
            end = time.monotonic() + SECONDS_OF_EACH
            while time.monotonic() < end:
                event = query() | {"user_id": str(TENANT), "event_id": str(uuid4())}
                event["created_at"] = datetime.now(UTC).isoformat()
                producer.send(OutgoingMessage(QUERIES, key_of(TENANT), json.dumps(event).encode()))
                sent += 1
                time.sleep(0.1)
            producer.send(OutgoingMessage(QUERIES, key_of(TENANT), b"no JSON"))
            producer.flush()
            bad += 1
            wait_for(partial(_stored, client, sent), 60, worker.log)
        letters = "SELECT count(), countIf(abs(dateDiff('minute', received_at, now())) > 5) FROM dead_letters FINAL"
        wait_for(lambda: client.query(letters).result_rows[0] == (bad, 0), 30, worker.log)
        assert worker.metric("romashka_late_events_total") == 0
        assert worker.metric("romashka_dead_letters_total") == bad
        if SECONDS_OF_EACH > 20:
            assert "365 days behind the worker's" in worker.log()
        assert worker.terminate() == 0
    record_property("figure", f"an hour ahead and back, a year behind and back: {sent} events, late 0, rejected 0")


def test_a_worker_does_not_start_a_year_behind(env: dict[str, str], tmp_path: Path) -> None:
    clock = tmp_path / "wrong by"
    clock.write_text(str(-_YEAR))
    with _worker(env, clock) as worker:
        assert worker.exit_code(60) == 1
        assert "the clocks of this machine and of ClickHouse are 365 days apart" in worker.log()
