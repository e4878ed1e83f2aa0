"""Why Kafka does not answer, judged without a Kafka: sockets that refuse, close or speak something else."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from confluent_kafka import KafkaError

from models.errors import Unreachable
from streams.kafka import missing_topics
from streams.kafka_address import KafkaAddress
from streams.kafka_reasons import FailureLog, Heard, check_worker_client, unreachable


@contextmanager
def closing_server() -> Iterator[str]:
    """Yield the address of something that closes every connection after what it reads first."""

    def serve() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection:
                connection.recv(4096)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield f"127.0.0.1:{listener.getsockname()[1]}"
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join()


def test_nobody_listening_is_connection_refused() -> None:
    with pytest.raises(Unreachable, match=r"Connection refused.*ROMASHKA_KAFKA_BOOTSTRAP.*romashka embedded"):
        missing_topics(KafkaAddress("127.0.0.1:1"))


def test_tls_with_something_that_speaks_none_names_the_protocol() -> None:
    with closing_server() as at:
        error = unreachable(KafkaAddress(at, "SSL"), Heard())
        assert "speaks no TLS: set ROMASHKA_KAFKA_SECURITY_PROTOCOL to PLAINTEXT" in str(error)


def test_a_port_that_closes_plain_connections_may_want_a_password() -> None:
    with closing_server() as at:
        assert "SECURITY_PROTOCOL=SASL_PLAINTEXT" in str(unreachable(KafkaAddress(at), Heard()))


async def test_the_workers_client_says_why_it_is_not_taken() -> None:
    with pytest.raises(Unreachable, match=r"worker's connection: .*127\.0\.0\.1.*; .*127\.0\.0\.1"):
        await check_worker_client(KafkaAddress("127.0.0.1:1,127.0.0.1:2"))


def test_a_producers_failures_are_logged_once_a_minute() -> None:
    now, lines, told = [0.0], list[str](), threading.Semaphore(0)

    def log(line: str) -> None:
        lines.append(line)
        told.release()

    failures = FailureLog(KafkaAddress("127.0.0.1:1"), log, lambda: now[0])
    failures(KafkaError(KafkaError._TRANSPORT, "one connection ended"))
    for at in (0.0, 30.0, 61.0):
        now[0] = at
        failures(KafkaError(KafkaError._ALL_BROKERS_DOWN, "1/1 brokers are down"))
    assert told.acquire(timeout=10)
    assert told.acquire(timeout=10)
    assert len(lines) == 2
    assert "Connection refused" in lines[0]
