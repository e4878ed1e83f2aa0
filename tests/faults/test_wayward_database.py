"""ClickHouse hangs, has a full disk, is slow: nobody leaves the group, memory is bounded, and every total is exact."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial

import psutil
import pytest
from clickhouse_connect.driver.client import Client

from cli.verification import stored_events
from models.topics import EVENT_TABLES
from storage.connection import ClickHouseAddress, connect
from streams.kafka import KafkaAddress
from tests.faults.scale import scaled
from tests.faults.wayward_proxy import Mood, WaywardProxy
from tests.integration.test_exactness import history, publish
from tests.oracle import Expected, stored_windows
from tests.worker_process import PATIENCE, WorkerProcess, environment, wait_for

pytestmark = [pytest.mark.stack, pytest.mark.long, pytest.mark.kafka, pytest.mark.timeout(scaled(600, 5_400))]

EVENTS = scaled(6_000, 150_000)
SECONDS: dict[Mood, float] = {"hangs": scaled(2.0, 120.0), "full": scaled(2.0, 60.0), "slow": scaled(2.0, 60.0)}
MEMORY = 300_000_000


def _stored(client: Client, events: int) -> bool:
    return stored_events(client) >= events


def test_a_database_that_hangs_is_full_or_is_slow_costs_nothing(
    topics: KafkaAddress, database: ClickHouseAddress, group: str, record_property: Callable[[str, object], None]
) -> None:
    sent = history(EVENTS, seed=15)
    expected = Expected()
    expected.add(sent)
    size = EVENTS // len(SECONDS)
    with WaywardProxy(database.url, tables=[*EVENT_TABLES.values(), "query_windows"]) as proxy:
        env = environment(topics, database._replace(url=proxy.url), group)
        with WorkerProcess(env) as worker, connect(database) as client:
            worker.wait_until_ready()
            before = psutil.Process(worker.pid).memory_info().rss
            largest = 0
            for number, (mood, seconds) in enumerate(SECONDS.items()):
                proxy.mood, proxy.met = mood, 0
                end = time.monotonic() + seconds
                publish(topics, sent[number * size : (number + 1) * size])
                while time.monotonic() < end or not proxy.met:
                    assert time.monotonic() < end + 60 * PATIENCE, worker.log()
                    largest = max(largest, psutil.Process(worker.pid).memory_info().rss - before)
                    time.sleep(0.2)
                failures = worker.metric("romashka_insert_failures_total")
                proxy.mood = "well"
                wait_for(partial(_stored, client, (number + 1) * size), 120, worker.log)
            publish(topics, sent[len(SECONDS) * size :])
            wait_for(lambda: stored_events(client) == EVENTS, 120, worker.log)
            wait_for(lambda: worker.metric("romashka_consumer_lag") == 0, 60, worker.log)
            wait_for(lambda: stored_windows(client) == {k: c.row() for k, c in expected.windows.items()}, 30)
            # Who is evicted reads its open chunks again: then more messages would have been read than there are.
            assert worker.metric("romashka_messages_total") == EVENTS
            assert failures > 0
            assert largest < MEMORY
    lasted = ", ".join(f"{mood} {seconds:.0f} s" for mood, seconds in SECONDS.items())
    record_property("figure", f"{lasted}: {EVENTS:,} events, lost 0, double 0, evicted 0, +{largest >> 20} MB at most")
