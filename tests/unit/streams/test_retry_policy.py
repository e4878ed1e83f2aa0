"""Calls to the database are repeated with the same arguments until they work, and only while that can help."""

from __future__ import annotations

import asyncio

import pytest

from models.errors import SinkRejected, SinkUnavailable
from streams.metrics import Metrics
from streams.retry_policy import RetryPolicy
from tests.unit.streams.virtual_time import in_virtual_time


class Flaky:
    """Fails so many times, then answers; remembers what it was called with."""

    def __init__(self, failures: int, error: Exception) -> None:
        self._left = failures
        self._error = error
        self.calls: list[tuple[str, int]] = []

    def __call__(self, word: str, *, number: int) -> str:
        self.calls.append((word, number))
        if self._left:
            self._left -= 1
            raise self._error
        return word * number


@in_virtual_time
async def test_an_answer_is_returned_at_once() -> None:
    retry_policy = RetryPolicy(Metrics())
    assert await retry_policy.until_done(Flaky(0, SinkUnavailable("away")), "ab", number=2) == "abab"
    assert asyncio.get_running_loop().time() == 0
    assert not retry_policy.waiting


@in_virtual_time
async def test_the_same_call_is_repeated_ever_more_slowly() -> None:
    call = Flaky(6, SinkUnavailable("away"))
    assert await RetryPolicy(Metrics()).until_done(call, "ab", number=2) == "abab"
    assert call.calls == [("ab", 2)] * 7
    assert asyncio.get_running_loop().time() == pytest.approx(1 + 2 + 4 + 8 + 10 + 10)


@in_virtual_time
async def test_it_says_that_it_waits_and_that_it_does_no_longer() -> None:
    metrics = Metrics()
    retry_policy = RetryPolicy(metrics)
    task = asyncio.create_task(retry_policy.until_done(Flaky(1, SinkUnavailable("away")), "ab", number=2))
    await asyncio.sleep(0.5)
    during = (retry_policy.waiting, metrics.registry.get_sample_value("romashka_sink_up"))
    await task
    after = (retry_policy.waiting, metrics.registry.get_sample_value("romashka_sink_up"))
    assert (during, after) == ((True, 0), (False, 1))
    assert metrics.registry.get_sample_value("romashka_insert_failures_total") == 1


@pytest.mark.parametrize("error", [SinkRejected("no such table"), ZeroDivisionError()])
@in_virtual_time
async def test_what_time_does_not_cure_is_raised_at_once(error: Exception) -> None:
    call = Flaky(1, error)
    with pytest.raises(type(error)):
        await RetryPolicy(Metrics()).until_done(call, "ab", number=2)
    assert len(call.calls) == 1


@in_virtual_time
async def test_the_log_says_what_is_wrong_and_that_nothing_is_lost(caplog: pytest.LogCaptureFixture) -> None:
    await RetryPolicy(Metrics()).until_done(Flaky(1, SinkUnavailable("ClickHouse is away")), "ab", number=2)
    assert caplog.messages == ["ClickHouse is away; trying again in 1 s, nothing is lost"]
