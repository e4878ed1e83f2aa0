"""CPU time of our worker by stage: each stage alone, in this process, on the same messages as the workers."""

from __future__ import annotations

import asyncio
import gc
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any, Final, NamedTuple

import aiokafka
import pyarrow as pa

from models.rows import QUERY_METRICS
from models.topics import QUERIES
from simulator.rows import Message
from sinks.clickhouse import ClickHouseSink
from storage.connection import ClickHouseAddress
from streams.decode import RecordSource
from streams.detection.minutes import MinuteSeries
from streams.kafka import KafkaAddress
from streams.partition import QueryPartition
from streams.pseudonyms import Pseudonymiser
from streams.record_reader import Batch, RecordReader
from streams.screening import LabelScreen
from streams.transport import as_read

AIOKafkaConsumer: Any = aiokafka.AIOKafkaConsumer  # half of its methods have no type annotations

EVENTS: Final = 50_000
_BATCH: Final = 5_000
PASSES: Final = 3
_SOURCE: Final = RecordSource(QUERIES.name, topic_epoch=1, partition=0)


class Stage(NamedTuple):
    """One stage and its CPU time, in seconds per event."""

    name: str
    per_event: float


class _Record(NamedTuple):
    offset: int
    key: bytes
    value: bytes
    headers: tuple[tuple[str, bytes], ...] = ()


class _Stopwatch:
    """CPU time of this process by stage; the minimum of several passes."""

    def __init__(self) -> None:
        self.passes: list[dict[str, float]] = []

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        started = time.process_time()
        yield
        spent = self.passes[-1]
        spent[name] = spent.get(name, 0.0) + time.process_time() - started

    def stages(self, events: int) -> list[Stage]:
        return [Stage(name, min(spent[name] for spent in self.passes) / events) for name in self.passes[0]]


def measure(
    messages: Sequence[Message],
    kafka: KafkaAddress,
    database: ClickHouseAddress,
    now: datetime,
    told: Callable[[], None],
) -> list[Stage]:
    """Return the stages in the order of processing; ``told`` is called after each of ``PASSES`` passes.

    Parameters
    ----------
    messages
        At least ``EVENTS`` of the messages that were published to ``kafka``.
    database
        A migrated database to insert into.
    """
    records = [_Record(offset, key, value) for offset, (_, key, value) in enumerate(messages[:EVENTS])]
    sink = ClickHouseSink(database)
    watch = _Stopwatch()
    gc.collect()
    gc.disable()  # as timeit does, because its cost depends on the other objects in memory
    try:
        for _ in range(PASSES):
            watch.passes.append({})
            asyncio.run(_fetch(kafka, watch))
            _process(records, sink, now, watch)
            told()
    finally:
        gc.enable()
    return watch.stages(len(records))


async def _fetch(kafka: KafkaAddress, watch: _Stopwatch) -> None:
    consumer = AIOKafkaConsumer(
        bootstrap_servers=kafka.bootstrap, max_partition_fetch_bytes=4 * 1024 * 1024, key_deserializer=as_read
    )
    await consumer.start()
    try:
        partitions = [aiokafka.TopicPartition(QUERIES.name, partition) for partition in range(QUERIES.partitions)]
        consumer.assign(partitions)
        await consumer.seek_to_beginning(*partitions)
        fetched = 0
        with watch.stage("Kafka client: fetch, decompress, parse"):
            while fetched < EVENTS:
                found = await consumer.getmany(timeout_ms=1_000, max_records=min(_BATCH, EVENTS - fetched))
                fetched += sum(len(records) for records in found.values())
    finally:
        await consumer.stop()


def _process(records: Sequence[_Record], sink: ClickHouseSink, now: datetime, watch: _Stopwatch) -> None:
    reader = RecordReader(QUERIES, QUERY_METRICS, Pseudonymiser(bytes(32), "k1"), screen=LabelScreen())
    partition, minutes = QueryPartition(_SOURCE, pa.RecordBatch.from_pylist([], schema=QUERY_METRICS)), MinuteSeries()
    rows: list[pa.RecordBatch] = []
    for start in range(0, len(records), _BATCH):
        with watch.stage("parse, validate, pseudonyms"):
            (read,) = reader.read([Batch(_SOURCE, records[start : start + _BATCH])], now=now).batches
        if read.rows is None or read.rejected:
            raise AssertionError("the events of the simulator must be valid")
        with watch.stage("deduplication"):
            new = partition.fold(read.rows)
        with watch.stage("minute series"):
            for one in new:
                minutes.add(one, now)
        rows += new
    with watch.stage("minute series"):
        minutes.close(now)
    with watch.stage("windows"):
        windows = partition.take_changed()
    with watch.stage("insert, client side"):
        sink.write("integration_query_metrics", _joined(rows))
        sink.write("query_windows", _joined(windows))


def _joined(batches: list[pa.RecordBatch]) -> pa.RecordBatch:
    return pa.Table.from_batches(batches).combine_chunks().to_batches()[0]
