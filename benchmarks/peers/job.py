"""The full job without a framework: decode, pseudonyms, columns, windows, minute series, inserts.

A framework either passes lists of records (``records``), or decodes each in a function of its own (``event``), as its
users write it, and passes the events later (``events``).
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import NamedTuple

import pyarrow as pa
from prometheus_client import CollectorRegistry, Counter, start_http_server

from models.errors import RomashkaError
from models.events import AnyEvent
from models.rows import QUERY_METRICS
from models.sync_status import DEFAULT_VOCABULARY
from models.topics import QUERIES
from sinks.clickhouse import ClickHouseSink
from storage.connection import ClickHouseAddress
from streams.arrow_batches import to_batch, with_meanings
from streams.decode import Decoder, RecordSource
from streams.detection.minutes import MinuteSeries
from streams.kafka import KafkaAddress, topic_epochs
from streams.partition import QueryPartition
from streams.pseudonyms import Pseudonymiser
from streams.record_reader import Batch, RecordReader
from streams.screening import LabelScreen

FLUSH_SECONDS = 1.0
BATCH_RECORDS = 5_000
_ROWS, _WINDOWS = "integration_query_metrics", "query_windows"


class Arguments(NamedTuple):
    """What every contender is started with."""

    mode: str
    bootstrap: str
    group: str
    clickhouse_url: str
    database: str
    metrics_port: int


class PeerRecord(NamedTuple):
    """A record as the decoder expects it."""

    offset: int
    key: bytes
    value: bytes
    headers: tuple[tuple[str, bytes], ...] = ()


def arguments(modes: Sequence[str]) -> Arguments:
    """Return the command line of a contender."""
    parser = argparse.ArgumentParser(description="the full job on another framework")
    parser.add_argument("mode", choices=modes)
    for option in ("--bootstrap", "--group", "--clickhouse-url", "--database"):
        parser.add_argument(option, required=True)
    parser.add_argument("--metrics-port", type=int, required=True)
    return Arguments(**vars(parser.parse_args()))


class Job:
    """What every contender does with what its framework brings."""

    def __init__(self, given: Arguments) -> None:
        self._epoch = topic_epochs(KafkaAddress(given.bootstrap))[QUERIES.name]
        self._sink = ClickHouseSink(ClickHouseAddress(given.clickhouse_url, given.database))
        self._pseudonymiser = Pseudonymiser(bytes(32), "k1")
        self._screen = LabelScreen()
        self._reader = RecordReader(QUERIES, QUERY_METRICS, self._pseudonymiser, screen=self._screen)
        self._decoder = Decoder(QUERIES)
        self._partitions: dict[int, QueryPartition] = {}
        self._minutes: dict[int, MinuteSeries] = {}
        self._pending: list[pa.RecordBatch] = []
        registry = CollectorRegistry()
        self._written = Counter("romashka_rows_written", "rows in ClickHouse", ["table"], registry=registry)
        start_http_server(given.metrics_port, addr="127.0.0.1", registry=registry)

    def records(self, found: Mapping[int, Sequence[PeerRecord]]) -> None:
        """Take in records by partition, read together in columns."""
        read = self._reader.read([Batch(self._source(one), some) for one, some in found.items()], now=_now())
        for partition, batch in zip(found, read.batches, strict=True):
            if batch.rows is None or batch.rejected:
                raise RomashkaError("an event of the benchmark was rejected; every one of them should be valid")
            self._fold(partition, batch.rows)

    def event(self, partition: int, record: PeerRecord) -> AnyEvent:
        """Decode one record."""
        (event,) = self._decoder.decode([record], self._source(partition), now=_now()).events
        return event

    def events(self, partition: int, events: Sequence[AnyEvent], offsets: Sequence[int]) -> None:
        """Take in decoded events of a partition."""
        rows = to_batch(events, offsets, QUERY_METRICS, self._source(partition), self._pseudonymiser)
        rows, _ = self._screen.rows(with_meanings(rows, DEFAULT_VOCABULARY))
        self._fold(partition, rows)

    def flush(self) -> bool:
        """Insert what is pending, one insert a table; ``False`` where there was nothing."""
        if not self._pending:
            return False
        rows = _joined(self._pending)
        windows = [one for partition in self._partitions.values() for one in partition.take_changed()]
        self._sink.write(_ROWS, rows)
        self._sink.write(_WINDOWS, _joined(windows))
        self._pending.clear()
        for minutes in self._minutes.values():
            minutes.close(_now())
        self._written.labels(_ROWS).inc(rows.num_rows)
        return True

    def _source(self, partition: int) -> RecordSource:
        return RecordSource(QUERIES.name, self._epoch, partition)

    def _fold(self, partition: int, rows: pa.RecordBatch) -> None:
        if partition not in self._partitions:
            nothing = pa.RecordBatch.from_pylist([], schema=QUERY_METRICS)
            self._partitions[partition] = QueryPartition(self._source(partition), nothing)
            self._minutes[partition] = MinuteSeries()
        for new in self._partitions[partition].fold(rows):
            self._minutes[partition].add(new, _now())
            self._pending.append(new)


class Waiting:
    """Events that were decoded one by one and wait for the next flush."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self._events: dict[int, list[tuple[AnyEvent, int]]] = {}

    def add(self, partition: int, record: PeerRecord) -> None:
        """Decode a record and keep its event."""
        self.keep(partition, self._job.event(partition, record), record.offset)

    def keep(self, partition: int, event: AnyEvent, offset: int) -> None:
        """Keep a decoded event."""
        self._events.setdefault(partition, []).append((event, offset))

    def take_in(self) -> None:
        """Pass what waits to the job."""
        for partition, pairs in self._events.items():
            self._job.events(partition, [event for event, _ in pairs], [offset for _, offset in pairs])
        self._events.clear()


def by_partition(records: Iterable[tuple[int, PeerRecord]]) -> dict[int, list[PeerRecord]]:
    """Group records by partition."""
    found: dict[int, list[PeerRecord]] = {}
    for partition, record in records:
        found.setdefault(partition, []).append(record)
    return found


def _joined(batches: Sequence[pa.RecordBatch]) -> pa.RecordBatch:
    return pa.Table.from_batches(batches).combine_chunks().to_batches()[0]


def _now() -> datetime:
    return datetime.now(UTC)
