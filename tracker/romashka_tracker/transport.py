"""What the tracker asks of whatever carries its messages."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol


class Message(NamedTuple):
    """One event on its way: ``key`` is the tenant, ``value`` the event as JSON."""

    key: bytes
    value: bytes


class Transport(Protocol):
    """Carries messages to topics. The tracker makes one call at a time per topic; topics overlap."""

    async def connect(self, topic: str) -> None:
        """Make ready to send to a topic; returns at once where that was done before.

        Raises
        ------
        Unreachable
            There is no answer, or no such topic.
        TrackerClosed
            After ``close``.
        """

    async def send(self, topic: str, batch: Sequence[Message]) -> None:
        """Deliver a batch and return once every message of it is acknowledged; connects first where needed.

        Messages with the same key arrive in the order given. Where one is not acknowledged, no later message of the
        same key in the batch is.

        Raises
        ------
        NotDelivered
            Some were not acknowledged; names which.
        Unreachable
            None was sent.
        TrackerClosed
            After ``close``.
        """

    async def close(self) -> None:
        """Let go of every connection; may be repeated."""
