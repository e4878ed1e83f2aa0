"""Publishing many messages at once: history, files, repaired dead letters."""

from __future__ import annotations

import json
from types import TracebackType
from typing import Final, NamedTuple, Self
from uuid import UUID

from confluent_kafka import KafkaError, KafkaException, Message

from models.counting import counted
from models.errors import Unreachable
from models.keys import key_of
from streams.kafka import Admin, KafkaAddress, client_settings
from streams.kafka_reasons import Heard
from streams.splitting_producer import Sending, SplittingProducer

_DELIVERY_SECONDS: Final = 60


class OutgoingMessage(NamedTuple):
    """One message to publish."""

    topic: str
    key: bytes | None
    value: bytes
    partition: int = -1


def tenant_key(value: bytes) -> bytes | None:
    """Return the key for an event's JSON, whatever the spelling of its tenant; ``None`` where it has no tenant."""
    try:
        return key_of(UUID(json.loads(value)["user_id"]))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None


class BulkProducer:
    """Publishes in order and in large batches; leaving the context flushes the queue.

    Messages that Kafka refuses do not keep the others from being published. Where a batch is larger than its topic
    takes, its messages are sent again one by one, after those that follow them.

    Raises
    ------
    SettingsError
        The settings cannot be used.
    Unreachable
        Kafka does not answer, or ``send``, ``flush`` or leaving the context: not everything was accepted within a
        minute.
    """

    def __init__(self, address: KafkaAddress) -> None:
        self._address = address
        self._heard = Heard()
        Admin(address).topics()  # reports the reason within seconds, not only when the first message times out
        self._producer = SplittingProducer(
            {
                **client_settings(address),
                "error_cb": self._heard,
                "enable.idempotence": True,
                "acks": "all",
                "linger.ms": 20,
                "compression.type": "lz4",
                # The partitioner of Kafka's Java client and of the tracker; librdkafka's default maps keys differently.
                "partitioner": "murmur2_random",
                "queue.buffering.max.messages": 200_000,
                "message.timeout.ms": _DELIVERY_SECONDS * 1000,
            }
        )
        self._failure: KafkaError | None = None
        self._failed = 0
        self.delivered = 0

    def send(self, message: OutgoingMessage) -> None:
        """Queue a message; waits while the queue is full."""
        while True:
            try:
                self._producer.produce(
                    Sending(message.topic, message.key, message.value, message.partition), self._on_delivery
                )
            except BufferError:
                self._producer.poll(0.1)
                self._check()
            except KafkaException as error:
                self._note(error.args[0])
                return
            else:
                self._producer.poll(0)
                return

    def flush(self) -> None:
        """Wait until Kafka has acknowledged everything."""
        left = self._producer.flush(_DELIVERY_SECONDS)
        self._check()
        if left:
            raise Unreachable(self._message(f"not acknowledged: {counted(left, 'message')}"))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self.flush()

    def _on_delivery(self, error: KafkaError | None, _message: Message) -> None:
        if error is None:
            self.delivered += 1
        else:
            self._note(error)

    def _note(self, error: KafkaError) -> None:
        self._failure = error
        self._failed += 1

    def _check(self) -> None:
        if self._failure is not None:
            heard = self._heard.last
            reason = self._failure.str() if heard is None else f"{self._failure.str()} ({heard[1]})"
            raise Unreachable(self._message(reason)) from KafkaException(self._failure)

    def _message(self, reason: str) -> str:
        what = counted(self._failed, "message") if self._failed else "the messages"
        return f"Kafka at {self._address.bootstrap} did not take {what}: {reason}; check it with 'romashka doctor'"
