"""What Kafka refuses, by size or by rights, is said with the reason, and takes nothing else with it."""

from __future__ import annotations

import asyncio
import json
import logging
import os
from collections.abc import Iterator

import pytest
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient
from confluent_kafka.admin._acl import AclBindingFilter, AclOperation, AclPermissionType
from confluent_kafka.admin._config import AlterConfigOpType, ConfigEntry, ConfigResource
from confluent_kafka.admin._resource import ResourcePatternType, ResourceType
from confluent_kafka.cimpl import NewTopic

from cli.verification import stored_events
from collector.publisher import EventMessage, KafkaPublisher
from models.errors import RomashkaError, Unreachable
from storage.connection import ClickHouseAddress, connect
from streams.bulk_producer import BulkProducer, OutgoingMessage
from streams.kafka import KafkaAddress, create_topics
from streams.kafka_rights import check_worker_rights
from tests.integration.test_main_path import TENANT, query
from tests.kafka import artifacts
from tests.kafka.secured import USER, WITHOUT_RIGHTS, Secured, secured_kafka
from tests.kafka.test_security import settings_of
from tests.kafka_topic import records
from tests.worker_process import WorkerProcess, environment, romashka, wait_for

pytestmark = [
    pytest.mark.kafka,
    pytest.mark.long,
    pytest.mark.skipif(
        "ROMASHKA_TEST_KAFKA" not in os.environ or not artifacts.is_fetched(),
        reason="starts an Apache Kafka of its own; `make test-kafka` runs it",
    ),
]
QUERIES, GROUP = "integration.queries.v1", "workers"
WITHDRAWN = {
    "READ on topic integration.health.v1": (ResourceType.TOPIC, "integration.health.v1"),
    f"READ on group {GROUP}": (ResourceType.GROUP, GROUP),
}


@pytest.fixture(scope="module")
def secured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Secured]:
    with secured_kafka(tmp_path_factory.mktemp("certificates")) as running:
        create_topics(KafkaAddress(running.plain))
        admin = AdminClient({"bootstrap.servers": running.plain})
        small = NewTopic("small", 1, 1, config={"max.message.bytes": "20000"})
        admin.create_topics([small])["small"].result()
        yield running


def grant(secured: Secured) -> None:
    env = {**os.environ, "ROMASHKA_KAFKA_BOOTSTRAP": secured.plain, "ROMASHKA_KAFKA_GROUP": GROUP}
    romashka(env, "access", "kafka", "--worker", USER)


def clean_up(secured: Secured, policy: str) -> None:
    entry = ConfigEntry("cleanup.policy", policy, incremental_operation=AlterConfigOpType.SET)
    topic = ConfigResource(ConfigResource.Type.TOPIC, QUERIES, incremental_configs=[entry])
    admin = AdminClient({"bootstrap.servers": secured.plain})
    admin.incremental_alter_configs([topic])[topic].result()


@pytest.mark.parametrize("right", WITHDRAWN)
def test_a_right_that_is_withdrawn_from_a_running_worker_is_named_and_nothing_is_lost(
    secured: Secured, database: ClickHouseAddress, right: str
) -> None:
    grant(secured)
    address = secured.address("CLEAR")
    env = environment(address, database, GROUP) | settings_of(address)
    admin = AdminClient({"bootstrap.servers": secured.plain})
    producer = Producer({"bootstrap.servers": secured.plain, "partitioner": "murmur2_random"})
    with WorkerProcess(env) as worker, connect(database) as client:
        worker.wait_until_ready()
        kind, name = WITHDRAWN[right]
        rule = AclBindingFilter(
            kind,
            name,
            ResourcePatternType.LITERAL,
            f"User:{USER}",
            "*",
            AclOperation.READ,
            AclPermissionType.ALLOW,
        )
        withdrawn = admin.delete_acls([rule])
        assert all(future.result() for future in withdrawn.values())
        for _ in range(20):
            producer.produce(QUERIES, json.dumps(query()), key=TENANT)
        assert producer.flush(30) == 0
        assert worker.exit_code(30) == 1
        assert f"does not give user {USER} what a worker needs: {right}" in worker.log()
        assert "nexpected" not in worker.log()
        grant(secured)
        worker.start().wait_until_ready()
        wait_for(lambda: stored_events(client) >= 20, 60, worker.log)


def test_a_worker_sees_with_its_rights_that_a_topic_is_compacted(secured: Secured) -> None:
    """It read on: Kafka does not say so to a user who may not see a topic's settings."""
    grant(secured)
    clean_up(secured, "compact")
    with pytest.raises(RomashkaError, match=f"Kafka compacts {QUERIES}:"):
        check_worker_rights(secured.address("CLEAR"), GROUP)
    clean_up(secured, "delete")
    check_worker_rights(secured.address("CLEAR"), GROUP)


@pytest.mark.parametrize("command", ["doctor", "worker"])
def test_a_user_who_may_not_see_the_topics_is_not_only_told_to_make_them(
    secured: Secured, database: ClickHouseAddress, command: str
) -> None:
    address = secured.address("CLEAR", user=WITHOUT_RIGHTS)
    printed = romashka(environment(address, database, GROUP) | settings_of(address), command, expect=1)
    assert f"lacks {QUERIES}" in " ".join(printed.split())
    assert f"or let user '{WITHOUT_RIGHTS}' see them" in " ".join(printed.split())


async def test_an_event_that_is_too_large_for_its_topic_does_not_keep_others_from_the_collector(
    secured: Secured, caplog: pytest.LogCaptureFixture
) -> None:
    publisher = KafkaPublisher(KafkaAddress(secured.plain))
    sizes = [600] * 100 + [30_000] + [600] * 100
    with caplog.at_level(logging.WARNING, "collector.publisher"):
        taken = await publisher.publish([EventMessage("small", b"k", os.urandom(size)) for size in sizes], ())
    await asyncio.to_thread(publisher.close)
    assert [size for size, ok in zip(sizes, taken, strict=True) if not ok] == [30_000]
    assert "larger than the topic takes: raise the topic's max.message.bytes" in caplog.text


def test_messages_that_are_too_large_are_counted_and_the_others_published(secured: Secured) -> None:
    before = len(records(secured.plain, "small"))
    with BulkProducer(KafkaAddress(secured.plain)) as producer:
        for size in (600, 30_000, 2_000_000, *[600] * 99):
            producer.send(OutgoingMessage("small", b"k", os.urandom(size)))
        with pytest.raises(Unreachable, match=r"did not take 2 messages.*too large"):
            producer.flush()
        producer._failure = None
    assert len(records(secured.plain, "small")) == before + 100
