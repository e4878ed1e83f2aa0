"""Kafka, ClickHouse, collector and worker for tests of other languages: a JSON command a line in, an answer a line out.

``python -m tests.typescript.stack`` starts nothing by itself; it stops what it started when its input ends. The broker
is the embedded one, or Apache Kafka with ``ROMASHKA_TEST_BROKER=apache``.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import uuid
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final
from uuid import UUID

from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from collector.access import add_producer_key
from embedded.broker import Broker
from embedded.database import Database
from sinks.migrations import migrate
from storage.connection import connect
from storage.reading import query_rows
from streams.kafka import KafkaAddress, create_topics
from tests.kafka.broker import ApacheKafka
from tests.kafka_topic import records
from tests.spare_databases import unused
from tests.worker_process import ROMASHKA, SECRET, WorkerProcess, environment, romashka, wait_for

_READ_SECONDS: Final = 20.0
_START_SECONDS: Final = 240.0


class Stack:
    """What runs for one test program; each public method is a command."""

    def __init__(self, resources: ExitStack) -> None:
        self._resources = resources
        self._broker: Broker | ApacheKafka | None = None
        self._collector: subprocess.Popen[str] | None = None
        self._collector_port = 0
        self._env: dict[str, str] = {}

    def broker(self) -> dict[str, Any]:
        """Start Kafka with the pipeline's topics."""
        apache = os.environ.get("ROMASHKA_TEST_BROKER") == "apache"
        broker: Broker | ApacheKafka = ApacheKafka() if apache else Broker()
        self._resources.enter_context(broker)
        self._broker = broker
        create_topics(KafkaAddress(broker.bootstrap))
        return {"bootstrap": broker.bootstrap, "keeps": apache}

    def database(self) -> dict[str, Any]:
        """Start ClickHouse with the pipeline's tables."""
        address = unused(self._resources.enter_context(Database()).url)
        migrate(address)
        self._address = address
        self._env = environment(KafkaAddress(self._running_broker().bootstrap), address, f"test-{uuid.uuid4().hex[:8]}")
        return {"url": address.url, "database": address.database}

    def key(self, tenants: list[str] | None = None) -> dict[str, Any]:
        """Make a producer's key, for every tenant unless some are named."""
        with connect(self._address) as client:
            _, shown = add_producer_key(
                client,
                SECRET,
                tenants=[UUID(one) for one in tenants or []],
                all_tenants=not tenants,
                topics=[],
                label="test",
                now=datetime.now(UTC),
            )
        return {"key": shown}

    def collector(self, settings: dict[str, str] | None = None) -> dict[str, Any]:
        """Start the collector, on the port that it had before."""
        env = {**self._env, **(settings or {})}
        command = [str(ROMASHKA), "collector", "--port", str(self._collector_port)]
        process = subprocess.Popen(command, env=env, stderr=subprocess.PIPE, text=True)
        assert process.stderr is not None
        said = ""
        for line in process.stderr:
            said += line
            if found := re.search(r"(http://127\.0\.0\.1:(\d+))/v1", line):
                self._collector, self._collector_port = process, int(found[2])
                self._resources.callback(_end, process)
                return {"url": found[1]}
        raise RuntimeError(said)

    def kill_collector(self) -> None:
        """SIGKILL the collector."""
        assert self._collector is not None
        self._collector.kill()
        self._collector.communicate()

    def kill(self) -> None:
        """SIGKILL the broker."""
        broker = self._running_broker()
        os.kill(broker.pid, signal.SIGKILL)
        broker.stop()

    def restart(self) -> None:
        """Start the broker again: Apache Kafka with its data, the embedded one empty."""
        broker = self._running_broker()
        broker.start()
        create_topics(KafkaAddress(broker.bootstrap))

    def freeze(self) -> None:
        """SIGSTOP the broker: it keeps its connections and answers nothing."""
        os.kill(self._running_broker().pid, signal.SIGSTOP)

    def thaw(self) -> None:
        """SIGCONT the broker."""
        os.kill(self._running_broker().pid, signal.SIGCONT)

    def create(self, topic: str, partitions: int = 3) -> None:
        """Create a topic and wait until each partition has a leader."""
        admin = AdminClient({"bootstrap.servers": self._running_broker().bootstrap, "log_level": 0})
        admin.create_topics([NewTopic(topic, partitions, 1)])[topic].result()
        wait_for(lambda: _is_led(admin, topic, partitions), _READ_SECONDS)

    def topics(self) -> list[str]:
        """List the topics."""
        admin = AdminClient({"bootstrap.servers": self._running_broker().bootstrap, "log_level": 0})
        return sorted(admin.list_topics(timeout=_READ_SECONDS).topics)

    def produce(self, topic: str, keys: list[str]) -> None:
        """Send an empty message for each key as librdkafka partitions it."""
        settings = {"bootstrap.servers": self._running_broker().bootstrap, "partitioner": "murmur2", "log_level": 0}
        producer = Producer(settings)
        for key in keys:
            producer.produce(topic, key=key.encode(), value=b"{}")
        assert producer.flush(_READ_SECONDS) == 0

    def read(self, topic: str, key: str | None = None) -> list[dict[str, Any]]:
        """Read a topic to its end, partition after partition; of one key where it is given."""
        return [
            {
                "key": _text(record.key()),
                "value": _text(record.value()),
                "partition": record.partition(),
                "headers": {name: _text(value) for name, value in _pairs(record.headers())},
            }
            for record in records(self._running_broker().bootstrap, topic, whole=True)
            if key is None or _text(record.key()) == key
        ]

    def worker(self) -> None:
        """Start a worker and wait until it reads."""
        self._resources.enter_context(WorkerProcess(self._env)).wait_until_ready(_START_SECONDS)

    def rows(self, sql: str) -> list[dict[str, Any]]:
        """Return what ClickHouse answers."""
        with connect(self._address) as client:
            return [dict(row) for row in query_rows(client, sql, {})]

    def command(self, arguments: list[str]) -> str:
        """Run a command of ``romashka``; return what it prints."""
        return romashka(self._env, *arguments)

    def _running_broker(self) -> Broker | ApacheKafka:
        assert self._broker is not None, "the broker was not started"
        return self._broker


def _end(process: subprocess.Popen[str]) -> None:
    process.terminate()
    process.communicate(timeout=30)


def _is_led(admin: AdminClient, topic: str, partitions: int) -> bool:
    found = admin.list_topics(topic, timeout=_READ_SECONDS).topics[topic].partitions
    return len(found) == partitions and all(one.leader >= 0 for one in found.values())


def _pairs(headers: Any) -> list[tuple[str, object]]:
    return list(headers or [])


def _text(value: object) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)


def main() -> None:
    """Serve commands until the input ends."""
    with ExitStack() as resources:
        stack = Stack(resources)
        for line in sys.stdin:
            name, arguments = json.loads(line)
            try:
                answer = {"result": getattr(stack, name)(*arguments)}
            except Exception as error:  # noqa: BLE001 - the test program is told
                answer = {"error": f"{type(error).__name__}: {error}"}
            sys.stdout.write(json.dumps(answer, default=str) + "\n")
            sys.stdout.flush()


if __name__ == "__main__":
    os.chdir(Path(__file__).parents[2])
    main()
