"""Publishing to Kafka: every attempt has a time limit, and names its topic when it fails."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Final, NamedTuple

import pyarrow as pa
from aiokafka.errors import (
    ClusterAuthorizationFailedError,
    InvalidTopicError,
    KafkaError,
    MessageSizeTooLargeError,
    TopicAuthorizationFailedError,
)
from faust.exceptions import ProducerSendError

from models.errors import RomashkaError
from models.insight_message import key_of, value_of
from models.insights import Insight
from models.topics import DEAD_LETTERS, INSIGHTS, MESSAGE_BYTES, QUERIES, Topic
from storage.payload_cipher import place_of
from streams.metrics import Metrics
from streams.placement import MOVED_BY_HEADER, MOVED_HEADER, Moved

log = logging.getLogger(__name__)

# Maximum size of an encrypted dead letter in a Kafka message of default size; larger ones are in ClickHouse only.
_MAX_PUBLISHED_BYTES: Final = 900_000
_DEAD_LETTER_HEADERS: Final = ("topic", "topic_epoch", "partition", "offset", "stage", "reason", "detail")
_TOGETHER: Final = 200
_ATTEMPT_SECONDS: Final = 10.0
_PAUSE_SECONDS: Final = 2.0
_PERMANENT: Final = (
    TopicAuthorizationFailedError,
    ClusterAuthorizationFailedError,
    InvalidTopicError,
)
_INCOMPLETE: Final = {"complete": b"false"}


class _TooLarge(RomashkaError):
    """Kafka refuses a batch, or a message, because of its size."""


class Outgoing(NamedTuple):
    """One message to publish; ``partition`` is ``None`` where its key decides."""

    key: bytes
    value: bytes
    headers: dict[str, bytes]
    partition: int | None = None


# Publishes one message and returns when Kafka has acknowledged it.
Send = Callable[[Topic, Outgoing], Awaitable[None]]


class Publisher:
    """Publishes dead letters, insights and moved queries; retries until Kafka has acknowledged them.

    Parameters
    ----------
    send
        Publishes one message; returns when Kafka has acknowledged it.
    """

    def __init__(self, send: Send, metrics: Metrics) -> None:
        self._send = send
        self._metrics = metrics

    async def dead_letters(self, letters: pa.RecordBatch) -> None:
        """Publish rejected messages (rows of ``models.rows.DEAD_LETTERS``, sealed).

        Raises
        ------
        RomashkaError
            Kafka rejects them for a permanent reason.
        """
        messages = []
        for row in letters.to_pylist():
            fits = len(row["raw"]) <= _MAX_PUBLISHED_BYTES
            texts = {name: str(row[name]) for name in _DEAD_LETTER_HEADERS} | {"complete": str(fits).lower()}
            key = place_of(row["topic"], row["topic_epoch"], row["partition"], row["offset"]).encode()
            headers = {name: text.encode() for name, text in texts.items()}
            messages.append(Outgoing(key, row["raw"] if fits else b"", headers))
        await self._publish(DEAD_LETTERS, messages)

    async def insights(self, insights: Sequence[Insight]) -> None:
        """Publish insights as JSON (``models.insight_message``); raises as ``dead_letters``."""
        await self._publish(INSIGHTS, [Outgoing(key_of(one).encode(), value_of(one), {}) for one in insights])

    async def moved(self, messages: Sequence[Moved]) -> None:
        """Publish queries to their home partitions; raises as ``dead_letters``."""
        await self._publish(
            QUERIES, [Outgoing(one.key, one.value, _moved_headers(one), one.partition) for one in messages]
        )

    async def _publish(self, topic: Topic, messages: Sequence[Outgoing]) -> None:
        # Few at a time: a batch that a slow broker does not take within an attempt would begin again for ever.
        for start in range(0, len(messages), _TOGETHER):
            together = messages[start : start + _TOGETHER]
            try:
                await self._publish_together(topic, together)
            except _TooLarge:
                await self._publish_singly(topic, together)

    async def _publish_singly(self, topic: Topic, messages: Sequence[Outgoing]) -> None:
        """Publish the messages of a batch that is larger than the topic takes.

        Of a dead letter that is too large by itself the content is left out; ClickHouse has it.
        """
        for message in messages:
            try:
                await self._publish_together(topic, [message])
            except _TooLarge:
                if topic != DEAD_LETTERS or not message.value:
                    raise
                log.warning(
                    "a dead letter of %d bytes is larger than %s takes and is published without its content, which is "
                    "in ClickHouse; raise the topic's max.message.bytes to %d",
                    len(message.value),
                    topic.name,
                    MESSAGE_BYTES,
                )
                short = message._replace(value=b"", headers=message.headers | _INCOMPLETE)
                await self._publish_together(topic, [short])

    async def _publish_together(self, topic: Topic, messages: Sequence[Outgoing]) -> None:
        while True:
            try:
                async with asyncio.timeout(_ATTEMPT_SECONDS):
                    await asyncio.gather(*(self._send(topic, message) for message in messages))
            except (TimeoutError, KafkaError, ProducerSendError) as error:
                self._metrics.publish_failures.labels(topic.name).inc()
                cause = error.__cause__ if isinstance(error, ProducerSendError) else error
                if isinstance(cause, MessageSizeTooLargeError):
                    raise _TooLarge(
                        f"a message is larger than topic {topic.name} takes; raise its max.message.bytes to "
                        f"{MESSAGE_BYTES}, then start the worker again"
                    ) from error
                if isinstance(cause, _PERMANENT):
                    raise RomashkaError(
                        f"Kafka refuses messages for topic {topic.name} ({type(cause).__name__}); check that it exists "
                        "and that this user may write to it ('romashka doctor'), then start the worker again"
                    ) from error
                log.warning(
                    "%d messages for topic %s were not taken by Kafka within %.0f s (%s); trying again, nothing is "
                    "committed meanwhile. Check the topic with 'romashka doctor'",
                    len(messages),
                    topic.name,
                    _ATTEMPT_SECONDS,
                    type(cause).__name__,
                )
                await asyncio.sleep(_PAUSE_SECONDS)
            else:
                return


def _moved_headers(message: Moved) -> dict[str, bytes]:
    return {MOVED_HEADER: message.origin.encode(), MOVED_BY_HEADER: str(message.generation).encode()}
