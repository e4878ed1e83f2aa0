"""A transport without a broker: keeps what is sent and fails when told to. For tests, yours and ours."""

from __future__ import annotations

import asyncio
from collections import defaultdict, deque
from collections.abc import Collection, Sequence

from romashka_tracker.errors import NotDelivered, TrackerClosed, Unreachable
from romashka_tracker.transport import Message


class MemoryTransport:
    """Keeps every message in memory.

    Set ``down`` to simulate an unavailable broker; ``fail_next`` simulates failed deliveries.
    """

    def __init__(self) -> None:
        self.down = False
        self._delivered: defaultdict[str, list[Message]] = defaultdict(list)
        self._failures: deque[Collection[bytes] | None] = deque()
        self._closed = False

    def messages(self, topic: str) -> list[Message]:
        """Return what was delivered to a topic, oldest first."""
        return list(self._delivered[topic])

    def fail_next(self, times: int = 1, *, keys: Collection[bytes] | None = None) -> None:
        """Let the next ``times`` sends fail, for messages with one of these keys or, without ``keys``, for all."""
        self._failures.extend([keys] * times)

    async def connect(self, topic: str) -> None:
        """Check that the transport is open and up."""
        await asyncio.sleep(0)  # A network would let other tasks run here.
        if self._closed:
            raise TrackerClosed(f"This transport is closed: it cannot send to {topic}.")
        if self.down:
            raise Unreachable(f"No broker answers for {topic}: this MemoryTransport is set to down.")

    async def send(self, topic: str, batch: Sequence[Message]) -> None:
        """Keep the messages, except those that should fail."""
        await self.connect(topic)
        failing: Collection[bytes] | None = self._failures.popleft() if self._failures else ()
        lost = [at for at, message in enumerate(batch) if failing is None or message.key in failing]
        skipped = set(lost)
        self._delivered[topic].extend(message for at, message in enumerate(batch) if at not in skipped)
        if lost:
            raise NotDelivered("MemoryTransport was told to fail.", lost)

    async def close(self) -> None:
        """Close the transport; later calls fail."""
        self._closed = True
