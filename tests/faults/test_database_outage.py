"""The database goes away under load: nothing is lost, memory is bounded, metrics say so, and it goes on by itself."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from cli.verification import stored_events
from embedded.database import Database
from models.topics import EVENT_TABLES
from sinks.migrations import migrate
from storage.connection import ClickHouseAddress, connect
from streams.kafka import KafkaAddress
from tests.faults.scale import scaled
from tests.integration.test_exactness import history, publish
from tests.oracle import Expected, stored_windows
from tests.worker_process import WorkerProcess, environment, wait_for

pytestmark = [pytest.mark.stack, pytest.mark.long, pytest.mark.timeout(scaled(600, 5_400))]

OUTAGE_SECONDS = scaled(10.0, 300.0)
EVENTS = scaled(30_000, 120_000)
# Rows of each topic, and the look at which tenants are known.
WRITERS = len(EVENT_TABLES) + 1


@pytest.fixture
def own_database(tmp_path: Path) -> Iterator[Database]:
    with Database(data_dir=tmp_path / "clickhouse") as database:
        yield database


def test_a_database_that_goes_away_under_load_costs_nothing(
    topics: KafkaAddress, group: str, own_database: Database, record_property: Callable[[str, object], None]
) -> None:
    address = ClickHouseAddress(own_database.url, "outage")
    migrate(address)
    sent = history(EVENTS, seed=11)
    expected = Expected()
    expected.add(sent)
    with WorkerProcess(environment(topics, address, group)) as worker:
        worker.wait_until_ready()
        publish(topics, sent[: EVENTS // 3])
        wait_for(lambda: worker.metric("romashka_rows_written_total") > 0, 30, worker.log)
        assert worker.probe("/ready") == (200, "ok\n")
        before = psutil.Process(worker.pid).memory_info().rss
        own_database.stop()
        gone = time.monotonic()
        publish(topics, sent[EVENTS // 3 :])
        wait_for(lambda: worker.metric("romashka_sink_up") == 0, 30, worker.log)
        assert worker.probe("/ready") == (503, "ClickHouse does not take what is written\n")
        assert worker.probe("/live") == (200, "ok\n"), "a restart would not help"
        time.sleep(max(0.0, OUTAGE_SECONDS - (time.monotonic() - gone)))
        # Each tries again after 1, 2, 4, 8 and then every 10 seconds.
        assert worker.metric("romashka_insert_failures_total") <= WRITERS * (4 + (time.monotonic() - gone) / 10)
        assert psutil.Process(worker.pid).memory_info().rss - before < 300_000_000
        own_database.start()
        with connect(address) as client:
            wait_for(lambda: stored_events(client) == EVENTS, 90, worker.log)
            wait_for(lambda: worker.metric("romashka_consumer_lag") == 0, 30, worker.log)
            assert worker.metric("romashka_sink_up") == 1
            assert worker.probe("/ready") == (200, "ok\n")
            assert stored_windows(client) == {key: counted.row() for key, counted in expected.windows.items()}
    record_property("figure", f"away for {OUTAGE_SECONDS:.0f} s under load, {EVENTS:,} events, lost 0, double 0")
