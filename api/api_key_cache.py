"""A cache of the valid API keys, read from ClickHouse every few seconds."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Final

from api.identity import Identity
from api.keys import StoredKey, parted
from api.problems import ApiError
from models.insights import ALL_TENANTS_ID

KEY_NAME: Final = "key:"
"""Begins the names of those that came with an API key; its id follows."""
# A revoked key is refused within this time.
_FRESH_SECONDS: Final = 5.0
# An unknown key causes a read of the table, but at most this often, to bound the load by invalid keys.
_BETWEEN_SECONDS: Final = 1.0


class ApiKeyCache:
    """Caches every key; invalid keys together cause at most one query a second.

    Parameters
    ----------
    read
        Reads the table of keys.
    clock
        Seconds since 1970.
    pause
        Sleeps for some seconds.
    """

    def __init__(
        self,
        read: Callable[[], Awaitable[list[StoredKey]]],
        clock: Callable[[], float],
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._read = read
        self._clock = clock
        self._pause = pause
        self._keys: dict[str, StoredKey] = {}
        self._read_at = float("-inf")
        self._reading = asyncio.Lock()
        self._uses: dict[str, datetime] = {}

    async def identity(self, text: str) -> Identity:
        """Return the identity of a key; a new key is accepted within a second.

        Raises
        ------
        ApiError
            It is unknown or revoked.
        Unreachable
            The keys cannot be read; an outdated cache is not used.
        """
        asked_at = self._clock()
        await self._refresh(asked_at - _FRESH_SECONDS)
        parts = parted(text)
        if parts is not None and parts[0] not in self._keys:
            await self._refresh(asked_at)
        key = self._keys.get(parts[0]) if parts else None
        if parts is None or key is None or not key.opens_with(parts[1]):
            raise _refused("there is no such API key")
        if key.revoked_at is not None:
            raise _refused("the API key was revoked; ask for a new one")
        self._uses[key.id] = datetime.fromtimestamp(self._clock(), UTC)
        tenants = frozenset() if key.tenant == ALL_TENANTS_ID else frozenset({key.tenant})
        return Identity(f"{KEY_NAME}{key.id}", key.label, frozenset({key.role}), tenants)

    async def is_valid(self, id_: str) -> bool:
        """Whether a key is there and not revoked; raises ``Unreachable``."""
        await self._refresh(self._clock() - _FRESH_SECONDS)
        key = self._keys.get(id_)
        return key is not None and key.revoked_at is None

    def take_uses(self) -> dict[str, datetime]:
        """Return the keys used since the last call, with times."""
        uses, self._uses = self._uses, {}
        return uses

    async def _refresh(self, since: float) -> None:
        """Read the keys, unless they were read after ``since``."""
        if self._read_at > since:
            return
        async with self._reading:
            if self._read_at > since:
                return
            if (wait := self._read_at + _BETWEEN_SECONDS - self._clock()) > 0:
                await self._pause(min(wait, _BETWEEN_SECONDS))
            began = self._clock()
            self._keys = {key.id: key for key in await self._read()}
            self._read_at = began


def _refused(why: str) -> ApiError:
    return ApiError(
        401, "wrong-key", why, headers={"WWW-Authenticate": 'Bearer realm="romashka", error="invalid_token"'}
    )
