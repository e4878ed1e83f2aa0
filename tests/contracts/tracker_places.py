"""Places that the tracker's transports send to, for the contract suite: the fake one, and Kafka."""

from __future__ import annotations

import os
import signal
import uuid
from collections.abc import Sequence
from typing import Protocol

from confluent_kafka import Consumer, KafkaError, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from embedded.broker import Broker
from romashka_tracker import KafkaTransport, MemoryTransport, Message, Transport

PARTITIONS = 3
READ_SECONDS = 20.0


class Place(Protocol):
    """Somewhere messages are sent, that can be read back."""

    def transport(self) -> Transport: ...

    def create(self, topics: Sequence[str]) -> None: ...

    def read(self, topic: str) -> list[Message]: ...


class SwitchablePlace(Place, Protocol):
    """A place that can be switched off."""

    def switch_off(self) -> None: ...

    def switch_on(self) -> None: ...


class MemoryPlace:
    def __init__(self) -> None:
        self._transport = MemoryTransport()

    def transport(self) -> Transport:
        return self._transport

    def create(self, topics: Sequence[str]) -> None:
        """Topics need no creating here."""

    def read(self, topic: str) -> list[Message]:
        return self._transport.messages(topic)

    def switch_off(self) -> None:
        self._transport.down = True

    def switch_on(self) -> None:
        self._transport.down = False


class KafkaPlace:
    """A Kafka broker, read and administered with another client library than the transport's."""

    def __init__(self, bootstrap: str) -> None:
        self.bootstrap = bootstrap

    def transport(self) -> Transport:
        return KafkaTransport(self.bootstrap)

    def create(self, topics: Sequence[str]) -> None:
        admin = self._admin()
        for created in admin.create_topics([NewTopic(topic, PARTITIONS, 1) for topic in topics]).values():
            created.result()

    def read(self, topic: str) -> list[Message]:
        return [message for partition in self.read_partitions(topic) for message in partition]

    def read_partitions(self, topic: str) -> list[list[Message]]:
        """Return everything in a topic, by partition, as far as the broker itself says it goes."""
        settings = {"bootstrap.servers": self.bootstrap, "group.id": uuid.uuid4().hex, "enable.partition.eof": True}
        consumer = Consumer({**settings, "enable.auto.commit": False, "log_level": 0})
        found: list[list[Message]] = [[] for _ in range(PARTITIONS)]
        ended: set[int] = set()
        try:
            consumer.assign([TopicPartition(topic, partition, 0) for partition in range(PARTITIONS)])
            while len(ended) < PARTITIONS:
                record = consumer.poll(READ_SECONDS)
                assert record is not None, f"nothing to read from {topic} within {READ_SECONDS} s"
                partition, error = record.partition(), record.error()
                assert partition is not None
                if error is None:
                    key, value = record.key(), record.value()
                    assert isinstance(key, bytes)
                    assert isinstance(value, bytes)
                    found[partition].append(Message(key, value))
                else:
                    assert error.code() == KafkaError._PARTITION_EOF, error
                    ended.add(partition)
        finally:
            consumer.close()
        return found

    def topics(self) -> set[str]:
        return set(self._admin().list_topics(timeout=READ_SECONDS).topics)

    def _admin(self) -> AdminClient:
        return AdminClient({"bootstrap.servers": self.bootstrap, "log_level": 0})


class OwnKafkaPlace(KafkaPlace):
    """A broker of the test's own; it forgets everything when it is switched off."""

    def __init__(self, broker: Broker) -> None:
        super().__init__(broker.bootstrap)
        self.broker = broker

    def switch_off(self) -> None:
        os.kill(self.broker.pid, signal.SIGKILL)
        self.broker.stop()

    def switch_on(self) -> None:
        self.broker.start()
