"""A Kafka producer that sends a batch which is larger than a topic takes again, message by message.

librdkafka fills batches of up to a megabyte whatever a topic takes (``max.message.bytes``), and fails every message of
one that is refused, whoever sent them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Final, NamedTuple, TypeAlias

from confluent_kafka import KafkaError, Message, Producer

OnDelivery: TypeAlias = Callable[[KafkaError | None, Message], None]
"""Called with a failure, or with ``None``, once for each message."""

_TOO_LARGE: Final = "MSG_SIZE_TOO_LARGE"


class Sending(NamedTuple):
    """A message to send; ``partition`` -1 leaves the choice to its key."""

    topic: str
    key: bytes | None
    value: bytes
    partition: int = -1
    headers: tuple[tuple[str, str | bytes | None], ...] = ()


class SplittingProducer:
    """Sends messages in batches, and those of a refused batch one by one: only what is too large by itself fails.

    Parameters
    ----------
    settings
        Of librdkafka.
    new_producer
        Makes a producer of librdkafka from its settings.
    """

    def __init__(
        self, settings: Mapping[str, Any], new_producer: Callable[[dict[str, Any]], Producer] = Producer
    ) -> None:
        self._settings = dict(settings)
        self._new_producer = new_producer
        self._batches = new_producer(self._settings)
        self._singly: Producer | None = None

    def produce(self, message: Sending, on_delivery: OnDelivery) -> None:
        """Queue a message.

        Raises
        ------
        BufferError
            The queue is full.
        KafkaException
            librdkafka refuses the message at once.
        """
        self._produce(self._batches, message, partial(self._delivered, message, on_delivery))

    def poll(self, seconds: float) -> None:
        """Run the callbacks that are due; wait for one at most so long."""
        self._batches.poll(seconds)
        if self._singly is not None:
            self._singly.poll(0)

    def flush(self, seconds: float) -> int:
        """Wait until everything was delivered or failed; return how many messages were not within the time."""
        left = self._batches.flush(seconds)
        return left if self._singly is None else left + self._singly.flush(seconds)

    def purge(self) -> None:
        """Fail what is queued."""
        self._batches.purge()
        if self._singly is not None:
            self._singly.purge()

    def _delivered(self, message: Sending, on_delivery: OnDelivery, error: KafkaError | None, sent: Message) -> None:
        if error is None or error.name() != _TOO_LARGE:
            on_delivery(error, sent)
            return
        if self._singly is None:
            self._singly = self._new_producer({**self._settings, "batch.num.messages": 1})
        try:
            self._produce(self._singly, message, on_delivery)
        except BufferError:
            on_delivery(error, sent)

    def _produce(self, producer: Producer, message: Sending, on_delivery: OnDelivery) -> None:
        producer.produce(
            message.topic,
            message.value,
            message.key,
            message.partition,
            headers=list(message.headers),
            on_delivery=on_delivery,
        )
