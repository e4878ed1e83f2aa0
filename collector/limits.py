"""Rate limit of each producer, and the bound of concurrent requests."""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from api.problems import ApiError
from api.rate_limit import seconds
from models.counting import counted

_MAX_BUCKETS: Final = 10_000


class EventQuota:
    """A token bucket of events for each producer; a burst is two seconds' worth.

    Parameters
    ----------
    per_second
        Events per second and producer.
    """

    def __init__(self, per_second: float, clock: Callable[[], float]) -> None:
        self._per_second = per_second
        self._clock = clock
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, who: str, events: int) -> None:
        """Take tokens for a request's events; the bucket may become negative, so that no batch is too large for it.

        Raises
        ------
        ApiError
            429 while the bucket is negative; says after how many seconds to retry.
        """
        now, burst = self._clock(), 2 * self._per_second
        tokens, at = self._buckets.pop(who, (burst, now))
        tokens = min(burst, tokens + (now - at) * self._per_second)
        allowed = tokens > 0
        self._buckets[who] = (tokens - events if allowed else tokens, now)
        if len(self._buckets) > _MAX_BUCKETS:
            self._buckets.popitem(last=False)
        if not allowed:
            wait = seconds(-tokens / self._per_second)
            rate = counted(round(self._per_second), "event")
            detail = f"you may send {rate} a second; wait {wait} s and send the same again"
            raise ApiError(429, "too-many", detail, headers={"Retry-After": wait})


class InFlight:
    """Bounds the bytes of requests in progress; one producer may have half of them, so that it stops no other."""

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._held: Counter[str] = Counter()

    @contextmanager
    def hold(self, who: str, size: int) -> Iterator[None]:
        """Reserve bytes for a body of a producer; raises ``ApiError`` (503) where there is none."""
        if self._held.total() + size > self._max_bytes or self._held[who] + size > self._max_bytes // 2:
            raise ApiError(
                503, "busy", "too much is under way; send the same again shortly", headers={"Retry-After": "1"}
            )
        self._held[who] += size
        try:
            yield
        finally:
            self._held[who] -= size
            if not self._held[who]:
                del self._held[who]
