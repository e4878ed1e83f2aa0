"""Events of an experiment through Kafka, a worker and ClickHouse to its result."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from confluent_kafka import Producer

from jobs.roll_ups import refresh as roll_up
from kpis.scope import ALL_TENANTS, Scope
from storage.connection import ClickHouseAddress, connect
from storage.experiment_store import experiments
from streams.kafka import KafkaAddress
from tests.experiment_lab import DATA, MONTH, SHOP, arms_of, events_of, true_effect
from tests.worker_process import WorkerProcess, romashka, wait_for

pytestmark = pytest.mark.stack


@pytest.mark.long
@pytest.mark.kafka
def test_events_of_a_broker_become_an_interval_that_holds_the_true_effect(
    env: dict[str, str], topics: KafkaAddress, database: ClickHouseAddress
) -> None:
    end = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    world = replace(MONTH, start=end - timedelta(days=9), end=end, tenants=(SHOP,), rate=0.002)
    messages = events_of(world)
    producer = Producer({"bootstrap.servers": topics.bootstrap})
    for topic, key, value in messages:
        producer.produce(topic, value, key=key)
    assert producer.flush(30) == 0
    inside = arms_of(messages, DATA.name)
    everything = Scope(end - timedelta(days=30), end, ALL_TENANTS)
    with WorkerProcess(env) as worker, connect(database) as client:

        def arrived() -> int:
            found = [one for one in experiments(client, everything) if one.experiment == DATA.name]
            return sum(sum(one.conversations.values()) for one in found)

        wait_for(lambda: arrived() == len(inside), 90, worker.log)
        roll_up(client)
    found = json.loads(romashka(env, "experiment", "show", DATA.name, "--json"))
    assert sum(found["assignment"]["counts"].values()) == len(inside) > 500
    [conversion] = [one for one in found["effects"] if one["metric"] == "conversion"]
    assert conversion["low"] <= true_effect("converted", world) <= conversion["high"]
