"""The bounded buffer of undelivered events, and its counters."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection
from dataclasses import dataclass
from enum import Enum
from itertools import islice

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

    Parameters
    ----------
    limit
        Maximum number of messages.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._waiting: deque[tuple[int, Message]] = deque()
        self.accepted = 0
        self.dropped = 0

    def __len__(self) -> int:
        return len(self._waiting)

    def put(self, message: Message) -> bool:
        """Add a message at the end; ``False`` where there is no room."""
        if len(self._waiting) >= self._limit:
            self.dropped += 1
            return False
        self._waiting.append((self.accepted, message))
        self.accepted += 1
        return True

    def head(self, count: int) -> list[Message]:
        """Return up to ``count`` of the oldest messages; they stay in the buffer."""
        return [message for _, message in islice(self._waiting, count)]

    def settle(self, count: int, undelivered: Collection[int]) -> None:
        """Remove the oldest ``count`` messages, except those at the positions that were not delivered."""
        sent = [self._waiting.popleft() for _ in range(count)]
        self._waiting.extendleft(sent[position] for position in sorted(undelivered, reverse=True))

    def outstanding(self, accepted: int) -> int:
        """Return how many of the first ``accepted`` messages ever put are still waiting."""
        return sum(number < accepted for number, _ in self._waiting)
