"""Publishes events to Kafka and reports which were acknowledged by every in-sync replica."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Sequence
from functools import partial
from typing import Final, NamedTuple, Protocol

from confluent_kafka import KafkaError, KafkaException, Message

from streams.kafka import KafkaAddress, client_settings
from streams.kafka_reasons import FailureLog, RefusalLog
from streams.splitting_producer import Sending, SplittingProducer

log = logging.getLogger(__name__)

Headers = Sequence[tuple[str, str | bytes | None]]
DELIVERY_SECONDS: Final = 10.0
_MAX_WAITING: Final = 100_000
_POLL_SECONDS: Final = 0.05


class EventMessage(NamedTuple):
    """One event for a topic; ``key`` is its tenant."""

    topic: str
    key: bytes
    value: bytes


class EventPublisher(Protocol):
    """The interface of a publisher."""

    async def publish(self, messages: Sequence[EventMessage], headers: Headers) -> list[bool]:
        """Return for each message whether it was acknowledged."""

    def close(self) -> None:
        """Flush pending messages, for a short time, and stop."""


class KafkaPublisher:
    """Publishes through one idempotent producer.

    Parameters
    ----------
    delivery_seconds
        Time limit of an unacknowledged message.

    Raises
    ------
    SettingsError
        The settings cannot be used. An unavailable Kafka is logged with the reason.
    """

    def __init__(self, address: KafkaAddress, *, delivery_seconds: float = DELIVERY_SECONDS) -> None:
        self._settings = client_settings(address) | {
            "enable.idempotence": True,
            "acks": "all",
            "linger.ms": 5,
            "compression.type": "lz4",
            "partitioner": "murmur2_random",
            "queue.buffering.max.messages": _MAX_WAITING,
            "message.timeout.ms": int(delivery_seconds * 1000),
            "allow.auto.create.topics": False,
        }
        self._tell = FailureLog(address, partial(log.warning, "%s"), time.monotonic)
        self._refusals = RefusalLog(address, partial(log.warning, "%s"), time.monotonic)
        self._delivery_seconds = delivery_seconds
        self._failed = False
        self._producer = self._new_producer()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._serve, name="kafka deliveries", daemon=True)
        self._thread.start()

    async def publish(self, messages: Sequence[EventMessage], headers: Headers) -> list[bool]:
        """Return for each message whether every in-sync replica acknowledged it."""
        delivery = _Delivery(messages, asyncio.get_running_loop(), self._refusals)
        producer = self._producer
        for position, message in enumerate(messages):
            sending = Sending(message.topic, message.key, message.value, headers=tuple(headers))
            try:
                producer.produce(sending, partial(delivery.settle, position))
            except KafkaException as error:
                delivery.fail(position, error.args[0])
            except BufferError:
                delivery.fail(position)
        return await delivery.outcome

    def close(self) -> None:
        """Flush pending messages, for a short time, and stop."""
        self._producer.flush(self._delivery_seconds)
        self._stopping.set()
        self._thread.join()

    def _new_producer(self) -> SplittingProducer:
        return SplittingProducer({**self._settings, "error_cb": self._note})

    def _note(self, error: KafkaError) -> None:
        self._tell(error)
        if error.fatal():
            self._failed = True

    def _serve(self) -> None:
        while not self._stopping.is_set():
            self._producer.poll(_POLL_SECONDS)
            if self._failed:
                self._replace()

    def _replace(self) -> None:
        """Replace the producer: after a fatal error an idempotent producer accepts nothing more."""
        log.error("Kafka's client failed for good and is replaced; what it held is not acknowledged")
        failed, self._producer, self._failed = self._producer, self._new_producer(), False
        failed.purge()
        failed.flush(_POLL_SECONDS)


class _Delivery:
    """Waits until every message of one request is acknowledged or failed; callbacks run in the producer's thread."""

    def __init__(self, messages: Sequence[EventMessage], loop: asyncio.AbstractEventLoop, refusals: RefusalLog) -> None:
        self.outcome: asyncio.Future[list[bool]] = loop.create_future()
        self._messages = messages
        self._loop = loop
        self._refusals = refusals
        self._acknowledged = [False] * len(messages)
        self._open = len(messages)
        self._lock = threading.Lock()
        if not messages:
            self.outcome.set_result([])

    def settle(self, position: int, error: KafkaError | None, _message: Message) -> None:
        if error is not None:
            self.fail(position, error)
            return
        self._acknowledged[position] = True
        self._one_less()

    def fail(self, position: int, error: KafkaError | None = None) -> None:
        if error is not None:
            self._refusals.note(self._messages[position].topic, error)
        self._one_less()

    def _one_less(self) -> None:
        with self._lock:
            self._open -= 1
            done = not self._open
        if done and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._resolve)

    def _resolve(self) -> None:
        if not self.outcome.done():
            self.outcome.set_result(self._acknowledged)


class MemoryPublisher:
    """In-memory publisher for tests; ``down`` simulates a Kafka that acknowledges nothing."""

    def __init__(self) -> None:
        self.down = False
        self.published: list[tuple[EventMessage, tuple[tuple[str, str | bytes | None], ...]]] = []

    async def publish(self, messages: Sequence[EventMessage], headers: Headers) -> list[bool]:
        """Store the messages, or report none as acknowledged."""
        if not self.down:
            self.published.extend((message, tuple(headers)) for message in messages)
        return [not self.down] * len(messages)

    def close(self) -> None:
        """Do nothing."""
