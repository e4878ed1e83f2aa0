"""The bounded buffer of undelivered events, and its counters."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection
from dataclasses import dataclass
from enum import Enum
from threading import RLock

from romashka_tracker.transport import Message


class BufferPolicy(Enum):
    """The policy of a full buffer. Blocking is not offered: it would delay the chat."""

    DROP_NEWEST = "drop the event, count it and say so in the log"
    RAISE = "raise BufferFull"


@dataclass(frozen=True)
class Counters:
    """Counters of events. ``accepted == delivered + buffered`` always holds.

    Parameters
    ----------
    accepted
        Taken into the buffer.
    delivered
        Acknowledged by the broker.
    dropped
        Not taken because the buffer was full.
    failed_attempts
        Failed connections and deliveries, which are retried. Counts attempts, not events.
    buffered
        Not acknowledged, including those in flight.
    """

    accepted: int = 0
    delivered: int = 0
    dropped: int = 0
    failed_attempts: int = 0
    buffered: int = 0

    def __add__(self, other: Counters) -> Counters:
        return Counters(
            self.accepted + other.accepted,
            self.delivered + other.delivered,
            self.dropped + other.dropped,
            self.failed_attempts + other.failed_attempts,
            self.buffered + other.buffered,
        )


class Buffer:
    """Messages in the order they were accepted, each kept until it is acknowledged.

    Any thread may put messages, without a lock: appending to a deque is atomic. Everything else is for one thread, that
    of the delivery, except the counters.

    Parameters
    ----------
    limit
        Maximum number of messages; several threads at once may exceed it by one each.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._waiting: deque[Message] = deque()
        # The oldest, with their numbers: those that are being sent, and those of them that were not delivered.
        self._taken: list[tuple[int, Message]] = []
        self._ever_taken = 0
        self._dropped = 0
        self._lock = RLock()  # a signal handler may put while its thread holds it

    def __len__(self) -> int:
        return len(self._taken) + len(self._waiting)

    @property
    def accepted(self) -> int:
        """Messages ever put."""
        return self.counts().accepted

    @property
    def dropped(self) -> int:
        """Messages refused because there was no room."""
        return self._dropped

    def put(self, message: Message) -> bool:
        """Add a message at the end; ``False`` where there is no room."""
        if len(self._taken) + len(self._waiting) >= self._limit:
            with self._lock:
                self._dropped += 1
            return False
        self._waiting.append(message)
        return True

    def crowded(self) -> bool:
        """Whether more than half of the room is taken."""
        return 2 * len(self) > self._limit

    def head(self, count: int) -> list[Message]:
        """Return up to ``count`` of the oldest messages; they stay in the buffer."""
        with self._lock:
            return [message for _, message in self._take(count)]

    def settle(self, count: int, undelivered: Collection[int]) -> None:
        """Remove the oldest ``count`` messages, except those at the positions that were not delivered."""
        kept = set(undelivered)
        with self._lock:
            sent = self._take(count)
            self._taken[:count] = [one for position, one in enumerate(sent) if position in kept]

    def outstanding(self, accepted: int) -> int:
        """Return how many of the first ``accepted`` messages ever put are still waiting."""
        with self._lock:
            taken = sum(number < accepted for number, _ in self._taken)
            return taken + max(0, min(accepted - self._ever_taken, len(self._waiting)))

    def counts(self) -> Counters:
        """Return the counts; for any thread."""
        with self._lock:
            waiting = len(self._waiting)
            accepted, buffered = self._ever_taken + waiting, len(self._taken) + waiting
            return Counters(accepted, accepted - buffered, self._dropped, buffered=buffered)

    def _take(self, count: int) -> list[tuple[int, Message]]:
        while len(self._taken) < count and self._waiting:
            self._taken.append((self._ever_taken, self._waiting.popleft()))
            self._ever_taken += 1
        return self._taken[:count]
