from __future__ import annotations

from pathlib import Path

import pytest
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from api.rate_limit import MemoryLimiter, RedisLimiter, RequestRate, seconds

RATE = RequestRate(per_minute=60, burst=3)


async def test_a_bucket_gives_its_burst_and_then_what_comes_in() -> None:
    moment = 0.0
    limiter = MemoryLimiter(lambda: moment)
    assert [await limiter.take("a", RATE) for _ in range(5)] == [0, 0, 0, 1, 1]
    assert await limiter.take("b", RATE) == 0
    moment = 0.5
    assert await limiter.take("a", RATE) == pytest.approx(0.5)
    moment = 1.0
    assert [await limiter.take("a", RATE) for _ in range(2)] == [0, 1]
    moment = 1_000.0
    assert [await limiter.take("a", RATE) for _ in range(4)] == [0, 0, 0, 1]


async def test_buckets_that_nobody_uses_are_forgotten() -> None:
    limiter = MemoryLimiter(lambda: 0.0)
    assert [await limiter.take("first", RequestRate(1, 1)) for _ in range(2)] == [0, 60]
    for number in range(10_000):
        await limiter.take(str(number), RequestRate(1, 1))
    assert await limiter.take("first", RequestRate(1, 1)) == 0


async def test_each_process_counts_for_itself_while_redis_is_away(tmp_path: Path) -> None:
    redis = Redis(unix_socket_path=str(tmp_path / "nobody"), retry=Retry(NoBackoff(), 0))
    limiter = RedisLimiter(redis, MemoryLimiter(lambda: 0.0))
    assert [await limiter.take("a", RequestRate(60, 1)) for _ in range(2)] == [0, 1]
    await redis.aclose()


@pytest.mark.parametrize(("wait", "text"), [(0.01, "1"), (1.2, "2"), (60.0, "60")])
def test_a_wait_is_said_in_whole_seconds(wait: float, text: str) -> None:
    assert seconds(wait) == text
