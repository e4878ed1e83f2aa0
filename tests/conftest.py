"""Fixtures that more than one kind of test uses: a Kafka broker, a ClickHouse database, fresh names in both."""

from __future__ import annotations

import os
import time
import uuid
from collections.abc import Iterator

import pytest
from confluent_kafka.admin import AdminClient

from embedded.broker import Broker
from embedded.database import Database
from models.topics import ALL
from storage.connection import ClickHouseAddress
from streams.kafka import KafkaAddress, client_settings, create_topics, missing_topics
from tests.scheduling import FilesAndWeek
from tests.spare_databases import SpareDatabases, unused
from tests.worker_process import environment

os.environ["COLUMNS"] = "120"  # or printed lines would break where the terminal of whoever runs the tests ends


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> FilesAndWeek | None:
    """Say how the tests are shared out among processes."""
    return FilesAndWeek(config, log) if config.getvalue("dist") == "loadfile" else None


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
    """URL of a ClickHouse, with its user: that of ROMASHKA_TEST_CLICKHOUSE where it is set, else the embedded one."""
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
    return unused(clickhouse_url)


@pytest.fixture(scope="session")
def spare_databases(clickhouse_url: str) -> SpareDatabases:
    """Where migrated databases come from."""
    return SpareDatabases(clickhouse_url)


@pytest.fixture
def database(spare_databases: SpareDatabases) -> Iterator[ClickHouseAddress]:
    """A migrated database of the test's own."""
    lent = spare_databases.lend()
    yield lent
    spare_databases.take_back(lent)


@pytest.fixture
def topics(kafka: KafkaAddress) -> KafkaAddress:
    """Empty topics: those that are there are deleted and made again."""
    admin = AdminClient(client_settings(kafka))
    there = {topic.name for topic in ALL} - {topic.name for topic in missing_topics(kafka)}
    for future in (admin.delete_topics(list(there)) if there else {}).values():
        future.result()
    deadline = time.monotonic() + 30
    while len(missing_topics(kafka)) < len(ALL):
        assert time.monotonic() < deadline, "Kafka did not delete the topics"
        time.sleep(0.1)
    create_topics(kafka)
    return kafka


@pytest.fixture
def group() -> str:
    """A consumer group of the test's own."""
    return f"test-{uuid.uuid4().hex[:8]}"


@pytest.fixture
def env(topics: KafkaAddress, database: ClickHouseAddress, group: str) -> dict[str, str]:
    """Settings for commands on empty topics and a fresh database."""
    return environment(topics, database, group)
