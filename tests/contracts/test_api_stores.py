"""The caches and rate limits of the API: what holds in one process holds with Redis."""

from __future__ import annotations

import shutil
import subprocess
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from redis.asyncio import Redis

from api.cache import Kept, MemoryStore, RedisStore, Store
from api.rate_limit import Limiter, MemoryLimiter, RedisLimiter, RequestRate

_SERVER = shutil.which("redis-server")


@pytest.fixture(scope="module")
def redis_socket(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A Redis of this test's own, which listens on a file."""
    if _SERVER is None:
        pytest.skip("there is no redis-server here; Debian's package redis-server has it")
    place = tmp_path_factory.mktemp("redis") / "s"
    command = [_SERVER, "--port", "0", "--unixsocket", str(place), "--save", "", "--appendonly", "no"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, cwd=place.parent) as server:
        deadline = time.monotonic() + 10
        while not place.exists():
            assert time.monotonic() < deadline, "Redis did not start"
            time.sleep(0.02)
        yield place
        server.terminate()


@pytest.fixture
async def redis(request: pytest.FixtureRequest) -> AsyncIterator[Redis | None]:
    if request.param == "memory":
        yield None
        return
    client = Redis(unix_socket_path=str(request.getfixturevalue("redis_socket")))
    await client.flushdb()
    yield client
    await client.aclose()


both = pytest.mark.parametrize("redis", ["memory", "redis"], indirect=True)


def store(redis: Redis | None) -> Store:
    return MemoryStore(time.time) if redis is None else RedisStore(redis, b"s" * 32)


def limiter(redis: Redis | None) -> Limiter:
    memory = MemoryLimiter(time.monotonic)
    return memory if redis is None else RedisLimiter(redis, memory)


@both
async def test_what_is_kept_comes_back_as_it_was(redis: Redis | None) -> None:
    kept = store(redis)
    assert await kept.get("a") is None
    await kept.put("a", Kept(b"\x00\xff body", 1_777_777_777.25), 60)
    await kept.put("b", Kept(b"", 1.0), 60)
    assert await kept.get("a") == Kept(b"\x00\xff body", 1_777_777_777.25)
    assert await kept.get("b") == Kept(b"", 1.0)
    await kept.put("a", Kept(b"new", 2.0), 60)
    assert await kept.get("a") == Kept(b"new", 2.0)


@both
async def test_what_is_kept_goes_after_its_time(redis: Redis | None) -> None:
    kept = store(redis)
    await kept.put("a", Kept(b"x", 1.0), 0.05)
    deadline = time.monotonic() + 5
    while await kept.get("a") is not None:
        assert time.monotonic() < deadline


@both
async def test_a_bucket_gives_its_burst_and_then_says_when_to_come_back(redis: Redis | None) -> None:
    rates, rate = limiter(redis), RequestRate(per_minute=1, burst=3)
    assert [await rates.take("a", rate) for _ in range(3)] == [0, 0, 0]
    assert 55 < await rates.take("a", rate) <= 60
    assert await rates.take("b", rate) == 0


@both
async def test_a_bucket_fills_again(redis: Redis | None) -> None:
    rates, rate = limiter(redis), RequestRate(per_minute=60_000, burst=1)
    assert await rates.take("a", rate) == 0
    deadline = time.monotonic() + 5
    while await rates.take("a", rate):
        assert time.monotonic() < deadline
