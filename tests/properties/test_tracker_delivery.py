"""Whatever fails on the way, every event arrives once and a tenant's events arrive in order."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

from hypothesis import given, settings
from hypothesis import strategies as st

from romashka_tracker import MemoryTransport, Message
from romashka_tracker.lane import Lane

_TOPIC = "integration.queries.v1"
_TENANTS = (b"acme", b"boreas", b"corvid")


@dataclass(frozen=True)
class Put:
    """A tenant reports this many events at once."""

    tenant: bytes
    count: int


@dataclass(frozen=True)
class Fail:
    """The next sends fail: for some tenants, or for all."""

    times: int
    tenants: tuple[bytes, ...] | None


@dataclass(frozen=True)
class Down:
    """The broker goes away, or comes back."""

    down: bool


@dataclass(frozen=True)
class Work:
    """The loop gets this many turns to deliver."""

    turns: int


Step = Put | Fail | Down | Work
_some_tenants = st.lists(st.sampled_from(_TENANTS), min_size=1, unique=True).map(tuple)
_steps = st.lists(
    st.builds(Put, st.sampled_from(_TENANTS), st.integers(1, 6))
    | st.builds(Fail, st.integers(1, 3), st.none() | _some_tenants)
    | st.builds(Down, st.booleans())
    | st.builds(Work, st.integers(1, 10)),
    max_size=40,
)


async def _play(steps: Sequence[Step], batch_events: int, limit: int) -> None:
    transport = MemoryTransport()
    lane = Lane(_TOPIC, transport, limit=limit, batch_events=batch_events, linger_seconds=0.0, pause_seconds=0.0)
    delivering = asyncio.create_task(lane.run())
    accepted: list[Message] = []
    refused = 0
    for step in steps:
        match step:
            case Put():
                for _ in range(step.count):
                    message = Message(step.tenant, b"%d" % (len(accepted) + refused))
                    if lane.put(message):
                        accepted.append(message)
                    else:
                        refused += 1
            case Fail():
                transport.fail_next(step.times, keys=step.tenants)
            case Down():
                transport.down = step.down
            case Work():
                for _ in range(step.turns):
                    await asyncio.sleep(0)
        counters = lane.counters
        assert counters.accepted == counters.delivered + counters.buffered == len(accepted)
        assert counters.dropped == refused
    transport.down = False
    await lane.drained(len(accepted))
    delivering.cancel()
    with suppress(asyncio.CancelledError):
        await delivering

    arrived = transport.messages(_TOPIC)
    for tenant in _TENANTS:
        assert _of(tenant, arrived) == _of(tenant, accepted)
    assert len(arrived) == len(accepted) == lane.counters.delivered


def _of(tenant: bytes, messages: Sequence[Message]) -> list[Message]:
    return [message for message in messages if message.key == tenant]


@settings(deadline=None)
@given(steps=_steps, batch_events=st.integers(1, 8), limit=st.integers(1, 30))
def test_every_event_arrives_once_and_in_its_tenant_s_order(steps: list[Step], batch_events: int, limit: int) -> None:
    asyncio.run(_play(steps, batch_events, limit))
