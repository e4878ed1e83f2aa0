"""The interface of a transport."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol


class Message(NamedTuple):
    """One event on its way: ``key`` is the tenant, ``value`` the event as JSON."""

    key: bytes
    value: bytes


class Transport(Protocol):
    """Sends messages to topics. The tracker makes one call at a time per topic; topics are concurrent."""

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
        """Close every connection. Idempotent."""
