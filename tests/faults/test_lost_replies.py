"""An insert that was applied and whose answer was lost is written again, and counts once."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from cli.verification import stored_events
from models.topics import EVENT_TABLES
from storage.connection import ClickHouseAddress, connect
from streams.kafka import KafkaAddress
from tests.faults.lossy_proxy import LossyProxy
from tests.faults.scale import scaled
from tests.integration.test_exactness import history, publish
from tests.oracle import Expected, stored_windows
from tests.worker_process import WorkerProcess, environment, wait_for

pytestmark = [pytest.mark.stack, pytest.mark.long]

EVENTS = scaled(30_000, 120_000)
# What ingestion writes; what the leader's jobs lose makes a failed job, not a failed insert.
TABLES = [*EVENT_TABLES.values(), "query_windows"]


def test_totals_are_exact_when_the_answer_of_every_fifth_insert_is_lost(
    topics: KafkaAddress, database: ClickHouseAddress, group: str, record_property: Callable[[str, object], None]
) -> None:
    sent = history(EVENTS, seed=5)
    expected = Expected()
    expected.add(sent)
    with LossyProxy(database.url, tables=TABLES, every=5, seed=5) as proxy:
        # Small flushes, so that there are many inserts to lose.
        env = environment(topics, database._replace(url=proxy.url), group) | {"ROMASHKA_FLUSH_ROWS": "1000"}
        with WorkerProcess(env) as worker, connect(database) as client:
            worker.wait_until_ready()
            for start in range(0, EVENTS, 3_000):
                publish(topics, sent[start : start + 3_000])
            wait_for(lambda: stored_events(client) == EVENTS, 120, worker.log)
            wait_for(lambda: worker.metric("romashka_consumer_lag") == 0, 60, worker.log)
            assert stored_windows(client) == {key: counted.row() for key, counted in expected.windows.items()}
            assert worker.metric("romashka_insert_failures_total") == proxy.lost > 0
    record_property("figure", f"{proxy.lost} answers lost, {EVENTS:,} events, lost 0, double 0")
