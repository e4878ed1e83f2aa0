"""Rate limits: token buckets, in this process or in Redis."""

from __future__ import annotations

import logging
import math
from collections import OrderedDict
from collections.abc import Callable
from math import inf
from typing import Final, NamedTuple, Protocol

from redis.asyncio import Redis
from redis.exceptions import RedisError

log = logging.getLogger(__name__)
_MAX_BUCKETS: Final = 10_000
# Uses Redis's clock, so that several processes agree. Returns milliseconds to wait, 0 where a token was taken.
_TAKE: Final = """
local now = redis.call('TIME')
local at = now[1] * 1000 + math.floor(now[2] / 1000)
local found = redis.call('HMGET', KEYS[1], 'tokens', 'at')
local rate, burst = tonumber(ARGV[1]), tonumber(ARGV[2])
local tokens = tonumber(found[1]) or burst
if tokens ~= tokens then tokens = burst end
tokens = math.min(burst, tokens + (at - (tonumber(found[2]) or at)) * rate)
local wait = 0
if tokens < 1 then wait = math.ceil((1 - tokens) / rate) else tokens = tokens - 1 end
redis.call('HSET', KEYS[1], 'tokens', tostring(tokens), 'at', tostring(at))
redis.call('PEXPIRE', KEYS[1], math.ceil(burst / rate) + 1000)
return wait
"""


class RequestRate(NamedTuple):
    """A rate per minute, and a burst size."""

    per_minute: float
    burst: int


class Limiter(Protocol):
    """The interface of a rate limiter."""

    async def take(self, who: str, rate: RequestRate) -> float:
        """Take a token for a name; return 0, or the seconds until the next one."""


class MemoryLimiter:
    """Buckets of this process; the least recently used ones are dropped, which resets them."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    async def take(self, who: str, rate: RequestRate) -> float:
        """Take a token; see ``Limiter``."""
        now, per_second = self._clock(), rate.per_minute / 60
        tokens, at = self._buckets.pop(who, (float(rate.burst), now))
        tokens = min(float(rate.burst), tokens + (now - at) * per_second)
        wait = 0.0 if tokens >= 1 else (1 - tokens) / per_second
        self._buckets[who] = (tokens if wait else tokens - 1, now)
        if len(self._buckets) > _MAX_BUCKETS:
            self._buckets.popitem(last=False)
        return wait


class RedisLimiter:
    """Buckets shared by several processes. While Redis is unavailable each process counts for itself."""

    def __init__(self, redis: Redis, otherwise: Limiter) -> None:
        self._redis = redis
        self._otherwise = otherwise

    async def take(self, who: str, rate: RequestRate) -> float:
        """Take a token; see ``Limiter``."""
        try:
            wait = await self._redis.eval(_TAKE, 1, f"romashka:rate:{who}", rate.per_minute / 60_000, rate.burst)
        except RedisError as error:
            log.warning("Redis does not answer (%s); rates are limited in this process alone", error)
            return await self._otherwise.take(who, rate)
        try:
            waited = float(wait) / 1000
        except (TypeError, ValueError):
            return await self._otherwise.take(who, rate)
        return waited if 0 <= waited < inf else await self._otherwise.take(who, rate)


def seconds(wait: float) -> str:
    """Return a wait as the value of ``Retry-After``."""
    return str(max(1, math.ceil(wait)))
