"""Concurrency limits by identity and by tenant, for resources that all callers share."""

from __future__ import annotations

import asyncio
from collections import Counter
from contextvars import ContextVar
from typing import Final

from api.identity import Identity

HOLDERS: Final[ContextVar[tuple[str, ...]]] = ContextVar("HOLDERS", default=())
"""The holders that the current request counts for: its identity, and its tenant where it has only one."""


def holders_of(identity: Identity) -> tuple[str, ...]:
    """Return the holders that an identity's requests count for."""
    own = [f"tenant:{tenant}" for tenant in identity.tenants] if len(identity.tenants) == 1 else []
    return (identity.name, *own)


class Shares:
    """Counts the places of each holder, up to a limit.

    Parameters
    ----------
    limit
        Maximum number of places of one holder; 1 or more.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._held: Counter[str] = Counter()
        self._waiting: set[asyncio.Future[None]] = set()

    def take(self, holders: tuple[str, ...]) -> bool:
        """Take a place for each holder; return whether all were below their limit."""
        if any(self._held[one] >= self._limit for one in holders):
            return False
        self._held.update(holders)
        return True

    async def wait(self, holders: tuple[str, ...]) -> None:
        """Take a place as soon as one is free."""
        while not self.take(holders):
            turn = asyncio.get_running_loop().create_future()
            self._waiting.add(turn)
            try:
                await turn
            finally:
                self._waiting.discard(turn)

    def give_back(self, holders: tuple[str, ...]) -> None:
        """Release a place."""
        self._held.subtract(holders)
        for one in holders:
            if self._held[one] <= 0:
                del self._held[one]
        for turn in self._waiting:
            if not turn.done():
                turn.set_result(None)
