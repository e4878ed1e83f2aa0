"""Detection while the number of partitions changes: a series has one monitor, and it knows what was before."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from models.keys import key_of
from sinks.memory import MemorySink
from streams.java_partitioner import home_partitions
from streams.layouts import begin_layouts, open_layout
from streams.placement import Moved, Moving
from tests.examples.events import KEY, Record
from tests.unit.streams.detecting import DetectingWorker, offset_of, queries
from tests.unit.streams.virtual_time import in_virtual_time

_EPOCH, _BEFORE, _CHANGE, _END = 11, 2, 75, 150
_DOWN = range(60, 90)
_AFTER = next(n for n in range(3, 99) if home_partitions(n)(KEY) >= _BEFORE)
_OLD, _NEW = home_partitions(_BEFORE)(KEY), home_partitions(_AFTER)(KEY)


async def _unmoved(messages: Sequence[Moved]) -> None:
    raise AssertionError(f"{len(messages)} messages are in the wrong partition")


def _worker(sink: MemorySink, partition: int) -> DetectingWorker:
    return DetectingWorker(sink, partition=partition, moving=Moving(_BEFORE, home_partitions, _unmoved))


def _of(partition: int, records: Sequence[Record]) -> list[Record]:
    """Return records as those of a tenant whose home the partition is after the change."""
    tenant = next(
        key_of(UUID(int=i)) for i in range(1, 999) if home_partitions(_AFTER)(key_of(UUID(int=i))) == partition
    )
    return [one._replace(key=tenant, value=(one.value or b"").replace(KEY, tenant)) for one in records]


def _grow(sink: MemorySink) -> None:
    begin_layouts(sink, _EPOCH, _BEFORE)
    open_layout(sink, _EPOCH, 1, _AFTER, {_OLD: offset_of(_CHANGE), 1 - _OLD: 0})


def _findings(worker: DetectingWorker) -> list[tuple[Any, ...]]:
    names = ("id", "kind", "severity", "status", "started_at", "ended_at", "title", "summary", "observed", "expected")
    mine = [row for row in worker.insights() if row["user_id"] == UUID(KEY.decode()).bytes]
    return sorted(tuple(row[name] for name in names) for row in mine)


async def _undisturbed() -> DetectingWorker:
    worker = _worker(MemorySink(), _OLD)
    for minute in range(0, _END, 15):
        await worker.read(queries(range(minute, minute + 15), down=_DOWN), until=minute + 16)
    return worker


async def _until_the_change(sink: MemorySink) -> None:
    worker = _worker(sink, _OLD)
    for minute in range(0, _CHANGE, 15):
        await worker.read(queries(range(minute, minute + 15), down=_DOWN), until=minute + 16)
    await worker.detection.save()


@in_virtual_time
async def test_an_outage_that_goes_on_in_another_partition_stays_one_with_the_same_id() -> None:
    sink = MemorySink()
    await _until_the_change(sink)
    _grow(sink)
    home = _worker(sink, _NEW)
    for minute in range(_CHANGE, _END, 15):
        await home.read(queries(range(minute, minute + 15), down=_DOWN), until=minute + 16)
    expected = _findings(await _undisturbed())
    assert len(expected) == 1
    assert _findings(home) == expected


@in_virtual_time
async def test_the_old_home_reads_its_chunk_again_without_monitoring_who_has_left() -> None:
    sink = MemorySink()
    await _until_the_change(sink)
    before = _findings(_worker(sink, _OLD))
    _grow(sink)
    old = _worker(sink, _OLD)
    again = [*queries(range(_CHANGE), down=_DOWN), *_of(_OLD, queries(range(_CHANGE, _END)))]
    for start in range(0, len(again), offset_of(15)):
        some = again[start : start + offset_of(15)]
        await old.read(some, until=some[-1].offset // offset_of(1) + 2)
    assert old.metric("watched_series") == 1
    assert _findings(old) == before, "whoever has left is not silent here"


@in_virtual_time
async def test_the_new_home_monitors_who_came_even_before_the_first_query() -> None:
    sink = MemorySink()
    await _until_the_change(sink)
    _grow(sink)
    home = _worker(sink, _NEW)
    for minute in range(_CHANGE, _END, 15):
        await home.read(_of(_NEW, queries(range(minute, minute + 15))), until=minute + 16)
    assert home.metric("watched_series") == 2
