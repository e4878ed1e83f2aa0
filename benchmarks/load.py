"""The events that all workers process: simulated query events, published before the measurement starts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

from models.topics import QUERIES
from simulator.rows import Message
from simulator.scenario import Scenario
from simulator.tenants import DEFAULT_TENANTS, SimulatedTenant
from streams.bulk_producer import BulkProducer, OutgoingMessage
from streams.kafka import KafkaAddress, create_topics

_SEED: Final = 7
_COPIES: Final = 4
# For the mean rate over a week; afternoons are busier, so the events cover about an hour of event time.
_SPREAD_MINUTES: Final = 60
_STEP: Final = timedelta(minutes=1)


def queries(count: int, now: datetime) -> list[Message]:
    """Return valid query events of 24 tenants, in order of time, starting at noon on Monday of last week."""
    monday = now.astimezone(UTC) - timedelta(days=now.weekday() + 7)
    start = monday.replace(hour=12, minute=0, second=0, microsecond=0)
    tenants = _tenants()
    rate = count / _SPREAD_MINUTES / sum(tenant.queries_per_minute for tenant in tenants)
    feed = Scenario(_SEED, start, start + timedelta(days=1), tenants, rate).feed(start)
    found: list[Message] = []
    reached = start
    while len(found) < count:
        reached += _STEP
        found += [message for message in feed.until(reached) if message[0] == QUERIES.name]
    return found[:count]


def publish(kafka: KafkaAddress, messages: Sequence[Message]) -> None:
    """Create the topics and publish the messages, with the tenant as key."""
    create_topics(kafka)
    with BulkProducer(kafka) as producer:
        for topic, key, value in messages:
            producer.send(OutgoingMessage(topic, key, value))


def _tenants() -> tuple[SimulatedTenant, ...]:
    return tuple(
        replace(tenant, id=UUID(int=tenant.id.int + copy), name=f"{tenant.name} {copy}")
        for copy in range(_COPIES)
        for tenant in DEFAULT_TENANTS
    )
