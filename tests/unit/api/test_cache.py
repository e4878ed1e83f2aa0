from __future__ import annotations

import asyncio
from typing import Any, cast

import pytest

from api.cache import Cache, Kept, MemoryStore, RedisStore
from api.rate_limit import MemoryLimiter, RedisLimiter, RequestRate


class Source:
    """Answers when it is told to, and counts how often it was asked."""

    def __init__(self) -> None:
        self.asked = 0
        self.may_answer = asyncio.Event()
        self.may_answer.set()

    async def make(self) -> bytes:
        self.asked += 1
        await self.may_answer.wait()
        return str(self.asked).encode()


async def test_an_answer_is_made_once_for_all_who_ask_at_once() -> None:
    source, cache = Source(), Cache(MemoryStore(lambda: 0.0), lambda: 0.0)
    found = await asyncio.gather(*(cache.get("a", 10, source.make) for _ in range(50)))
    assert {kept.body for kept in found} == {b"1"}
    assert source.asked == 1


async def test_a_stale_answer_is_given_while_the_next_is_made() -> None:
    moment = 0.0
    source = Source()
    cache = Cache(MemoryStore(lambda: moment), lambda: moment)
    assert (await cache.get("a", 10, source.make)).body == b"1"
    moment = 11.0
    source.may_answer.clear()
    assert [(await cache.get("a", 10, source.make)).body for _ in range(3)] == [b"1"] * 3
    source.may_answer.set()
    await asyncio.gather(*cache._making.values())
    assert (await cache.get("a", 10, source.make)).body == b"2"
    assert source.asked == 2
    moment = 11.0 + 10 + 15 + 0.1
    assert (await cache.get("a", 10, source.make)).body == b"3"  # too old to be given


async def test_a_failure_is_for_who_asked_and_is_not_kept() -> None:
    cache = Cache(MemoryStore(lambda: 0.0), lambda: 0.0)

    async def fails() -> bytes:
        raise ValueError("no")

    for _ in range(2):
        with pytest.raises(ValueError, match="no"):
            await cache.get("a", 10, fails)
    assert (await cache.get("a", 10, Source().make)).body == b"1"


async def test_what_was_used_longest_ago_makes_room() -> None:
    store = MemoryStore(lambda: 0.0, most_bytes=10)
    await store.put("a", Kept(b"12345", 0), 10)
    await store.put("b", Kept(b"12345", 0), 10)
    assert await store.get("a") is not None
    await store.put("c", Kept(b"1", 0), 10)
    assert await store.get("b") is None
    assert await store.get("a") is not None


def test_the_same_content_has_the_same_etag_whenever_it_was_made() -> None:
    assert Kept(b"a", 1).etag == Kept(b"a", 2).etag != Kept(b"b", 1).etag


class Garbage:
    """A Redis in which somebody else has written."""

    def __init__(self, value: Any) -> None:
        self._value = value

    async def get(self, key: str) -> Any:
        return self._value

    async def eval(self, *_: Any) -> Any:
        return self._value


@pytest.mark.parametrize("value", [b"", b"garbage", b"nan" + b" " * 30, b"\xff" * 40, "text", 7, None, [b"x"]])
async def test_what_somebody_else_wrote_into_redis_is_no_answer_and_no_limit(value: Any) -> None:
    redis = cast("Any", Garbage(value))
    assert await RedisStore(redis, b"s" * 32).get("a") is None
    if value != 7:
        limiter = RedisLimiter(redis, MemoryLimiter(lambda: 0.0))
        waits = [await limiter.take("a", RequestRate(60, 2)) for _ in range(3)]
        assert waits == [0, 0, 1], "it counts for itself"
