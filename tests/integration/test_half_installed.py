"""Commands on an installation that is not complete: one line that says what is wrong and what to do."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import uuid4

import pytest
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from embedded.broker import Broker
from models.topics import ALL
from sinks import migrations
from storage.connection import ClickHouseAddress
from streams.kafka import KafkaAddress, _new, client_settings
from tests.worker_process import environment, romashka

pytestmark = pytest.mark.stack
TENANT = str(uuid4())


@pytest.fixture
def empty_kafka() -> Iterator[KafkaAddress]:
    """A broker without topics."""
    with Broker() as broker:
        yield KafkaAddress(broker.bootstrap)


@pytest.mark.parametrize("command", ["worker", "doctor"])
@pytest.mark.parametrize("policy", ["compact", "compact,delete"])
def test_compacted_topics_are_named_before_they_lose_events(
    empty_kafka: KafkaAddress, database: ClickHouseAddress, command: str, policy: str
) -> None:
    """The key is the tenant: a compacted topic keeps one event of each. Both commands accepted it."""
    admin = AdminClient(client_settings(empty_kafka))
    made = admin.create_topics(
        [
            NewTopic(topic.name, num_partitions=8, replication_factor=1, config={"cleanup.policy": policy})
            for topic in ALL
        ]
    )
    for future in made.values():
        future.result()
    printed = romashka(environment(empty_kafka, database, "g"), command, expect=1)
    assert "Kafka compacts integration.queries.v1" in printed
    assert "--add-config cleanup.policy=delete" in printed


def test_topics_are_made_so_that_a_brokers_default_cannot_compact_them() -> None:
    assert {(_new(topic, 1).config or {})["cleanup.policy"] for topic in ALL} == {"delete"}


@pytest.mark.parametrize("command", [["experiment", "list"], ["thresholds", "list"], ["jobs", "run", "churn"]])
def test_a_schema_of_an_earlier_version_is_not_called_a_server_that_does_not_answer(
    kafka: KafkaAddress,
    empty_database: ClickHouseAddress,
    monkeypatch: pytest.MonkeyPatch,
    command: list[str],
) -> None:
    earlier = [one for one in migrations.known() if one.version < 66]
    monkeypatch.setattr(migrations, "known", lambda: earlier)
    migrations.migrate(empty_database)
    printed = " ".join(romashka(environment(kafka, empty_database, "g"), *command, expect=1).split())
    assert "run 'romashka migrate'" in printed
    assert "does not answer" not in printed
    assert "Received ClickHouse exception" not in printed


def test_a_tenant_is_erased_where_kafka_has_no_topics(empty_kafka: KafkaAddress, database: ClickHouseAddress) -> None:
    """It was an unexpected error: librdkafka does not take a question about no topic."""
    printed = romashka(environment(empty_kafka, database, "g"), "privacy", "erase", "--tenant", TENANT, "--yes")
    assert "audit log" in printed


def test_a_broker_without_acls_is_said_to_have_none(empty_kafka: KafkaAddress, database: ClickHouseAddress) -> None:
    """librdkafka aborted the whole command, with exit code 134."""
    printed = romashka(environment(empty_kafka, database, "g"), "access", "kafka", "--worker", "ada", expect=1)
    assert "did not take the rules" in printed
    assert "may do the work" not in printed
    assert "Assertion" not in printed


@pytest.mark.parametrize("name", ["system", "INFORMATION_SCHEMA", 'a"b', "a b", "a;b", "x" * 64])
def test_a_database_that_cannot_be_ours_is_refused_by_the_name_of_its_setting(
    kafka: KafkaAddress, database: ClickHouseAddress, name: str
) -> None:
    env = environment(kafka, database, "g") | {"ROMASHKA_CLICKHOUSE_DATABASE": name}
    assert "ROMASHKA_CLICKHOUSE_DATABASE is not usable" in romashka(env, "migrate", expect=1)
