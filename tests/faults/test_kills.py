"""A worker that dies at any moment loses nothing and counts nothing twice."""

from __future__ import annotations

import random
import time
from collections.abc import Callable

import pytest

from cli.verification import stored_events
from models.topics import EVENT_TABLES
from storage.connection import ClickHouseAddress, connect
from streams.kafka import KafkaAddress
from tests.faults.scale import scaled
from tests.integration.test_exactness import history, publish
from tests.oracle import Expected, stored_ids, stored_windows
from tests.worker_process import WorkerProcess, wait_for

pytestmark = [pytest.mark.stack, pytest.mark.long, pytest.mark.kafka, pytest.mark.timeout(scaled(600, 5_400))]

EVENTS = scaled(60_000, 200_000)
KILLS = scaled(3, 50)


def test_numbers_are_exact_when_one_of_two_workers_is_killed_again_and_again(
    env: dict[str, str],
    topics: KafkaAddress,
    database: ClickHouseAddress,
    record_property: Callable[[str, object], None],
) -> None:
    sent = history(EVENTS, seed=7)
    expected = Expected()
    expected.add(sent)
    rng = random.Random(7)
    slices = [sent[i * EVENTS // KILLS : (i + 1) * EVENTS // KILLS] for i in range(KILLS)]
    with WorkerProcess(env) as steady, WorkerProcess(env) as victim, connect(database) as client:
        steady.wait_until_ready()
        victim.wait_until_ready()
        for part in slices:
            publish(topics, part)
            time.sleep(rng.uniform(0.2, 3.0))  # the kill may come at any moment of the work
            victim.kill()
            victim.start()
        victim.wait_until_ready()
        wait_for(lambda: stored_events(client) == EVENTS, 180, lambda: steady.log() + victim.log())
        counted = "SELECT sum(queries) FROM query_windows FINAL"
        total = sum(row.queries for row in expected.windows.values())
        wait_for(lambda: client.query(counted).result_rows[0][0] == total, 60, steady.log)
        for topic, table in EVENT_TABLES.items():
            assert set(stored_ids(client, table)) == expected.ids[topic]
        assert stored_windows(client) == {key: counted.row() for key, counted in expected.windows.items()}
    record_property("figure", f"{KILLS} kills at random moments, {EVENTS:,} events, lost 0, double 0")
