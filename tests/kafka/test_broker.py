"""The launched Apache Kafka itself: fault tests rely on what is shown here."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

import psutil
import pytest
from confluent_kafka import Consumer, Producer, TopicCollection
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from models.errors import Unreachable
from tests.kafka import artifacts
from tests.kafka.broker import ApacheKafka

pytestmark = [
    pytest.mark.kafka,
    pytest.mark.skipif(
        "ROMASHKA_TEST_KAFKA" not in os.environ or not artifacts.is_fetched(),
        reason="starts an Apache Kafka of its own; `make test-kafka` runs it",
    ),
]


def client(kafka: ApacheKafka) -> dict[str, str | int | float | bool]:
    return {"bootstrap.servers": kafka.bootstrap, "reconnect.backoff.max.ms": 200, "log_level": 0}


def topic_id(admin: AdminClient, topic: str) -> str:
    return str(admin.describe_topics(TopicCollection([topic]))[topic].result().topic_id)


def produce(kafka: ApacheKafka, topic: str, value: bytes) -> None:
    producer = Producer(client(kafka))
    producer.produce(topic, value)
    assert producer.flush(30) == 0


def test_a_restart_keeps_address_topics_messages_and_committed_offsets() -> None:
    with ApacheKafka() as kafka:
        admin = AdminClient(client(kafka))
        admin.create_topics([NewTopic("kept", 1, 1)])["kept"].result()
        produce(kafka, "kept", b"first")
        assert consume_one(kafka) == b"first"
        address, identity = kafka.bootstrap, topic_id(admin, "kept")

        kafka.restart()

        assert (kafka.bootstrap, topic_id(admin, "kept")) == (address, identity)
        produce(kafka, "kept", b"second")
        assert consume_one(kafka) == b"second"


def consume_one(kafka: ApacheKafka) -> bytes | None:
    """Return the next message of the group, and commit it."""
    consumer = Consumer({**client(kafka), "group.id": "readers", "auto.offset.reset": "earliest"})
    consumer.subscribe(["kept"])
    try:
        message = consumer.poll(30)
        assert message is not None
        assert message.error() is None
        consumer.commit(message=message, asynchronous=False)
        return message.value()
    finally:
        consumer.close()


def test_after_the_context_nothing_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with ApacheKafka() as kafka:
        assert list(tmp_path.iterdir())
    assert not list(tmp_path.iterdir())
    host, port = kafka.bootstrap.split(":")
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((host, int(port)))


def test_a_broker_that_cannot_start_shows_the_end_of_its_log() -> None:
    kafka = ApacheKafka()
    host, port = kafka.bootstrap.split(":")
    with (
        socket.create_server((host, int(port))),
        pytest.raises(Unreachable, match=r"(?s)ended with code 1.*Address already in use"),
        kafka,
    ):
        pytest.fail("it started on a port that was taken")


def test_the_broker_ends_when_the_process_that_started_it_is_killed(tmp_path: Path) -> None:
    program = "from tests.kafka.broker import ApacheKafka\nwith ApacheKafka(): print('up', flush=True); input()"
    with subprocess.Popen(
        [sys.executable, "-c", program],
        env={**os.environ, "TMPDIR": str(tmp_path)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as parent:
        assert parent.stdout is not None
        assert parent.stdout.readline() == b"up\n"
        started = psutil.Process(parent.pid).children(recursive=True)
        assert "java" in {process.name() for process in started}
        parent.kill()
        _, alive = psutil.wait_procs(started, timeout=30)
    for process in alive:
        process.kill()
    assert not alive
