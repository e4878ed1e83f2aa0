"""Sets the workers' consumer group back, after a database was restored that holds less than was committed."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Final, NamedTuple

from confluent_kafka import Consumer, KafkaException, TopicPartition
from confluent_kafka.cimpl import OFFSET_INVALID

from models.errors import RomashkaError
from streams.kafka import KafkaAddress, client_settings

_ANSWER_SECONDS: Final = 10.0
# Longer than a session: a worker that was killed is a member until its own is over.
_JOIN_SECONDS: Final = 90.0
_POLL_SECONDS: Final = 0.2


class Rewound(NamedTuple):
    """A partition that is read again from ``offset``; ``lost`` messages before it Kafka has deleted already."""

    topic: str
    partition: int
    committed: int
    offset: int
    lost: int


def rewind(address: KafkaAddress, group: str, wanted: Mapping[tuple[str, int], int]) -> list[Rewound]:
    """Commit the wanted offsets wherever the group is beyond them; return what was set back.

    It joins the group for it, alone: every worker must be stopped.

    Raises
    ------
    RomashkaError
        Workers are running, or Kafka does not answer.
    """
    settings = {**client_settings(address), "group.id": group, "enable.auto.commit": False, "session.timeout.ms": 6_000}
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
            f"the offsets of group {group} were not set back ({error.args[0].str()}); stop every worker and repeat"
        ) from error
    finally:
        consumer.close()
    return found


def _join(consumer: Consumer, wanted: Mapping[tuple[str, int], int]) -> None:
    """Wait until every partition is this consumer's."""
    deadline = time.monotonic() + _JOIN_SECONDS
    while not wanted.keys() <= {(one.topic, one.partition) for one in consumer.assignment()}:
        if time.monotonic() > deadline:
            raise RomashkaError(
                f"not every partition was handed over within {_JOIN_SECONDS:.0f} s: stop every worker and repeat"
            )
        consumer.poll(_POLL_SECONDS)


def _rewound(consumer: Consumer, committed: TopicPartition, wanted: int) -> Rewound:
    low, _ = consumer.get_watermark_offsets(committed, timeout=_ANSWER_SECONDS)
    offset = max(wanted, low)
    return Rewound(committed.topic, committed.partition, committed.offset, offset, offset - wanted)


def _check(committed: list[TopicPartition] | None) -> None:
    for one in committed or ():
        if one.error is not None:
            raise KafkaException(one.error)
