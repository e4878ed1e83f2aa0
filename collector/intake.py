"""Validates events with the pipeline's own decoder and the producer's scope, and publishes the valid ones."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import datetime
from functools import cache
from typing import Any, Final, NamedTuple
from uuid import UUID

from collector.access import Producer
from collector.body import TOPICS, Item
from collector.publisher import EventMessage, EventPublisher, Headers
from models.keys import key_of
from models.topics import INGEST
from streams.decode import Decoder, RecordSource

UNACKNOWLEDGED: Final = "not_acknowledged"
_AT_ONCE: Final = 500
_BYTES_AT_ONCE: Final = 1024 * 1024


class EventResult(NamedTuple):
    """The result for one event. Without a ``reason`` it was accepted: Kafka has acknowledged it."""

    topic: str = ""
    event_id: str | None = None
    stage: str = ""
    reason: str = ""
    detail: str = ""

    def as_json(self) -> dict[str, Any]:
        """Return the result as part of the response."""
        if not self.reason:
            return {"status": "accepted", "event_id": self.event_id}
        answer = {"status": "rejected", "stage": self.stage, "reason": self.reason, "detail": self.detail}
        return answer if self.event_id is None else {**answer, "event_id": self.event_id}


class _Record(NamedTuple):
    """An event as a record for the decoder: ``offset`` is its position in the request; it has no key yet."""

    offset: int
    value: bytes | None
    key: bytes | None = None
    headers: Sequence[tuple[str, bytes]] = ()


class Intake:
    """Validates events and publishes the valid ones."""

    def __init__(self, publisher: EventPublisher) -> None:
        self._publisher = publisher

    async def take(
        self, producer: Producer, items: Sequence[Item], headers: Headers, *, now: datetime
    ) -> list[EventResult]:
        """Return a result for each event, in order, once Kafka has acknowledged the valid ones or failed."""
        verdicts: list[EventResult] = [EventResult()] * len(items)
        records: defaultdict[str, list[_Record]] = defaultdict(list)
        for position, item in enumerate(items):
            topic = TOPICS.get(item.topic or "")
            if topic is None:
                verdicts[position] = _no_topic(item)
            elif not producer.may_send_to(topic.name):
                verdicts[position] = _foreign(topic.name, None, "topic", f"the key may not send to {topic.name}")
            else:
                records[topic.name].append(_Record(position, item.value))
        good: list[tuple[int, EventMessage]] = []
        for name, of_topic in records.items():
            for batch in _batches(of_topic):
                good += self._judge(name, batch, producer, verdicts, now)
                await asyncio.sleep(0)  # other requests are answered in between
        good.sort(key=lambda one: one[0])  # preserves the order of a tenant's events
        acknowledged = await self._publisher.publish([message for _, message in good], headers)
        for (position, _), delivered in zip(good, acknowledged, strict=True):
            if not delivered:
                verdicts[position] = verdicts[position]._replace(
                    stage="kafka", reason=UNACKNOWLEDGED, detail="Kafka did not acknowledge the event; send it again"
                )
        return verdicts

    def _judge(
        self, topic: str, records: Sequence[_Record], producer: Producer, verdicts: list[EventResult], now: datetime
    ) -> list[tuple[int, EventMessage]]:
        decoded = _decoder(topic).decode(records, RecordSource(topic, 0, 0), now=now)
        for letter in decoded.rejected:
            verdicts[letter.offset] = EventResult(topic, None, letter.stage, letter.reason, letter.detail)
        values = {record.offset: record.value or b"" for record in records}
        keys: dict[UUID, bytes] = {}
        good = []
        for position, event in zip(decoded.offsets, decoded.events, strict=True):
            tenant, event_id = event["user_id"], str(event["event_id"])
            if not producer.may_send_for(tenant):
                verdicts[position] = _foreign(
                    topic, event_id, "tenant", "user_id: the key may not send for this tenant"
                )
                continue
            verdicts[position] = EventResult(topic, event_id)
            key = keys.get(tenant) or keys.setdefault(tenant, key_of(tenant))
            good.append((position, EventMessage(topic, key, values[position])))
        return good


def _batches(records: Sequence[_Record]) -> Iterator[list[_Record]]:
    """Yield the records in batches of bounded number and bytes: each holds up other requests while it is judged."""
    batch: list[_Record] = []
    size = 0
    for record in records:
        batch.append(record)
        size += len(record.value or b"")
        if len(batch) >= _AT_ONCE or size >= _BYTES_AT_ONCE:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


@cache
def _decoder(topic: str) -> Decoder:
    return Decoder(TOPICS[topic], keyed=False)


def _foreign(topic: str, event_id: str | None, what: str, detail: str) -> EventResult:
    return EventResult(topic, event_id, "access", f"foreign_{what}", detail)


def _no_topic(item: Item) -> EventResult:
    expected = f"expected one of {', '.join(topic.name for topic in INGEST)}"
    if item.topic is None:
        return EventResult("", None, "validate", "missing_field", f"topic: is missing; {expected}")
    return EventResult("", None, "validate", "not_allowed", f"topic: {expected}")
