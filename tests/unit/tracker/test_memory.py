"""What only the fake has: failures on demand. The rest is in tests/contracts/test_tracker_transports.py."""

from __future__ import annotations

import pytest

from romashka_tracker.errors import NotDelivered
from romashka_tracker.memory import MemoryTransport
from romashka_tracker.transport import Message

_BATCH = [Message(b"acme", b"1"), Message(b"boreas", b"2"), Message(b"acme", b"3")]


async def test_a_failure_without_keys_takes_nothing() -> None:
    transport = MemoryTransport()
    transport.fail_next()
    with pytest.raises(NotDelivered) as failure:
        await transport.send("topic", _BATCH)
    assert list(failure.value.positions) == [0, 1, 2]
    assert transport.messages("topic") == []


async def test_a_failure_with_keys_takes_the_other_messages() -> None:
    transport = MemoryTransport()
    transport.fail_next(keys=[b"acme"])
    with pytest.raises(NotDelivered) as failure:
        await transport.send("topic", _BATCH)
    assert list(failure.value.positions) == [0, 2]
    assert transport.messages("topic") == [Message(b"boreas", b"2")]


async def test_failures_last_for_as_many_sends_as_asked() -> None:
    transport = MemoryTransport()
    transport.fail_next(2)
    for _ in range(2):
        with pytest.raises(NotDelivered):
            await transport.send("topic", _BATCH)
    await transport.send("topic", _BATCH)
    assert transport.messages("topic") == _BATCH
