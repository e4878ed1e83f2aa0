"""Workers come and go, killed or told to stop, while events arrive: nothing is lost and nothing counts twice."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from contextlib import ExitStack

import pytest

from cli.verification import stored_events
from models.topics import EVENT_TABLES
from storage.connection import ClickHouseAddress, connect
from streams.kafka import KafkaAddress
from tests.faults.scale import APACHE, FULL, scaled
from tests.integration.test_exactness import history, publish
from tests.oracle import Expected, stored_ids, stored_windows
from tests.worker_process import WorkerProcess, wait_for

pytestmark = [
    pytest.mark.stack,
    pytest.mark.kafka,
    pytest.mark.timeout(scaled(600, 5_400)),
    # In the suite: test_kills.py, where a worker leaves and comes back five times.
    pytest.mark.skipif(not (FULL or APACHE), reason="starts many workers; `make test-kafka` and `make test-faults`"),
]

CHANGES = scaled(2, 60)
EVERY_SECONDS = scaled(2.0, 5.0)
EVENTS = scaled(6_000, 150_000)
MOST = 3


def test_numbers_are_exact_while_workers_come_and_go(
    env: dict[str, str],
    topics: KafkaAddress,
    database: ClickHouseAddress,
    record_property: Callable[[str, object], None],
) -> None:
    rng = random.Random(13)
    sent = history(EVENTS, seed=13)
    expected = Expected()
    expected.add(sent)
    size, counts = EVENTS // CHANGES, dict.fromkeys(("added", "killed", "stopped"), 0)
    with ExitStack() as running, connect(database) as client:
        steady = running.enter_context(WorkerProcess(env))
        steady.wait_until_ready()
        others: list[WorkerProcess] = []
        for number in range(CHANGES):
            publish(topics, sent[number * size : (number + 1) * size])
            if not others or (len(others) < MOST and rng.random() < 0.5):
                others.append(running.enter_context(WorkerProcess(env)))
                counts["added"] += 1
            else:
                leaving = others.pop(rng.randrange(len(others)))
                if rng.random() < 0.5:
                    leaving.kill()
                    counts["killed"] += 1
                else:
                    leaving.terminate()
                    counts["stopped"] += 1
            time.sleep(EVERY_SECONDS)
        publish(topics, sent[CHANGES * size :])
        wait_for(lambda: stored_events(client) == EVENTS, 240, steady.log)
        for topic, table in EVENT_TABLES.items():
            assert set(stored_ids(client, table)) == expected.ids[topic]
        wait_for(lambda: stored_windows(client) == {key: one.row() for key, one in expected.windows.items()}, 60)
    changes = ", ".join(f"{count} {what}" for what, count in counts.items())
    record_property("figure", f"a change every {EVERY_SECONDS:.0f} s ({changes}), {EVENTS:,} events, lost 0, double 0")
