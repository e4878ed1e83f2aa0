"""What the rest of the system relies on in the embedded broker, seen through both Kafka clients.

Where it is not like Apache Kafka the test says so, and fails on the day it is.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from typing import Any

import aiokafka
import aiokafka.admin
import pytest
from aiokafka import TopicPartition
from confluent_kafka import Consumer, ConsumerGroupTopicPartitions, Producer, TopicCollection
from confluent_kafka import TopicPartition as ConfluentPartition
from confluent_kafka.admin import AdminClient

from embedded.broker import Broker

pytestmark = pytest.mark.stack

# aiokafka annotates few of its methods.
AIOKafkaConsumer: Any = aiokafka.AIOKafkaConsumer
AIOKafkaProducer: Any = aiokafka.AIOKafkaProducer
AIOKafkaAdminClient: Any = aiokafka.admin.AIOKafkaAdminClient
NewTopic: Any = aiokafka.admin.NewTopic

TOPIC = "facts"
FIRST = TopicPartition(TOPIC, 0)
SECONDS = 30
GROUP = {"session_timeout_ms": 6000, "rebalance_timeout_ms": 6000, "heartbeat_interval_ms": 1000}


@pytest.fixture(scope="module")
def broker() -> Iterator[Broker]:
    with Broker() as running:
        yield running


@pytest.fixture
async def admin(broker: Broker) -> AsyncIterator[Any]:
    client = AIOKafkaAdminClient(bootstrap_servers=broker.bootstrap)
    await client.start()
    yield client
    await client.close()


@pytest.fixture
async def topic(admin: Any) -> AsyncIterator[str]:
    await admin.create_topics([NewTopic(TOPIC, 3, 1, topic_configs={"retention.ms": "86400000"})])
    yield TOPIC
    await admin.delete_topics([TOPIC])


@pytest.fixture
async def producer(broker: Broker) -> AsyncIterator[Any]:
    client = AIOKafkaProducer(
        bootstrap_servers=broker.bootstrap, enable_idempotence=False, linger_ms=20, max_request_size=20_000_000
    )
    await client.start()
    yield client
    await client.stop()


async def send(producer: Any, count: int, timestamp_ms: int | None = None) -> None:
    """Send messages to the first partition, in one batch."""
    sent = [
        await producer.send(TOPIC, b"%d" % number, partition=0, timestamp_ms=timestamp_ms) for number in range(count)
    ]
    await asyncio.gather(*sent)


async def receive(consumer: Any, count: int) -> list[bytes]:
    values: list[bytes] = []
    async with asyncio.timeout(SECONDS):
        while len(values) < count:
            for messages in (await consumer.getmany(timeout_ms=200)).values():
                values += [message.value for message in messages]
    return values


def test_the_cluster_has_the_id_that_the_broker_was_started_with(broker: Broker) -> None:
    assert (
        AdminClient({"bootstrap.servers": broker.bootstrap}).list_topics(timeout=SECONDS).cluster_id
        == broker.cluster_id
    )


async def test_a_topic_has_the_partitions_and_settings_it_was_made_with(broker: Broker, admin: Any, topic: str) -> None:
    described = await admin.describe_topics([topic])
    again = await admin.create_topics([NewTopic(topic, 3, 1)])

    assert len(described[0]["partitions"]) == 3
    assert again.topic_errors[0][1] == 36  # TOPIC_ALREADY_EXISTS


async def test_a_topic_made_again_has_another_id_and_starts_empty(
    broker: Broker, admin: Any, topic: str, producer: Any
) -> None:
    confluent = AdminClient({"bootstrap.servers": broker.bootstrap})

    def topic_id() -> str:
        (found,) = confluent.describe_topics(TopicCollection([topic]), request_timeout=SECONDS).values()
        return str(found.result().topic_id)

    before = topic_id()
    await send(producer, 3)
    assert topic_id() == before
    await admin.delete_topics([topic])
    await admin.create_topics([NewTopic(topic, 3, 1)])

    assert topic_id() != before
    consumer = AIOKafkaConsumer(bootstrap_servers=broker.bootstrap)
    await consumer.start()
    assert await consumer.end_offsets([FIRST]) == {FIRST: 0}
    await consumer.stop()


async def test_messages_of_ten_megabytes_pass(broker: Broker, topic: str, producer: Any) -> None:
    large = b"x" * 10_000_000
    await producer.send_and_wait(TOPIC, large, partition=0)

    consumer = AIOKafkaConsumer(bootstrap_servers=broker.bootstrap)
    await consumer.start()
    consumer.assign([FIRST])
    await consumer.seek_to_beginning(FIRST)

    assert await receive(consumer, 1) == [large]
    await consumer.stop()


async def test_the_high_watermark_is_right_where_the_latest_offset_is_not(
    broker: Broker, topic: str, producer: Any
) -> None:
    """The answer to ListOffsets counts the last batch as one message and knows no times; a fetch tells the truth."""
    await send(producer, 10, timestamp_ms=1_000)
    await send(producer, 10, timestamp_ms=2_000)
    consumer = AIOKafkaConsumer(bootstrap_servers=broker.bootstrap)
    await consumer.start()
    consumer.assign([FIRST])

    assert await consumer.end_offsets([FIRST]) == {FIRST: 11}  # Apache Kafka: 20
    assert (await consumer.offsets_for_times({FIRST: 2_000}))[FIRST].offset == 0  # Apache Kafka: 10
    assert await consumer.beginning_offsets([FIRST]) == {FIRST: 0}
    await consumer.seek_to_beginning(FIRST)
    await receive(consumer, 20)
    assert consumer.highwater(FIRST) == 20
    await consumer.stop()


async def test_a_groups_commit_is_kept_while_the_group_is_empty(broker: Broker, topic: str, producer: Any) -> None:
    await send(producer, 10)
    options = {"bootstrap_servers": broker.bootstrap, "group_id": "kept", "enable_auto_commit": False}
    member = AIOKafkaConsumer(TOPIC, auto_offset_reset="earliest", **options, **GROUP)
    await member.start()
    await receive(member, 10)
    await member.commit({FIRST: 4})
    await member.stop()

    later = AIOKafkaConsumer(**options)
    await later.start()
    later.assign([FIRST])
    assert await later.committed(FIRST) == 4
    assert await receive(later, 6) == [b"%d" % number for number in range(4, 10)]
    await later.stop()


@pytest.mark.long
@pytest.mark.parametrize("idempotence", [False, True])
def test_the_other_client_produces_consumes_and_commits(broker: Broker, idempotence: bool) -> None:
    topic, group = f"confluent-{idempotence}", f"group-{idempotence}"
    failures: list[object] = []
    producer = Producer({"bootstrap.servers": broker.bootstrap, "enable.idempotence": idempotence})
    for number in range(100):
        producer.produce(topic, b"%d" % number, partition=0, on_delivery=lambda error, _: failures.append(error))
    assert producer.flush(SECONDS) == 0
    assert failures == [None] * 100

    settings = {"session.timeout.ms": 6000, "auto.offset.reset": "earliest", "enable.auto.commit": False}
    consumer = Consumer({"bootstrap.servers": broker.bootstrap, "group.id": group, **settings})
    consumer.subscribe([topic])
    received: list[bytes | None] = []
    deadline = time.monotonic() + SECONDS
    while len(received) < 100 and time.monotonic() < deadline:
        received += [message.value() for message in consumer.consume(100, 0.2) if message.error() is None]
    assert received == [b"%d" % number for number in range(100)]
    consumer.commit(offsets=[ConfluentPartition(topic, 0, 77)], asynchronous=False)
    consumer.close()

    admin = AdminClient({"bootstrap.servers": broker.bootstrap})
    wanted = ConsumerGroupTopicPartitions(group, [ConfluentPartition(topic, 0)])
    (found,) = admin.list_consumer_group_offsets([wanted], request_timeout=SECONDS).values()
    assert [partition.offset for partition in found.result().topic_partitions] == [77]
