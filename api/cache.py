"""Response cache in this process or in Redis, with a single computation for concurrent requests."""

from __future__ import annotations

import asyncio
import hmac
import logging
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from hmac import compare_digest
from typing import Final, Protocol

from redis.asyncio import Redis
from redis.exceptions import RedisError

log = logging.getLogger(__name__)
_HEADER: Final = 24
_SIGNATURE: Final = 32
# Seconds for which a stale answer is served while it is refreshed: clients that poll twice a minute never wait, and a
# client that returns after a minute does not get an old answer.
_GRACE_SECONDS: Final = 15.0


@dataclass(frozen=True)
class Kept:
    """The bytes of a response, and their time (seconds since 1970)."""

    body: bytes
    made_at: float

    @cached_property
    def etag(self) -> str:
        """Hash of the content."""
        return f'W/"{sha256(self.body).hexdigest()[:32]}"'


class Store(Protocol):
    """The interface of a cache store."""

    async def get(self, key: str) -> Kept | None:
        """Return the cached response, of any age."""

    async def put(self, key: str, kept: Kept, seconds: float) -> None:
        """Store a response for a number of seconds."""


class MemoryStore:
    """Caches responses in this process: least recently used, up to a number of bytes."""

    def __init__(self, clock: Callable[[], float], most_bytes: int = 64_000_000) -> None:
        self._clock = clock
        self._most_bytes = most_bytes
        self._kept: OrderedDict[str, tuple[Kept, float]] = OrderedDict()
        self._bytes = 0

    async def get(self, key: str) -> Kept | None:
        """Return what is kept."""
        found = self._kept.get(key)
        if found is None or found[1] < self._clock():
            return None
        self._kept.move_to_end(key)
        return found[0]

    async def put(self, key: str, kept: Kept, seconds: float) -> None:
        """Store a response; evict others above the limit of bytes."""
        if key in self._kept:
            self._bytes -= len(self._kept.pop(key)[0].body)
        self._kept[key] = (kept, self._clock() + seconds)
        self._bytes += len(kept.body)
        while self._bytes > self._most_bytes:
            _, (forgotten, _) = self._kept.popitem(last=False)
            self._bytes -= len(forgotten.body)


class RedisStore:
    """Keeps answers in Redis, so that several processes share them. While Redis is away nothing is kept.

    Parameters
    ----------
    secret
        What answers are signed with: of what else is found in Redis nothing is given to anybody.
    """

    def __init__(self, redis: Redis, secret: bytes) -> None:
        self._redis = redis
        self._key = sha256(b"romashka kept answers\x00" + secret).digest()

    async def get(self, key: str) -> Kept | None:
        """Return what is kept."""
        try:
            found = await self._redis.get(_name(key))
        except RedisError as error:
            log.warning("Redis does not answer (%s); nothing is cached", error)
            return None
        if not isinstance(found, bytes):
            return None
        signature, answer = found[:_SIGNATURE], found[_SIGNATURE:]
        if not compare_digest(signature, self._signature(key, answer)):
            log.warning("Redis holds something else than an answer of ours; it is made again")
            return None
        return Kept(answer[_HEADER:], float(answer[:_HEADER]))

    async def put(self, key: str, kept: Kept, seconds: float) -> None:
        """Keep an answer."""
        answer = f"{kept.made_at:{_HEADER}.6f}".encode() + kept.body
        try:
            await self._redis.set(_name(key), self._signature(key, answer) + answer, px=int(seconds * 1000))
        except RedisError as error:
            log.warning("Redis does not answer (%s); nothing is cached", error)

    def _signature(self, key: str, answer: bytes) -> bytes:
        return hmac.digest(self._key, key.encode() + b"\x00" + answer, "sha256")


class Cache:
    """Serves cached responses and refreshes stale ones.

    A stale response is served at once while one task computes the next, so only the first request waits.
    """

    def __init__(self, store: Store, clock: Callable[[], float]) -> None:
        self._store = store
        self._clock = clock
        self._making: dict[str, asyncio.Task[Kept]] = {}

    async def get(self, key: str, fresh_seconds: float, make: Callable[[], Awaitable[bytes]]) -> Kept:
        """Return a response; raises the exception of ``make`` where there is none."""
        kept = await self._store.get(key)
        if kept is not None and self._clock() - kept.made_at < fresh_seconds:
            return kept
        task = self._making.get(key)
        if task is None or task.done():
            task = asyncio.create_task(self._make(key, fresh_seconds, make))
            self._making[key] = task
            task.add_done_callback(lambda done: self._made(key, done))
        return await asyncio.shield(task) if kept is None else kept

    async def _make(self, key: str, fresh_seconds: float, make: Callable[[], Awaitable[bytes]]) -> Kept:
        kept = Kept(await make(), self._clock())
        await self._store.put(key, kept, fresh_seconds + _GRACE_SECONDS)
        return kept

    def _made(self, key: str, task: asyncio.Task[Kept]) -> None:
        if self._making.get(key) is task:
            del self._making[key]
        if not task.cancelled() and (error := task.exception()) is not None:
            log.info("an answer could not be made: %s", error)


def _name(key: str) -> str:
    return f"romashka:answer:{sha256(key.encode()).hexdigest()}"
