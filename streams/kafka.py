"""Reaching Kafka for everything but the event stream itself: topics, their epochs, and bulk producing."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, NamedTuple

from confluent_kafka import KafkaException, TopicCollection
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from models.errors import RomashkaError, Unreachable
from models.topics import ALL, INGEST, Topic

_ANSWER_SECONDS: Final = 5.0
_TOPIC_ALREADY_EXISTS: Final = 36


class KafkaAddress(NamedTuple):
    """Where Kafka is and who we are there. ``bootstrap`` is ``host:port``, several separated by commas."""

    bootstrap: str
    security_protocol: str = "PLAINTEXT"
    sasl_mechanism: str = "PLAIN"
    user: str = ""
    password: str = ""
    ca_file: str = ""


class GroupTiming(NamedTuple):
    """How the consumer group notices a dead member, in seconds; the embedded broker wants a session of 6.

    With an ``instance_id``, which no other member may have, a restart within the session time-out moves no partition.
    """

    session: float
    rebalance: float
    heartbeat: float
    instance_id: str = ""


def client_settings(address: KafkaAddress) -> dict[str, str | int | float | bool]:
    """Return librdkafka's settings for a client at this address; it logs nothing by itself."""
    settings: dict[str, str | int | float | bool] = {
        "bootstrap.servers": address.bootstrap,
        "security.protocol": address.security_protocol,
        "log_level": 0,
    }
    if address.security_protocol.startswith("SASL"):
        settings |= {
            "sasl.mechanism": address.sasl_mechanism,
            "sasl.username": address.user,
            "sasl.password": address.password,
        }
    if address.ca_file:
        settings["ssl.ca.location"] = address.ca_file
    return settings


def create_topics(address: KafkaAddress, *, replication: int = 1) -> list[Topic]:
    """Create the topics that are not there yet; return those that were created.

    Raises
    ------
    Unreachable
        Kafka does not answer.
    """
    admin = AdminClient(client_settings(address))
    there = _existing(admin, address)
    wanted = [topic for topic in ALL if topic.name not in there]
    if not wanted:
        return []
    futures = admin.create_topics([_new(topic, replication) for topic in wanted], request_timeout=_ANSWER_SECONDS)
    for name, future in futures.items():
        try:
            future.result()
        except KafkaException as error:
            if error.args[0].code() != _TOPIC_ALREADY_EXISTS:
                raise RomashkaError(f"topic {name} could not be created: {error.args[0].str()}") from error
    return wanted


def missing_topics(address: KafkaAddress) -> list[Topic]:
    """Return the topics that Kafka lacks; raises ``Unreachable``."""
    there = _existing(AdminClient(client_settings(address)), address)
    return [topic for topic in ALL if topic.name not in there]


def topic_epochs(address: KafkaAddress, topics: Iterable[Topic] = INGEST) -> dict[str, int]:
    """Return topic name → a number that is another one when the topic was deleted and made again.

    Offsets start at 0 in a topic made again; without the epoch its chunks would overwrite those of the old one. It is
    the upper half of Kafka's topic id (KIP-516).

    Raises
    ------
    Unreachable
        Kafka does not answer.
    RomashkaError
        A topic is missing.
    """
    admin = AdminClient(client_settings(address))
    there = _existing(admin, address)
    names = [topic.name for topic in topics]
    if lacking := [name for name in names if name not in there]:
        raise RomashkaError(f"Kafka at {address.bootstrap} lacks {', '.join(lacking)}; run 'romashka topics' first")
    found = admin.describe_topics(TopicCollection(names), request_timeout=_ANSWER_SECONDS)
    return {name: future.result().topic_id.get_most_significant_bits() & (2**64 - 1) for name, future in found.items()}


def partition_count(address: KafkaAddress, topic: Topic) -> int:
    """Return how many partitions a topic has, as Kafka says.

    Raises
    ------
    Unreachable
        Kafka does not answer.
    RomashkaError
        The topic is missing.
    """
    admin = AdminClient(client_settings(address))
    try:
        found = admin.list_topics(topic.name, timeout=_ANSWER_SECONDS).topics[topic.name]
    except KafkaException as error:
        raise Unreachable(f"Kafka at {address.bootstrap} does not say how many partitions {topic.name} has") from error
    if not found.partitions:
        raise RomashkaError(f"Kafka at {address.bootstrap} lacks {topic.name}; run 'romashka topics' first")
    return len(found.partitions)


def _existing(admin: AdminClient, address: KafkaAddress) -> set[str]:
    try:
        return set(admin.list_topics(timeout=_ANSWER_SECONDS).topics)
    except KafkaException as error:
        raise Unreachable(
            f"Kafka at {address.bootstrap} does not answer; check ROMASHKA_KAFKA_BOOTSTRAP and that the broker runs "
            "('romashka embedded' starts one)"
        ) from error


def _new(topic: Topic, replication: int) -> NewTopic:
    return NewTopic(
        topic.name,
        num_partitions=topic.partitions,
        replication_factor=replication,
        config={"retention.ms": str(topic.retention_days * 86_400_000)},
    )
