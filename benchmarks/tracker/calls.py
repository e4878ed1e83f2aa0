"""Processor time of one call."""

from __future__ import annotations

import asyncio
import gc
import json
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Final
from uuid import UUID, uuid4

from confluent_kafka import Producer

from benchmarks.tracker.contract_path import ContractTracker
from romashka_tracker import IntegrationTracker
from romashka_tracker.contract import QUERIES

CALLS: Final = 10_000
_SLICE: Final = 250
# A hundred tenants, and a new conversation every four calls.
_TENANTS: Final = [uuid4() for _ in range(100)]
_CONVERSATIONS: Final = [uuid4() for _ in range(CALLS // 4)]

Arguments = tuple[UUID, UUID, str, str, bool, int, int, float, float]
Step = Callable[[str], list[float]]


def arguments(number: int) -> Arguments:
    """Return the nine arguments of a query that the chat system gives."""
    conversation = _CONVERSATIONS[number // 4 % len(_CONVERSATIONS)]
    confidence, impact = round(number % 97 / 97, 2), round(number % 89 / 89, 2)
    return _TENANTS[number % 100], conversation, "hubspot", "contact_lookup", True, number % 900, 2, confidence, impact


def event(number: int) -> dict[str, object]:
    """Return the same query as plain values, with an id and a time."""
    names = (
        "user_id", "conversation_id", "integration_provider", "query_type", "query_success", "response_time_ms",
        "data_freshness_hours", "ai_confidence_score", "customer_satisfaction_impact",
    )  # fmt: skip
    values = dict(zip(names, arguments(number), strict=True))
    ids = {"user_id": str(values["user_id"]), "conversation_id": str(values["conversation_id"])}
    return {**values, **ids, "event_id": str(uuid4()), "created_at": datetime.now(UTC).isoformat()}


class _Slices:
    """Measures slices of the calls: on a shared machine the lowest is what they cost undisturbed."""

    def __init__(self) -> None:
        self.micros: list[float] = []

    def each(self) -> Iterator[range]:
        for start in range(0, CALLS, _SLICE):
            before = time.thread_time()  # of this thread: what librdkafka or an event loop sends elsewhere is not in it
            yield range(start, start + _SLICE)
            self.micros.append((time.thread_time() - before) / _SLICE * 1e6)


def _dumps(_: str) -> list[float]:
    events = [event(number) for number in range(CALLS)]
    slices = _Slices()
    for numbers in slices.each():
        for number in numbers:
            json.dumps(events[number])
    return slices.micros


def _produce(bootstrap: str) -> list[float]:
    values = [json.dumps(event(number)).encode() for number in range(CALLS)]
    slices, producer = _Slices(), _producer(bootstrap)
    for numbers in slices.each():
        for number in numbers:
            producer.produce(QUERIES, values[number], b"key")
    producer.flush()
    return slices.micros


def _by_hand(bootstrap: str) -> list[float]:
    slices, producer = _Slices(), _producer(bootstrap)
    for numbers in slices.each():
        for number in numbers:
            made = event(number)
            producer.produce(QUERIES, json.dumps(made).encode(), str(made["user_id"]))
    producer.flush()
    return slices.micros


def _producer(bootstrap: str) -> Producer:
    return Producer({"bootstrap.servers": bootstrap, "compression.type": "lz4", "linger.ms": 50})


def _asynchronous(made: type[IntegrationTracker]) -> Step:
    async def run(bootstrap: str) -> list[float]:
        slices, calls = _Slices(), [arguments(number) for number in range(CALLS)]
        async with made.to_kafka(bootstrap, buffer_events=2 * CALLS) as tracker:
            for numbers in slices.each():
                for number in numbers:
                    await tracker.track_integration_query(*calls[number])
        return slices.micros

    return lambda bootstrap: asyncio.run(run(bootstrap))


def _blocking(bootstrap: str) -> list[float]:
    slices, calls = _Slices(), [arguments(number) for number in range(CALLS)]
    with IntegrationTracker.blocking(bootstrap, buffer_events=4 * CALLS) as tracker:
        tracker.track_integration_query(*calls[0])  # which starts it
        for numbers in slices.each():
            for number in numbers:
                tracker.track_integration_query(*calls[number])
    return slices.micros


def _sending(bootstrap: str) -> list[float]:
    async def run() -> list[float]:
        async with IntegrationTracker.to_kafka(bootstrap, buffer_events=2 * CALLS) as tracker:
            for number in range(CALLS):
                await tracker.track_integration_query(*arguments(number))
            before = time.thread_time()
            await tracker.flush()
            return [(time.thread_time() - before) / CALLS * 1e6]

    return asyncio.run(run())


STEPS: Final[dict[str, Step]] = {
    "`json.dumps` of the finished event": _dumps,
    "bare confluent-kafka `produce` of finished bytes": _produce,
    "by hand: `uuid4`, `datetime.now`, `json.dumps`, `produce`": _by_hand,
    "tracker, every event by its contract (before)": _asynchronous(ContractTracker),
    "tracker, asyncio": _asynchronous(IntegrationTracker),
    "tracker, blocking": _blocking,
    "sending, later, in the event loop": _sending,
}


def measure(bootstrap: str, rounds: int) -> dict[str, list[float]]:
    """Return microseconds of CPU time a call, by slice of calls; the rounds are interleaved."""
    found: dict[str, list[float]] = {name: [] for name in STEPS}
    for _ in range(rounds):
        for name, step in STEPS.items():
            gc.collect()
            found[name] += step(bootstrap)
    return found
