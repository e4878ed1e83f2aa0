"""An answer of 202 is a promise: whatever is killed meanwhile, the event is in the topic."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from collector.access import add_producer_key
from storage.connection import ClickHouseAddress, connect
from streams.kafka import KafkaAddress, create_topics
from tests.integration.test_collector import QUERIES, collecting
from tests.kafka import artifacts
from tests.kafka.broker import ApacheKafka
from tests.kafka_topic import records
from tests.unit.collector.sending import ACME, query
from tests.worker_process import SECRET, environment

pytestmark = [
    pytest.mark.stack,
    pytest.mark.kafka,
    pytest.mark.skipif(
        "ROMASHKA_TEST_KAFKA" not in os.environ or not artifacts.is_fetched(),
        reason="kills an Apache Kafka of its own, which keeps its log; `make test-kafka` runs it",
    ),
]


class Sender(threading.Thread):
    """Posts batch after batch, each again until it is taken, and notes what was accepted."""

    def __init__(self, url: str, key: str) -> None:
        super().__init__(daemon=True)
        self._client = httpx.Client(base_url=url, headers={"Authorization": f"Bearer {key}"}, timeout=30)
        self.accepted: set[str] = set()
        self.answers: dict[int, int] = {}
        self.stopping = threading.Event()

    def run(self) -> None:
        while not self.stopping.is_set():
            batch = [query(ACME, created_at=datetime.now(UTC).isoformat()) for _ in range(20)]
            while batch and not self.stopping.is_set():
                batch = self._post(batch)
        self._client.close()

    def _post(self, batch: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Return what to send again."""
        try:
            answer = self._client.post("/v1/events?topic=queries", json=batch)
        except httpx.TransportError:  # the collector was killed: the same again
            self.answers[0] = self.answers.get(0, 0) + 1
            time.sleep(0.1)
            return batch
        self.answers[answer.status_code] = self.answers.get(answer.status_code, 0) + 1
        verdicts = answer.json().get("events")
        if verdicts is None:
            return batch
        taken = [one["status"] == "accepted" for one in verdicts]
        self.accepted.update(event["event_id"] for event, ok in zip(batch, taken, strict=True) if ok)
        return [event for event, ok in zip(batch, taken, strict=True) if not ok]


def test_every_event_that_was_accepted_is_in_the_topic_though_broker_and_collector_are_killed(
    database: ClickHouseAddress,
) -> None:
    with connect(database) as client:
        _, key = add_producer_key(
            client, SECRET, tenants=[ACME], all_tenants=False, topics=[], label="t", now=datetime.now(UTC)
        )
    with ApacheKafka() as kafka:
        create_topics(KafkaAddress(kafka.bootstrap))
        env = {
            **environment(KafkaAddress(kafka.bootstrap), database, "unused"),
            "ROMASHKA_COLLECTOR_DELIVERY_SECONDS": "2",
        }
        with collecting(env, "collector") as url:
            senders = [Sender(url, key) for _ in range(4)]
            for sender in senders:
                sender.start()
            _wait_for_more(senders)
            os.kill(kafka.pid, signal.SIGKILL)
            time.sleep(3)
            kafka.restart()
            _wait_for_more(senders)
            for sender in senders:
                sender.stopping.set()
            for sender in senders:
                sender.join(60)
        accepted = {event_id for sender in senders for event_id in sender.accepted}
        stored = [json.loads(value)["event_id"] for _, value in records(kafka.bootstrap, QUERIES)]
    answers = [sender.answers for sender in senders]
    assert any(503 in one for one in answers), answers
    assert len(accepted) > 100, answers
    assert accepted <= set(stored)


def _wait_for_more(senders: list[Sender]) -> None:
    before = sum(len(sender.accepted) for sender in senders)
    deadline = time.monotonic() + 120
    while sum(len(sender.accepted) for sender in senders) < before + 100:
        assert time.monotonic() < deadline, "nothing is accepted after the broker came back"
        time.sleep(0.1)


def test_a_collector_that_is_killed_had_delivered_all_that_it_accepted(
    env: dict[str, str], kafka: KafkaAddress, database: ClickHouseAddress
) -> None:
    with connect(database) as client:
        _, key = add_producer_key(
            client, SECRET, tenants=[ACME], all_tenants=False, topics=[], label="t", now=datetime.now(UTC)
        )
    command = [sys.executable, "-m", "cli.main", "collector", "--port", "0"]
    with subprocess.Popen(command, env=env, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        line = next(line for line in process.stderr if "collecting on" in line)
        senders = [Sender(line.split()[2].removesuffix("/v1/events"), key) for _ in range(2)]
        for sender in senders:
            sender.start()
        _wait_for_more(senders)
        process.kill()
        for sender in senders:
            sender.stopping.set()
        for sender in senders:
            sender.join(60)
    accepted = {event_id for sender in senders for event_id in sender.accepted}
    assert accepted <= {json.loads(value)["event_id"] for _, value in records(kafka.bootstrap, QUERIES)}
