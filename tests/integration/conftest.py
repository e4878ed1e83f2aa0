"""Fixtures of the integration and fault tests: topics of the test's own, and settings for real commands."""

from __future__ import annotations

import time
import uuid

import pytest
from confluent_kafka.admin import AdminClient

from models.topics import ALL
from sinks.connection import ClickHouseAddress
from streams.kafka import KafkaAddress, client_settings, create_topics, missing_topics
from tests.integration.worker_process import environment


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
