"""Delivery flushes by size and age, repeats the identical batch until it is durable, and bounds what waits."""

from __future__ import annotations

import asyncio

import pyarrow as pa
import pytest

from models.errors import SinkRejected, SinkUnavailable
from storage.payload_cipher import PayloadCipher, place_of
from streams.delivery import Limits
from streams.windows import Chunk
from tests.examples.events import NOW, SECRET
from tests.examples.queries import SOURCE, Query, batch_of
from tests.unit.streams.delivering import PARTITION, TABLE, Place
from tests.unit.streams.virtual_time import in_virtual_time

_LIMITS = Limits(flush_rows=10, flush_seconds=1.0, max_rows=20)
_AWAY = SinkUnavailable("ClickHouse does not answer")


def _windows() -> pa.RecordBatch:
    chunk = Chunk(SOURCE, 0)
    chunk.add(batch_of([Query(1, 1)]))
    rows = chunk.take_changed()
    assert rows is not None
    return rows


@in_virtual_time
async def test_rows_wait_a_quarter_of_a_second_where_the_database_is_quick() -> None:
    place = Place(_LIMITS)
    async with place.running():
        for offset in (1, 2):
            place.put(offset)
            await asyncio.sleep(0.24)
            assert offset not in place.offsets
            await asyncio.sleep(0.02)
            assert offset in place.offsets


@pytest.mark.parametrize(
    ("flush", "pause"), [(0.0, 0.25), (0.05, 0.25), (0.1, 0.4), (0.2, 0.8), (0.3, 1.0), (9.0, 1.0)]
)
def test_the_longer_a_flush_takes_the_more_is_gathered_for_the_next_up_to_the_flush_age(
    flush: float, pause: float
) -> None:
    assert _LIMITS.pause_after(flush) == pytest.approx(pause)
    assert _LIMITS._replace(flush_seconds=0.1).pause_after(flush) == 0.1


@in_virtual_time
async def test_after_a_flush_that_took_long_rows_wait_for_the_flush_age_and_no_longer() -> None:
    place = Place(_LIMITS)
    place.sink.fail_next([_AWAY])
    async with place.running():
        place.put(1)
        await asyncio.sleep(1.5)  # a quarter of a second, and the second until the try that works
        assert place.offsets == [1]
        place.put(2)
        await asyncio.sleep(0.99)
        assert place.offsets == [1]
        await asyncio.sleep(0.02)
        assert place.offsets == [1, 2]


@in_virtual_time
async def test_enough_rows_are_written_at_once() -> None:
    place = Place(_LIMITS)
    async with place.running():
        place.put(*range(9))
        await asyncio.sleep(0.01)
        assert place.offsets == []
        place.put(9)
        await asyncio.sleep(0.01)
        assert place.offsets == list(range(10))


@in_virtual_time
async def test_a_rejected_message_counts_as_ten_rows() -> None:
    place = Place(_LIMITS._replace(flush_rows=20))
    async with place.running():
        place.put(*range(9), rejected=[9])
        await asyncio.sleep(0.01)
        assert place.offsets == []
        place.put(10)
        await asyncio.sleep(0.01)
        assert place.sink.rows("dead_letters")


@in_virtual_time
async def test_two_rejected_messages_are_enough_for_the_caller_to_wait() -> None:
    place = Place(_LIMITS)
    place.put(rejected=[1])
    async with asyncio.timeout(1):
        await place.delivery.capacity()
    place.put(rejected=[2])
    waiting = asyncio.create_task(place.delivery.capacity())
    await asyncio.sleep(5)
    assert not waiting.done()
    async with place.running():
        await waiting


@in_virtual_time
async def test_a_long_flush_of_dead_letters_is_progress_and_one_that_kafka_does_not_take_is_none() -> None:
    place = Place(Limits())
    async with place.running():
        place.put(rejected=range(2_500))
        await place.delivery.drain(5)
        assert [batch.num_rows for batch in place.published] == [1_000, 1_000, 500]
        written = place.delivery.steps
        assert written == 1 + 3
        place.kafka_takes_them.clear()
        place.put(rejected=[3_000])
        await asyncio.sleep(5)
        assert place.delivery.steps == written + 1, "they are in ClickHouse"
        await asyncio.sleep(90)
        assert place.delivery.steps == written + 1


