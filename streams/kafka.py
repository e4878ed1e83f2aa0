"""Kafka administration: topics, their epochs and their retention."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import Any, Final, NamedTuple

from confluent_kafka import Consumer, KafkaException, TopicCollection, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.admin._config import ConfigResource
from confluent_kafka.admin._metadata import TopicMetadata
from confluent_kafka.cimpl import NewTopic

from models.errors import RomashkaError, SettingsError
from models.topics import ALL, INGEST, MESSAGE_BYTES, Topic
from streams.kafka_address import KafkaAddress, client_settings
from streams.kafka_reasons import Heard, refused_settings, unreachable

__all__ = [
    "WORKER_CLIENT",
    "Admin",
    "GroupTiming",
    "KafkaAddress",
    "check_topics",
    "client_settings",
    "create_topics",
    "messages_at",
    "missing_topics",
    "partition_count",
    "topic_epochs",
]

# The name that workers tell Kafka. Its number rises when workers learn a protocol that their whole group has to know:
# 1 knows the layouts of the query topic.
WORKER_CLIENT: Final = "romashka-worker-1"
_ANSWER_SECONDS: Final = 5.0
_ATTEMPT_SECONDS: Final = 0.5  # librdkafka's errors are checked after each attempt
_REFUSALS: Final = {"TOPIC_AUTHORIZATION_FAILED", "GROUP_AUTHORIZATION_FAILED", "CLUSTER_AUTHORIZATION_FAILED"}
_TOPIC_ALREADY_EXISTS: Final = 36


class GroupTiming(NamedTuple):
    """Session time-out and heartbeat of the consumer group, in seconds; the embedded broker needs a session of 6.

    With a unique ``instance_id`` (static membership) a restart within the session time-out moves no partition.
    """

    session: float
    rebalance: float
    heartbeat: float
    instance_id: str = ""


class Admin:
    """An admin client that reports why it fails.

    Raises
    ------
    SettingsError
        The settings cannot be used.
    """

    def __init__(self, address: KafkaAddress) -> None:
        self._address = address
        self._heard = Heard()
        try:
            settings: dict[str, Any] = {**client_settings(address), "error_cb": self._heard}
            self.client = AdminClient(settings)
        except KafkaException as error:
            raise SettingsError(f"Kafka's client does not take the settings: {refused_settings(error)}") from error

    def topics(self) -> dict[str, TopicMetadata]:
        """Return the visible topics; raises ``Unreachable``, without retries where they cannot help."""
        attempts = round(_ANSWER_SECONDS / _ATTEMPT_SECONDS)
        for attempt in range(attempts):
            try:
                return dict(self.client.list_topics(timeout=_ATTEMPT_SECONDS).topics)
            except KafkaException as error:
                self.client.poll(0)
                # Twice: one of several brokers may be down while another is slow.
                if (self._heard.decisive and attempt > 0) or attempt == attempts - 1:
                    raise self.failure(error) from error
        raise AssertionError("the last attempt returns or raises")

    def failure(self, error: KafkaException) -> RomashkaError:
        """Return the exception for a Kafka error: a refusal, or ``Unreachable``."""
        self.client.poll(0)
        if error.args[0].name() in _REFUSALS:
            who = f"user '{self._address.user}'" if self._address.user else "this client"
            return RomashkaError(
                f"Kafka at {self._address.bootstrap} refuses: {error.args[0].str()}; give {who} the rights of "
                "docs/kafka-security.md"
            )
        return unreachable(self._address, self._heard, error)

    def existing(self, topics: Iterable[Topic]) -> list[str]:
        """Return the names of the topics; raises ``RomashkaError`` where a topic is missing or hidden."""
        there = self.topics()
        names = [topic.name for topic in topics]
        if lacking := [name for name in names if name not in there]:
            hidden = f", or let user '{self._address.user}' see them" if self._address.user else ""
            raise RomashkaError(
                f"Kafka at {self._address.bootstrap} lacks {', '.join(lacking)}; run 'romashka topics' first{hidden}"
            )
        return names


def create_topics(address: KafkaAddress, *, replication: int = 1) -> list[Topic]:
    """Create the topics that are not there yet; return those that were created.

    Raises
    ------
    Unreachable
        Kafka does not answer.
    RomashkaError
        Kafka refuses to create one.
    """
    admin = Admin(address)
    there = admin.topics()
    wanted = [topic for topic in ALL if topic.name not in there]
    if not wanted:
        return []
    asked = [_new(topic, replication) for topic in wanted]
    for name, future in admin.client.create_topics(asked, request_timeout=_ANSWER_SECONDS).items():
        try:
            future.result()
        except KafkaException as error:
            if error.args[0].code() != _TOPIC_ALREADY_EXISTS:
                raise RomashkaError(f"topic {name} could not be created: {error.args[0].str()}") from error
    return wanted


def missing_topics(address: KafkaAddress) -> list[Topic]:
    """Return the topics that Kafka lacks; raises ``Unreachable``."""
    there = Admin(address).topics()
    return [topic for topic in ALL if topic.name not in there]


def topic_retention(address: KafkaAddress) -> dict[str, timedelta]:
    """Return Kafka's retention of each topic; topics without a known retention are left out.

    Raises
    ------
    Unreachable
        Kafka does not answer.
    """
    admin = Admin(address)
    there = admin.topics()
    wanted = [ConfigResource(ConfigResource.Type.TOPIC, topic.name) for topic in ALL if topic.name in there]
    kept: dict[str, timedelta] = {}
    if not wanted:  # librdkafka refuses to ask about none
        return kept
    for resource, future in admin.client.describe_configs(wanted, request_timeout=_ANSWER_SECONDS).items():
        with contextlib.suppress(KafkaException):  # a broker without this API: the topic is left out
            entry = future.result().get("retention.ms")
            if entry is not None and int(entry.value or -1) >= 0:
                kept[resource.name] = timedelta(milliseconds=int(entry.value))
    return kept


def check_topics(address: KafkaAddress) -> None:
    """Raise where a topic's settings lose messages.

    Raises
    ------
    Unreachable
        Kafka does not answer.
    RomashkaError
        Kafka compacts a topic: names it, and says what to do.
    """
    admin = Admin(address)
    there = admin.topics()
    asked = [ConfigResource(ConfigResource.Type.TOPIC, topic.name) for topic in ALL if topic.name in there]
    compacted = []
    answers = admin.client.describe_configs(asked, request_timeout=_ANSWER_SECONDS) if asked else {}
    for one, future in answers.items():
        with contextlib.suppress(KafkaException):  # a broker without this API, or without the right to ask
            policy = future.result().get("cleanup.policy")
            if policy is not None and "compact" in str(policy.value):
                compacted.append(one.name)
    if compacted:
        raise RomashkaError(
            f"Kafka compacts {', '.join(compacted)}: of the events of a tenant it keeps the last one. Set "
            "cleanup.policy of each to delete (kafka-configs.sh --alter --entity-type topics --entity-name "
            f"{compacted[0]} --add-config cleanup.policy=delete)"
        )


def topic_epochs(address: KafkaAddress, topics: Iterable[Topic] = INGEST) -> dict[str, int]:
    """Return topic name → epoch, a number that changes when a topic is deleted and recreated.

    Offsets of a recreated topic start at 0; without the epoch its chunks would overwrite those of the old topic. It is
    the upper half of Kafka's topic id (KIP-516).

    Raises
    ------
    Unreachable
        Kafka does not answer.
    RomashkaError
        A topic is missing.
    """
    admin = Admin(address)
    names = admin.existing(topics)
    found = admin.client.describe_topics(TopicCollection(names), request_timeout=_ANSWER_SECONDS)
    try:
        ids = {name: future.result().topic_id for name, future in found.items()}
    except KafkaException as error:
        raise admin.failure(error) from error
    return {name: one.get_most_significant_bits() & (2**64 - 1) for name, one in ids.items()}


def partition_count(address: KafkaAddress, topic: Topic) -> int:
    """Return the number of partitions of a topic.

    Raises
    ------
    Unreachable
        Kafka does not answer.
    RomashkaError
        The topic is missing.
    """
    admin = Admin(address)
    admin.existing([topic])
    return len(admin.topics()[topic.name].partitions)


def _new(topic: Topic, replication: int) -> NewTopic:
    return NewTopic(
        topic.name,
        num_partitions=topic.partitions,
        replication_factor=replication,
        # Explicit: a broker's default may be to compact, which keeps one event of each tenant, or to take only messages
        # that are smaller than our largest.
        config={
            "retention.ms": str(topic.retention_days * 86_400_000),
            "cleanup.policy": "delete",
            "max.message.bytes": str(MESSAGE_BYTES),
        },
    )


def messages_at(
    address: KafkaAddress, partition: tuple[str, int], offsets: Sequence[int]
) -> dict[int, tuple[bytes, bytes]]:
    """Return key and value of messages by their offsets, ascending; those that Kafka does not have are left out."""
    consumer = Consumer(client_settings(address) | {"group.id": "romashka-reads-again", "enable.auto.commit": False})
    found: dict[int, tuple[bytes, bytes]] = {}
    try:
        for offset in offsets:
            consumer.assign([TopicPartition(*partition, offset)])
            deadline = time.monotonic() + _ANSWER_SECONDS
            while time.monotonic() < deadline:
                message = consumer.poll(0.2)
                if message is None or message.error() is not None:
                    continue
                if message.offset() == offset:
                    found[offset] = (message.key() or b"", message.value() or b"")
                break
    finally:
        consumer.close()
    return found
