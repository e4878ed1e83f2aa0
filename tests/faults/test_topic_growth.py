"""Partitions are added while events arrive, workers die, and producers still use the old ones: totals stay exact."""

from __future__ import annotations

import random
import subprocess
import time
from collections.abc import Callable, Sequence

import pytest

from cli.verification import stored_events
from jobs.roll_ups import refresh
from models.topics import EVENT_TABLES, QUERIES
from storage.connection import ClickHouseAddress, connect
from streams.bulk_producer import BulkProducer, OutgoingMessage
from streams.java_partitioner import home_partitions
from streams.kafka import KafkaAddress, partition_count
from tests.faults.scale import only_on_apache_kafka, scaled
from tests.integration.test_exactness import history, publish
from tests.oracle import Expected, Message, hours, stored_ids, stored_windows
from tests.worker_process import ROMASHKA, WorkerProcess, romashka, wait_for

pytestmark = [
    pytest.mark.stack,
    pytest.mark.long,
    pytest.mark.kafka,
    pytest.mark.timeout(scaled(600, 1_800)),
    only_on_apache_kafka,  # the embedded broker adds no partitions; tests/properties/test_topic_growth.py runs there
]

EVENTS = scaled(20_000, 200_000)
BEFORE, AFTER = 8, 24
GROW = ("topics", "grow", "--partitions", str(AFTER))


def publish_by_the_old_layout(kafka: KafkaAddress, messages: Sequence[Message]) -> None:
    """Publish as a producer that has not heard of the new partitions."""
    home_of = home_partitions(BEFORE)
    with BulkProducer(kafka) as producer:
        for topic, key, value in messages:
            producer.send(OutgoingMessage(topic, key, value, home_of(key)))


def test_numbers_are_exact_while_partitions_are_added(
    env: dict[str, str],
    topics: KafkaAddress,
    database: ClickHouseAddress,
    record_property: Callable[[str, object], None],
) -> None:
    rng = random.Random(18)
    sent = history(EVENTS, seed=18)
    repeated = rng.sample(sent[: EVENTS // 2], EVENTS // 100)
    parts = [sent[i * EVENTS // 10 : (i + 1) * EVENTS // 10] for i in range(10)]
    expected = Expected()
    expected.add(sent)
    with WorkerProcess(env) as steady, WorkerProcess(env) as victim, connect(database) as client:
        steady.wait_until_ready()
        victim.wait_until_ready()
        for part in parts[:4]:
            publish(topics, part)
        victim.kill()
        victim.start()
        publish(topics, parts[4])

        # The command dies on its way, a worker while it drains, and producers go on meanwhile.
        with subprocess.Popen([ROMASHKA, *GROW], env=env, stdout=subprocess.DEVNULL) as command:
            time.sleep(rng.uniform(1.0, 3.0))
            victim.kill()
            command.kill()
        publish(topics, parts[5])
        victim.start()
        began = time.monotonic()
        with subprocess.Popen([ROMASHKA, *GROW], env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as command:
            publish_by_the_old_layout(topics, parts[6])
            printed = command.communicate(timeout=300)[0].decode()
        grown = time.monotonic() - began
        assert command.returncode == 0, printed + steady.log()
        assert partition_count(topics, QUERIES) == AFTER
        assert "partitions already, and keys are spread" in romashka(env, *GROW)

        publish_by_the_old_layout(topics, [*parts[7], *repeated[::2]])
        victim.kill()
        victim.start()
        publish(topics, [*parts[8], *repeated[1::2], *parts[9], *repeated[::2]])

        def why() -> str:
            return steady.log() + victim.log()

        wait_for(lambda: stored_events(client) == EVENTS, 300, why)
        windows = {key: counted.row() for key, counted in expected.windows.items()}
        wait_for(lambda: stored_windows(client) == windows, 120, why)
        for topic, table in EVENT_TABLES.items():
            stored = stored_ids(client, table)
            assert len(stored) == len(set(stored))
            assert set(stored) == expected.ids[topic]
        refresh(client)
        assert stored_windows(client, "query_hours", "hour_start") == hours(expected.windows)
        counting = "SELECT count(DISTINCT partition) FROM query_windows WHERE partition >= 8"
        assert client.query(counting).result_rows[0][0] > 0
        assert client.query("SELECT count() FROM dead_letters FINAL").result_rows[0][0] == 0
    record_property(
        "figure",
        f"partitions {BEFORE} to {AFTER} in {grown:.1f} s under load, 3 kills of a worker, 1 of the command, "
        f"{EVENTS:,} events, 1% sent twice, a fifth by the old layout: lost 0, double 0",
    )
