from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Sequence
from typing import Any
from uuid import UUID, uuid4

import pytest

from romashka_tracker.buffer import BufferPolicy, Counters
from romashka_tracker.contract import HEALTH, QUERIES, TOPICS
from romashka_tracker.errors import BufferFull, DeliveryFailed, InvalidEvent, TrackerClosed, TrackerError
from romashka_tracker.memory import MemoryTransport
from romashka_tracker.tracker import IntegrationTracker
from romashka_tracker.transport import Message

_TENANT, _CONVERSATION = uuid4(), uuid4()


async def _track(tracker: IntegrationTracker) -> UUID:
    return await tracker.track_integration_query(_TENANT, _CONVERSATION, "hubspot", "contact_lookup", True, 250)


class OneTopicStuck(MemoryTransport):
    """Never answers for queries; tells when it has taken anything else."""

    def __init__(self) -> None:
        super().__init__()
        self.took_another = asyncio.Event()

    async def send(self, topic: str, batch: Sequence[Message]) -> None:
        if topic == QUERIES:
            await asyncio.Event().wait()
        await super().send(topic, batch)
        self.took_another.set()


class Impatient(IntegrationTracker):
    """Closes without waiting long."""

    async def close(self, timeout: float = 0.01) -> None:  # noqa: ASYNC109 - as in the class above
        await super().close(timeout)


async def test_leaving_the_context_delivers_everything() -> None:
    transport = MemoryTransport()
    async with IntegrationTracker(transport) as tracker:
        for _ in range(7):
            await _track(tracker)
    assert len(transport.messages(QUERIES)) == 7
    assert tracker.counters == Counters(accepted=7, delivered=7)


async def test_a_call_runs_to_its_end_without_giving_way() -> None:
    transport = MemoryTransport()
    transport.down = True
    tracker = IntegrationTracker(transport)
    await tracker.start()
    call = _track(tracker)
    with pytest.raises(StopIteration) as end:
        call.send(None)
    assert isinstance(end.value.value, UUID)
    with pytest.raises(DeliveryFailed):
        await tracker.close(timeout=0)


async def test_a_broker_that_is_down_raises_nothing_and_events_wait_for_it() -> None:
    transport = MemoryTransport()
    transport.down = True
    async with IntegrationTracker(transport) as tracker:
        for _ in range(3):
            await _track(tracker)
        with pytest.raises(DeliveryFailed, match="yet: 3") as failure:
            await tracker.flush(timeout=0.01)
        assert failure.value.outstanding == 3
        counters = tracker.counters
        assert (counters.accepted, counters.delivered, counters.buffered) == (3, 0, 3)
        assert counters.failed_attempts >= len(TOPICS)
        transport.down = False
    assert len(transport.messages(QUERIES)) == 3


async def test_flush_waits_only_for_what_was_accepted_before_it() -> None:
    transport = MemoryTransport()
    async with IntegrationTracker(transport, linger_seconds=0, batch_events=1) as tracker:
        await _track(tracker)
        flushed = asyncio.create_task(tracker.flush())
        while not flushed.done():
            await _track(tracker)
            await asyncio.sleep(0)
        assert tracker.counters.buffered > 0


async def test_a_topic_that_is_stuck_holds_up_no_other() -> None:
    transport = OneTopicStuck()
    tracker = IntegrationTracker(transport, linger_seconds=0)
    await tracker.start()
    await _track(tracker)
    await tracker.update_integration_health(_TENANT, "shopify", "healthy")
    await transport.took_another.wait()
    assert len(transport.messages(HEALTH)) == 1
    with pytest.raises(DeliveryFailed, match="yet: 1"):
        await tracker.close(timeout=0.01)


async def test_a_full_buffer_drops_the_newest_and_counts_it() -> None:
    async with IntegrationTracker(MemoryTransport(), buffer_events=2) as tracker:
        for _ in range(3):
            assert isinstance(await _track(tracker), UUID)
        assert (tracker.counters.accepted, tracker.counters.dropped) == (2, 1)


async def test_a_full_buffer_raises_where_that_is_the_policy() -> None:
    async with IntegrationTracker(MemoryTransport(), buffer_events=1, when_full=BufferPolicy.RAISE) as tracker:
        await _track(tracker)
        with pytest.raises(BufferFull, match=QUERIES):
            await _track(tracker)
        assert tracker.counters.dropped == 1


