"""Fixtures that more than one kind of test uses: a Kafka broker, a ClickHouse database, fresh names in both."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator

import pytest

from embedded.broker import Broker
from embedded.database import Database
from sinks.connection import ClickHouseAddress
from sinks.migrations import migrate
from streams.kafka import KafkaAddress


@pytest.fixture(scope="session")
def kafka_bootstrap() -> Iterator[str]:
    """host:port of a broker: that of ROMASHKA_TEST_KAFKA where it is set, else the embedded one."""
    if given := os.environ.get("ROMASHKA_TEST_KAFKA"):
        yield given
        return
    with Broker() as broker:
        yield broker.bootstrap


@pytest.fixture(scope="session")
def clickhouse_url() -> Iterator[str]:
    """URL of a ClickHouse: that of ROMASHKA_TEST_CLICKHOUSE where it is set, else the embedded one."""
    if given := os.environ.get("ROMASHKA_TEST_CLICKHOUSE"):
        yield given
        return
    with Database() as database:
        yield database.url


@pytest.fixture
def kafka(kafka_bootstrap: str) -> KafkaAddress:
    """Where Kafka is."""
    return KafkaAddress(kafka_bootstrap)


@pytest.fixture
def empty_database(clickhouse_url: str) -> ClickHouseAddress:
    """A database name that nothing has used yet."""
    return ClickHouseAddress(clickhouse_url, f"test_{uuid.uuid4().hex[:12]}")


@pytest.fixture
def database(empty_database: ClickHouseAddress) -> ClickHouseAddress:
    """A migrated database of the test's own."""
    migrate(empty_database)
    return empty_database
