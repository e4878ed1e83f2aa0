from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from contextlib import suppress

import pytest

from romashka_tracker.buffer import Counters
from romashka_tracker.lane import Lane
from romashka_tracker.memory import MemoryTransport
from romashka_tracker.transport import Message, Transport

_TOPIC = "integration.queries.v1"
_SECRET = b'{"customer_id":"olha.k@example.com"}'


def _lane(transport: Transport, *, limit: int = 100, batch_events: int = 10) -> Lane:
    return Lane(_TOPIC, transport, limit=limit, batch_events=batch_events, linger_seconds=0.0, pause_seconds=0.0)


async def _deliver(lane: Lane) -> None:
    """Run a lane until everything it has accepted is delivered."""
    task = asyncio.create_task(lane.run())
    await lane.drained(lane.counters.accepted)
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


class Sizes(MemoryTransport):
    """Remembers how large the batches were."""

    def __init__(self) -> None:
        super().__init__()
        self.sizes: list[int] = []

    async def send(self, topic: str, batch: Sequence[Message]) -> None:
        self.sizes.append(len(batch))
        await super().send(topic, batch)


class Crashing(MemoryTransport):
    """Raises what no transport should, quoting what it was given."""

    def __init__(self) -> None:
        super().__init__()
        self.crashes = 1

    async def send(self, topic: str, batch: Sequence[Message]) -> None:
        if self.crashes:
            self.crashes -= 1
            raise RuntimeError(f"cannot send {batch}")
        await super().send(topic, batch)


async def test_batches_are_no_larger_than_asked() -> None:
    transport = Sizes()
    lane = _lane(transport, batch_events=10)
    for number in range(25):
        lane.put(Message(b"acme", b"%d" % number))
    await _deliver(lane)
    assert transport.sizes == [10, 10, 5]
    assert lane.counters == Counters(accepted=25, delivered=25)


async def test_a_failed_send_is_tried_again_and_counted() -> None:
    transport = MemoryTransport()
    transport.fail_next(3)
    lane = _lane(transport)
    lane.put(Message(b"acme", b"1"))
    await _deliver(lane)
    assert transport.messages(_TOPIC) == [Message(b"acme", b"1")]
    assert lane.counters == Counters(accepted=1, delivered=1, failed_attempts=3)


async def test_only_what_failed_is_sent_again() -> None:
    transport = MemoryTransport()
    transport.fail_next(keys=[b"acme"])
    lane = _lane(transport)
    batch = [Message(b"acme", b"1"), Message(b"boreas", b"2"), Message(b"acme", b"3")]
    for message in batch:
        lane.put(message)
    await _deliver(lane)
    assert transport.messages(_TOPIC) == [batch[1], batch[0], batch[2]]


async def test_what_a_transport_should_not_raise_loses_nothing_and_is_not_quoted(
    caplog: pytest.LogCaptureFixture,
) -> None:
    transport = Crashing()
    lane = _lane(transport)
    lane.put(Message(b"acme", _SECRET))
    await _deliver(lane)
    assert transport.messages(_TOPIC) == [Message(b"acme", _SECRET)]
    assert "RuntimeError" in caplog.text
    assert "olha" not in caplog.text


async def test_trouble_is_logged_when_it_begins_and_when_it_ends(caplog: pytest.LogCaptureFixture) -> None:
    transport = MemoryTransport()
    transport.fail_next(5)
    lane = _lane(transport)
    lane.put(Message(b"acme", _SECRET))
    await _deliver(lane)
    assert [record.levelno for record in caplog.records] == [logging.WARNING, logging.WARNING]
    assert "tried again: MemoryTransport was told to fail." in caplog.messages[0]
    assert "delivered again" in caplog.messages[1]


async def test_dropping_is_logged_once_and_again_when_the_buffer_is_empty(caplog: pytest.LogCaptureFixture) -> None:
    lane = _lane(MemoryTransport(), limit=2)
    assert [lane.put(Message(b"acme", _SECRET)) for _ in range(5)] == [True, True, False, False, False]
    await _deliver(lane)
    assert len(caplog.messages) == 2
    assert "is full" in caplog.messages[0]
    assert "3 events dropped" in caplog.messages[1]
    assert lane.counters == Counters(accepted=2, delivered=2, dropped=3)


class Cancelled(Crashing):
    """Has something within it cancelled, as a client whose connection ends."""

    async def send(self, topic: str, batch: Sequence[Message]) -> None:
        if self.crashes:
            self.crashes -= 1
            raise asyncio.CancelledError
        await super().send(topic, batch)


async def test_what_is_cancelled_within_a_transport_does_not_end_the_delivery() -> None:
    """The lane's task ended without a word: its buffer filled, and nothing was sent any more."""
    transport = Cancelled()
    lane = _lane(transport)
    assert lane.put(Message(b"k", b"v"))
    await asyncio.wait_for(_deliver(lane), 5)
    assert len(transport.messages(_TOPIC)) == 1
