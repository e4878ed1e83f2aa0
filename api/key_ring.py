"""The API keys that hold at the moment, read from ClickHouse every few seconds."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Final

from api.identity import Identity
from api.keys import StoredKey, parted
from api.problems import Refused
from models.insights import ACROSS_TENANTS

# A revoked key is refused after so long at the latest.
_FRESH_SECONDS: Final = 5.0


class KeyRing:
    """Knows every key, so that a made-up one costs no question to the database."""

    def __init__(self, read: Callable[[], Awaitable[list[StoredKey]]], clock: Callable[[], float]) -> None:
        self._read = read
        self._clock = clock
        self._keys: dict[str, StoredKey] = {}
        self._read_at = float("-inf")
        self._reading = asyncio.Lock()
        self._uses: dict[str, datetime] = {}

    async def identity(self, text: str) -> Identity:
        """Return whose key this is.

        Raises
        ------
        Refused
            It is no key of ours, or was revoked.
        Unreachable
            The keys cannot be read; an old list would let in whom it must not.
        """
        await self._refresh()
        parts = parted(text)
        key = self._keys.get(parts[0]) if parts else None
        if parts is None or key is None or not key.opens_with(parts[1]):
            raise _refused("there is no such API key")
        if key.revoked_at is not None:
            raise _refused("the API key was revoked; ask for a new one")
        self._uses[key.id] = datetime.fromtimestamp(self._clock(), UTC)
        tenants = frozenset() if key.tenant == ACROSS_TENANTS else frozenset({key.tenant})
        return Identity(f"key:{key.id}", key.label, frozenset({key.role}), tenants)

    def take_uses(self) -> dict[str, datetime]:
        """Return which keys were used since this was asked last, and when."""
        uses, self._uses = self._uses, {}
        return uses

    async def _refresh(self) -> None:
        if self._clock() - self._read_at < _FRESH_SECONDS:
            return
        async with self._reading:
            if self._clock() - self._read_at >= _FRESH_SECONDS:
                self._keys = {key.id: key for key in await self._read()}
                self._read_at = self._clock()


def _refused(why: str) -> Refused:
    return Refused(
        401, "wrong-key", why, headers={"WWW-Authenticate": 'Bearer realm="romashka", error="invalid_token"'}
    )
