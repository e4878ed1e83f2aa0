"""Apache Kafka and ClickHouse in containers, where a Docker engine answers."""

from __future__ import annotations

import gc
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from docker.errors import DockerException
from testcontainers.community.clickhouse import ClickHouseContainer
from testcontainers.core.container import DockerContainer
from testcontainers.core.docker_client import DockerClient
from testcontainers.core.wait_strategies import LogMessageWaitStrategy

from tests.kafka import artifacts
from tests.kafka.ports import LOOPBACK, free_ports
from tests.kafka.settings import as_environment, broker_settings

# The engine that the embedded database is built from.
_CLICKHOUSE_IMAGE = "clickhouse/clickhouse-server:26.9"


def docker_answers() -> bool:
    """Tell whether a Docker engine answers, at ``DOCKER_HOST`` or where the current Docker context says."""
    answers = False
    with warnings.catch_warnings():
        # docker-py leaves the socket of a failed attempt open, for the garbage collector to find.
        warnings.simplefilter("ignore", ResourceWarning)
        with suppress(DockerException):
            DockerClient(timeout=5).client.close()
            answers = True
        gc.collect()
    return answers


@contextmanager
def kafka_container() -> Iterator[str]:
    """Run Apache Kafka, the version of the pom; yields its bootstrap address.

    testcontainers' own KafkaContainer runs only Confluent's image, which has scripts that Apache's has not.
    """
    container = DockerContainer(f"apache/kafka:{artifacts.kafka_version()}")
    bootstrap = _publish(container, 9092)
    container.env.update(as_environment(broker_settings(":9092", bootstrap, f"{LOOPBACK}:9093")))
    with container.waiting_for(LogMessageWaitStrategy(re.compile("Kafka Server started"))):
        yield bootstrap


@contextmanager
def clickhouse_container() -> Iterator[str]:
    """Run ClickHouse; yields the URL of its HTTP interface, with a user who may manage users and policies."""
    container = ClickHouseContainer(_CLICKHOUSE_IMAGE, port=8123)
    address = _publish(container, 8123)
    with container.with_env("CLICKHOUSE_DEFAULT_ACCESS_MANAGEMENT", "1"):
        yield f"http://{container.username}:{container.password}@{address}"


def _publish(container: DockerContainer, port: int) -> str:
    """Publish a port on loopback only, where testcontainers would take every address; returns ``host:port``."""
    bindings: dict[str, Any] = container.ports  # typed for numbers; the engine's client also takes (address, number)
    bindings[str(port)] = (LOOPBACK, *free_ports(0))
    return f"{LOOPBACK}:{bindings[str(port)][1]}"
