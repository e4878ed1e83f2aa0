"""A producer at a constant rate in a separate process; it records when it sent each sampled event."""

from __future__ import annotations

import json
import multiprocessing
import time
from collections.abc import Callable
from datetime import UTC, datetime
from multiprocessing.connection import Connection
from types import TracebackType
from typing import Final, NamedTuple, Self
from uuid import UUID, uuid4

from confluent_kafka import KafkaError, Message, Producer

from models.keys import key_of
from models.topics import QUERIES
from streams.kafka import KafkaAddress, client_settings

_STEP_SECONDS: Final = 0.02
_TENANTS: Final = 24
_PROVIDERS: Final = ("hubspot", "shopify", "zendesk", "salesforce", "stripe")


class Sent(NamedTuple):
    """An acknowledged event: partition, offset, and when it was passed to the producer, in seconds since the epoch."""

    partition: int
    offset: int
    at: float


class Paced:
    """Context manager that sends events until it is stopped.

    Parameters
    ----------
    rate
        Events per second, sent in steps of a fiftieth of a second.
    every
        One in ``every`` events is recorded in ``sent``.
    """

    def __init__(self, kafka: KafkaAddress, rate: int, *, every: int = 10) -> None:
        context = multiprocessing.get_context("spawn")
        self._ours, theirs = context.Pipe()
        self._process = context.Process(target=_run, args=(kafka, rate, every, theirs), daemon=True)
        self._total = -1
        self.sent: list[Sent] = []

    def __enter__(self) -> Self:
        self._process.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._total < 0:
            self._process.terminate()
        self._process.join()

    def stop(self) -> int:
        """Stop sending and return the number of events that Kafka acknowledged."""
        if self._total < 0:
            self._ours.send(None)
            self._total, self.sent = self._ours.recv()
        return self._total


def _run(kafka: KafkaAddress, rate: int, every: int, parent: Connection) -> None:
    producer = Producer(
        {
            **client_settings(kafka),
            "linger.ms": 2,
            "partitioner": "murmur2_random",
            "compression.type": "lz4",
            "acks": "all",
            "queue.buffering.max.messages": 1_000_000,  # a slow broker delays events instead of losing them
        }
    )
    tenants = [UUID(int=number + 1) for number in range(_TENANTS)]
    keys = [key_of(tenant) for tenant in tenants]
    sent: list[Sent] = []
    total, began = 0, time.monotonic()
    while not parent.poll():
        wanted = int((time.monotonic() - began) * rate)
        for number in range(total, wanted):
            at = time.time()
            tenant = number % _TENANTS
            value = _event(tenants[tenant], number)
            if number % every:
                producer.produce(QUERIES.name, value, keys[tenant])
            else:
                producer.produce(QUERIES.name, value, keys[tenant], on_delivery=_noted(sent, at))
            if number % 512 == 0:
                producer.poll(0)
        total = max(total, wanted)
        producer.poll(0)
        time.sleep(_STEP_SECONDS)
    left = producer.flush(60)
    parent.send((total - left, sent))


def _noted(sent: list[Sent], at: float) -> Callable[[KafkaError | None, Message], None]:
    def note(error: KafkaError | None, message: Message) -> None:
        if error is None:
            sent.append(Sent(message.partition() or 0, message.offset() or 0, at))

    return note


def _event(tenant: UUID, number: int) -> bytes:
    return json.dumps(
        {
            "event_id": str(uuid4()),
            "user_id": str(tenant),
            "created_at": datetime.now(UTC).isoformat(),
            "conversation_id": str(uuid4()),
            "integration_provider": _PROVIDERS[number % len(_PROVIDERS)],
            "query_type": "contact_lookup",
            "query_success": number % 50 != 0,
            "response_time_ms": 100 + number % 400,
            "data_freshness_hours": 0.9,
            "ai_confidence_score": 0.8,
        }
    ).encode()