async def test_an_invalid_event_is_not_accepted() -> None:
    async with IntegrationTracker(MemoryTransport()) as tracker:
        with pytest.raises(InvalidEvent, match="integration_provider"):
            await tracker.track_integration_query(_TENANT, _CONVERSATION, "Hub Spot", "contact_lookup", True, 250)
        assert tracker.counters == Counters()


async def test_a_tracker_that_is_not_running_refuses_everything_but_closing_again() -> None:
    tracker = IntegrationTracker(MemoryTransport())
    with pytest.raises(TrackerClosed, match="start"):
        await _track(tracker)
    await tracker.start()
    await tracker.close()
    await tracker.close()
    with pytest.raises(TrackerClosed):
        await _track(tracker)
    with pytest.raises(TrackerClosed):
        await tracker.flush()
    with pytest.raises(TrackerClosed, match="make a new one"):
        await tracker.start()


async def test_starting_twice_delivers_once() -> None:
    transport = MemoryTransport()
    async with IntegrationTracker(transport) as tracker:
        await tracker.start()
        await _track(tracker)
    assert len(transport.messages(QUERIES)) == 1


async def test_closing_gives_up_after_its_time_and_closes_the_transport() -> None:
    transport = MemoryTransport()
    transport.down = True
    tracker = IntegrationTracker(transport)
    await tracker.start()
    await _track(tracker)
    with pytest.raises(DeliveryFailed, match="yet: 1"):
        await tracker.close(timeout=0.01)
    with pytest.raises(TrackerClosed):
        await transport.connect(QUERIES)


async def test_an_error_in_the_context_is_the_one_that_is_raised() -> None:
    async def chat() -> None:
        async with Impatient(OneTopicStuck()) as tracker:
            await _track(tracker)
            raise LookupError("the caller's own")

    with pytest.raises(LookupError, match="the caller's own"):
        await chat()


def test_a_call_in_a_second_event_loop_says_what_to_do() -> None:
    tracker = IntegrationTracker(MemoryTransport())

    async def leave_open() -> None:
        await tracker.start()

    asyncio.run(leave_open())
    with pytest.raises(TrackerClosed, match="another event loop"):
        asyncio.run(_track(tracker))
    with pytest.raises(TrackerClosed, match="another event loop"):
        asyncio.run(tracker.start())


async def test_a_call_after_a_fork_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    async with IntegrationTracker(MemoryTransport()) as tracker:
        with monkeypatch.context() as child:
            child.setattr("os.getpid", lambda: -1)
            with pytest.raises(TrackerClosed, match="forked"):
                await tracker.flush()


def test_leaving_without_close_says_how_many_events_are_lost() -> None:
    program = """
import asyncio
from uuid import uuid4
from romashka_tracker import IntegrationTracker, MemoryTransport

async def main():
    transport = MemoryTransport()
    transport.down = True
    tracker = IntegrationTracker(transport)
    await tracker.start()
    for _ in range(3):
        await tracker.track_integration_query(uuid4(), uuid4(), "hubspot", "x", True, 1)

asyncio.run(main())
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=30, check=True)
    assert "3 events are lost" in done.stderr


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("buffer_events", 0),
        ("buffer_events", -5),
        ("buffer_events", "10"),
        ("buffer_events", 10.0),
        ("batch_events", 0),
        ("batch_events", True),
        ("linger_seconds", -1),
        ("linger_seconds", float("nan")),
        ("linger_seconds", 3_600),
        ("when_full", "raise"),
    ],
)
def test_an_option_that_cannot_be_used_is_refused_where_it_is_given(option: str, value: Any) -> None:
    """A batch of no events kept the process from ending; a buffer of none dropped everything."""
    options: Any = {option: value}
    with pytest.raises(TrackerError, match=f"^{option} is "):
        IntegrationTracker(MemoryTransport(), **options)
    with pytest.raises(TrackerError, match=f"^{option} is "):
        IntegrationTracker.blocking("127.0.0.1:1", **options)


def test_addresses_of_brokers_are_one_text() -> None:
    servers: Any = ["127.0.0.1:9092"]
    with pytest.raises(TrackerError, match="several separated by commas"):
        IntegrationTracker.blocking(servers)
