"""Reading a topic to its end, with another client than the one that wrote it."""

from __future__ import annotations

import uuid
from typing import Final, Literal, overload

from confluent_kafka import Consumer, KafkaError, Message, TopicPartition

_READ_SECONDS: Final = 20.0


@overload
def records(bootstrap: str, topic: str, *, whole: Literal[True]) -> list[Message]: ...
@overload
def records(bootstrap: str, topic: str) -> list[tuple[bytes, bytes]]: ...
def records(bootstrap: str, topic: str, *, whole: bool = False) -> list[Message] | list[tuple[bytes, bytes]]:
    """Return the keys and values of a topic, or its whole messages, partition after partition."""
    consumer = Consumer(
        {
            "bootstrap.servers": bootstrap,
            "group.id": uuid.uuid4().hex,
            "enable.partition.eof": True,
            "enable.auto.commit": False,
            "log_level": 0,
        }
    )
    found: list[Message] = []
    try:
        partitions = list(consumer.list_topics(topic, timeout=_READ_SECONDS).topics[topic].partitions)
        consumer.assign([TopicPartition(topic, partition, 0) for partition in partitions])
        ended = 0
        while ended < len(partitions):
            record = consumer.poll(_READ_SECONDS)
            assert record is not None, f"nothing to read from {topic} within {_READ_SECONDS} s"
            if (error := record.error()) is None:
                found.append(record)
            else:
                assert error.code() == KafkaError._PARTITION_EOF, error
                ended += 1
    finally:
        consumer.close()
    found.sort(key=lambda record: record.partition() or 0)
    return found if whole else [(_bytes(record.key()), _bytes(record.value())) for record in found]


def _bytes(value: object) -> bytes:
    return value if isinstance(value, bytes) else b""