@in_virtual_time
async def test_batches_of_a_table_are_written_as_one() -> None:
    place = Place(_LIMITS)
    async with place.running():
        place.put(1, 2)
        place.put(3)
        assert await place.delivery.drain(1)
    assert [(table, batch.num_rows) for table, batch in place.sink.written] == [(TABLE, 3)]


@in_virtual_time
async def test_nothing_is_written_while_nothing_arrives() -> None:
    place = Place(_LIMITS)
    async with place.running():
        await asyncio.sleep(3600)
    assert place.sink.attempts == []


@pytest.mark.parametrize("failures", [1, 2, 7])
@in_virtual_time
async def test_the_identical_batch_is_tried_again_until_the_database_is_back(failures: int) -> None:
    place = Place(_LIMITS)
    place.sink.fail_next([_AWAY] * failures)
    async with place.running():
        place.put(1, 2)
        await asyncio.sleep(1.5)
        place.put(3)
        assert await place.delivery.drain(3600)
    tries = [batch for _, batch in place.sink.attempts][: failures + 1]
    assert all(batch.equals(tries[0]) for batch in tries)
    assert place.offsets == [1, 2, 3]


@in_virtual_time
async def test_tries_are_at_least_a_second_apart_and_slow_down_to_every_ten() -> None:
    place = Place(_LIMITS)
    place.sink.fail_next([_AWAY] * 1000)
    async with place.running():
        place.put(1)
        await asyncio.sleep(301)
    assert 30 <= len(place.sink.attempts) <= 35


@in_virtual_time
async def test_metrics_say_that_the_database_is_away_and_that_it_is_back() -> None:
    place = Place(_LIMITS)
    place.sink.fail_next([_AWAY] * 2)
    async with place.running():
        place.put(1)
        await asyncio.sleep(1.5)
        assert _value(place, "romashka_sink_up") == 0
        assert await place.delivery.drain(3600)
    assert _value(place, "romashka_sink_up") == 1
    assert _value(place, "romashka_insert_failures_total") == 2
    assert _value(place, "romashka_rows_written_total", table=TABLE) == 1


@in_virtual_time
async def test_a_batch_that_the_database_will_never_take_ends_the_delivery() -> None:
    place = Place(_LIMITS)
    place.sink.fail_next([SinkRejected("no such column")])
    task = asyncio.create_task(place.delivery.run())
    place.put(1)
    with pytest.raises(SinkRejected, match="no such column"):
        await task
    assert place.delivery.safe(PARTITION) is None
    assert not await place.delivery.drain(5)


@in_virtual_time
async def test_what_is_not_durable_is_not_safe() -> None:
    place = Place(_LIMITS)
    place.sink.fail_next([_AWAY] * 3)
    async with place.running():
        assert place.delivery.safe(PARTITION) is None
        place.put(1, 2)
        await asyncio.sleep(2.0)
        assert place.delivery.safe(PARTITION) is None
        assert await place.delivery.drain(3600)
        assert place.delivery.safe(PARTITION) == 3


@in_virtual_time
async def test_nothing_is_safe_before_its_windows_and_dead_letters_are_durable_too() -> None:
    place = Place(_LIMITS)
    async with place.running():
        place.put(1)
        place.put(rejected=[2])
        place.windows.append(_windows())
        place.sink.fail_next([_AWAY])
        await asyncio.sleep(0.5)
        # The queries are written by now; ask at every table that follows.
        seen = []
        while (safe := place.delivery.safe(PARTITION)) is None:
            seen.append([table for table, _ in place.sink.written])
            await asyncio.sleep(0.1)
        assert safe == 3
    assert [table for table, _ in place.sink.written] == [TABLE, "query_windows", "dead_letters"]
    assert seen
    assert len(place.published) == 1


@in_virtual_time
async def test_nothing_is_safe_before_its_dead_letters_are_published() -> None:
    place = Place(_LIMITS)
    place.kafka_takes_them.clear()
    async with place.running():
        place.put(rejected=[1])
        await asyncio.sleep(5)
        assert place.sink.rows("dead_letters")
        assert place.delivery.safe(PARTITION) is None
        place.kafka_takes_them.set()
        assert await place.delivery.drain(5)
        assert place.delivery.safe(PARTITION) == 2


