"""Sets the workers' consumer group back, after a database was restored that holds less than was committed."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple

from confluent_kafka import Consumer, KafkaException, TopicPartition
from confluent_kafka.cimpl import OFFSET_INVALID

from models.errors import RomashkaError
from models.topics import Topic
from streams.kafka import KafkaAddress, client_settings, partition_count
from streams.windows import CHUNK_SIZE

_ANSWER_SECONDS: Final = 10.0
# Longer than a session: a worker that was killed is a member until its own is over.
_JOIN_SECONDS: Final = 90.0
_POLL_SECONDS: Final = 0.2
_REPEAT: Final = "stop every worker, then run 'romashka backup rewind'"
# More than one insert holds of a partition; whole chunks, as the workers commit.
_MARGIN: Final = 4 * CHUNK_SIZE


class Rewound(NamedTuple):
    """A partition that is read again from ``offset``; ``lost`` messages that are not stored Kafka has deleted."""

    topic: str
    partition: int
    committed: int
    offset: int
    lost: int


def rewind(
    address: KafkaAddress, group: str, topics: Iterable[Topic], stored: Mapping[tuple[str, int], int]
) -> list[Rewound]:
    """Set the group back to what is stored, and a margin before it; return the partitions that were set back.

    It joins the group alone: every worker must be stopped.

    Parameters
    ----------
    stored
        Topic and partition → the first offset that is not stored; a partition that is left out is read from its start.

    Raises
    ------
    RomashkaError
        Workers are running, or Kafka does not answer.
    """
    settings = {**client_settings(address), "group.id": group, "enable.auto.commit": False, "session.timeout.ms": 6_000}
    wanted = {
        (topic.name, number): stored.get((topic.name, number), 0)
        for topic in topics
        for number in range(partition_count(address, topic))
    }
    consumer = Consumer(settings)
    try:
        consumer.subscribe(sorted({topic for topic, _ in wanted}))
        _join(consumer, wanted)
        committed = consumer.committed([TopicPartition(*place) for place in wanted], timeout=_ANSWER_SECONDS)
        found = [
            _rewound(consumer, one, wanted[one.topic, one.partition])
            for one in committed
            if one.offset != OFFSET_INVALID and one.offset > wanted[one.topic, one.partition]
        ]
        if found:
            offsets = [TopicPartition(one.topic, one.partition, one.offset) for one in found]
            _check(consumer.commit(offsets=offsets, asynchronous=False))
    except KafkaException as error:
        raise RomashkaError(
            f"the offsets of group {group} were not set back ({error.args[0].str()}); {_REPEAT}"
        ) from error
    finally:
        consumer.close()
    return found


def _join(consumer: Consumer, wanted: Mapping[tuple[str, int], int]) -> None:
    """Wait until every partition is this consumer's."""
    deadline = time.monotonic() + _JOIN_SECONDS
    while not wanted.keys() <= {(one.topic, one.partition) for one in consumer.assignment()}:
        if time.monotonic() > deadline:
            raise RomashkaError(f"not every partition was handed over within {_JOIN_SECONDS:.0f} s: {_REPEAT}")
        consumer.poll(_POLL_SECONDS)


def _rewound(consumer: Consumer, committed: TopicPartition, wanted: int) -> Rewound:
    low, _ = consumer.get_watermark_offsets(committed, timeout=_ANSWER_SECONDS)
    margin = max(0, wanted - _MARGIN)
    offset = max(margin - margin % CHUNK_SIZE, low)
    return Rewound(committed.topic, committed.partition, committed.offset, offset, max(0, low - wanted))


def _check(committed: list[TopicPartition] | None) -> None:
    for one in committed or ():
        if one.error is not None:
            raise KafkaException(one.error)