@in_virtual_time
async def test_dead_letters_are_sealed_in_both_places() -> None:
    place = Place(_LIMITS)
    async with place.running():
        place.put(rejected=[4])
        assert await place.delivery.drain(5)
    (row,) = place.sink.rows("dead_letters")
    (published,) = place.published[0].to_pylist()
    assert published == row
    assert (row["stage"], row["reason"], row["received_at"]) == ("decode", "invalid_json", NOW)
    assert b"key" not in row["message_key"]
    where = place_of(row["topic"], row["topic_epoch"], row["partition"], row["offset"])
    assert PayloadCipher(SECRET).open(row["raw"], where) == b"{"


@in_virtual_time
async def test_the_caller_waits_while_too_much_is_waiting() -> None:
    place = Place(_LIMITS)
    place.sink.fail_next([_AWAY] * 4)
    async with place.running():
        place.put(*range(10))
        await asyncio.sleep(0.1)
        place.put(*range(10, 30))
        waiting = asyncio.create_task(place.delivery.capacity())
        await asyncio.sleep(5)
        assert not waiting.done()
        await asyncio.sleep(60)
        assert waiting.done()
    assert place.offsets == list(range(30))


@in_virtual_time
async def test_there_is_capacity_below_the_limit() -> None:
    place = Place(_LIMITS)
    place.put(*range(19))
    async with asyncio.timeout(1):
        await place.delivery.capacity()


@in_virtual_time
async def test_draining_writes_what_waits_without_waiting_for_its_age() -> None:
    place = Place(_LIMITS._replace(flush_seconds=3600.0))
    async with place.running():
        place.put(1)
        await asyncio.sleep(1)
        assert await place.delivery.drain(1)
    assert place.offsets == [1]


@in_virtual_time
async def test_draining_nothing_is_done_at_once() -> None:
    place = Place(_LIMITS)
    async with place.running():
        assert await place.delivery.drain(0.01)


@in_virtual_time
async def test_draining_gives_up_in_time_while_the_database_is_away() -> None:
    place = Place(_LIMITS)
    place.sink.fail_next([_AWAY] * 1000)
    async with place.running():
        place.put(1)
        started = asyncio.get_running_loop().time()
        assert not await place.delivery.drain(10)
        assert asyncio.get_running_loop().time() - started == pytest.approx(10)


@in_virtual_time
async def test_draining_waits_for_what_arrived_during_a_flush() -> None:
    place = Place(_LIMITS)
    place.sink.fail_next([_AWAY])
    async with place.running():
        place.put(1)
        await asyncio.sleep(1.5)
        place.put(2)
        assert await place.delivery.drain(60)
    assert place.offsets == [1, 2]
    assert place.delivery.safe(PARTITION) == 3


@in_virtual_time
async def test_what_is_forgotten_before_it_is_written_leaves_no_trace() -> None:
    place = Place(_LIMITS)
    async with place.running():
        place.put(1)
        place.delivery.forget()
        assert await place.delivery.drain(60)
    assert place.sink.attempts == []
    assert place.delivery.safe(PARTITION) is None


@in_virtual_time
async def test_a_flush_of_before_a_rebalance_says_nothing_about_what_is_read_again_after_it() -> None:
    place = Place(_LIMITS)
    place.sink.fail_next([_AWAY])
    async with place.running():
        place.put(1, 2)
        await asyncio.sleep(1.5)  # the flush has failed once and tries again at 2.0
        place.delivery.forget()
        place.put(1, 2)
        await asyncio.sleep(0.8)
        assert place.offsets == [1, 2]
        assert place.delivery.safe(PARTITION) is None
        assert await place.delivery.drain(60)
        assert place.delivery.safe(PARTITION) == 3


@in_virtual_time
async def test_it_can_be_cancelled_in_the_moment_in_which_it_is_told_to_flush() -> None:
    place = Place(_LIMITS)
    task = asyncio.create_task(place.delivery.run())
    place.put(1)
    await asyncio.sleep(0.1)
    place.delivery.forget()
    await place.delivery.drain(1)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


@in_virtual_time
async def test_partitions_are_safe_independently() -> None:
    place = Place(_LIMITS)
    async with place.running():
        place.put(5)
        assert await place.delivery.drain(1)
    assert place.delivery.safe(("integration.queries.v1", 4)) is None


def _value(place: Place, name: str, **labels: str) -> float | None:
    return place.metrics.registry.get_sample_value(name, labels)
