"""The hot paths, one function each, and the process that valgrind runs: ``python -m benchmarks.instructions.paths``.

It answers on its standard output when everything is imported and has run once, then runs the path whose name it reads,
and answers again.
"""

from __future__ import annotations

import gc
import os
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final, NamedTuple
from uuid import UUID

import pyarrow as pa

from benchmarks import load
from models.rows import QUERY_METRICS
from models.topics import QUERIES
from romashka_tracker.event_writer import EventWriter
from romashka_tracker.ids import EventIds
from romashka_tracker.moments import Moments
from streams.arrow_batches import to_batch
from streams.decode import Decoder, RecordSource
from streams.detection.minutes import MinuteSeries
from streams.partition import QueryPartition
from streams.pseudonyms import Pseudonymiser
from streams.record_reader import Batch, RecordReader

EVENTS: Final = 2_000
PATHS: Final = (
    "read a clean batch",
    "fold windows",
    "minute series",
    "decoded events to Arrow",
    "write an event (tracker)",
)
NOTHING: Final = "nothing"
READY: Final = "ready"
_NOW: Final = datetime(2026, 11, 30, 12, tzinfo=UTC)
_SOURCE: Final = RecordSource(QUERIES.name, 1, 0)
_TENANT, _CONVERSATION = UUID(int=1), UUID(int=2)
_POLL_SECONDS: Final = 0.001


class _Record(NamedTuple):
    offset: int
    key: bytes
    value: bytes
    headers: tuple[tuple[str, bytes], ...] = ()


def paths() -> dict[str, Callable[[], object]]:
    """Return the paths by name; each processes ``EVENTS`` events."""
    records = [_Record(offset, key, value) for offset, (_, key, value) in enumerate(load.queries(EVENTS, _NOW))]
    pseudonymiser = Pseudonymiser(bytes(32), "k1")
    reader = RecordReader(QUERIES, QUERY_METRICS, pseudonymiser)
    decoded = Decoder(QUERIES).decode(records, _SOURCE, now=_NOW)
    (read,) = reader.read([Batch(_SOURCE, records)], now=_NOW).batches
    rows = read.rows
    if rows is None or rows.num_rows != EVENTS or len(decoded.events) != EVENTS:
        raise AssertionError("every event of the simulator is valid")
    nothing_stored = pa.RecordBatch.from_pylist([], schema=QUERY_METRICS)

    def fold() -> None:
        partition = QueryPartition(_SOURCE, nothing_stored)
        partition.fold(rows)
        partition.take_changed()

    def minutes() -> None:
        series = MinuteSeries()
        series.add(rows, _NOW)
        series.close(_NOW)

    fields = {
        "user_id": _TENANT,
        "conversation_id": _CONVERSATION,
        "integration_provider": "hubspot",
        "query_type": "contact_lookup",
        "query_success": True,
        "response_time_ms": 250,
        "data_freshness_hours": 2,
        "ai_confidence_score": 0.95,
        "customer_satisfaction_impact": 0.8,
        "data_type": None,
        "error_kind": None,
    }
    writer = EventWriter(QUERIES.name, EventIds(), Moments())

    def track() -> None:
        for _ in range(EVENTS):
            writer.message(fields, {})

    def columns() -> None:
        to_batch(decoded.events, decoded.offsets, QUERY_METRICS, _SOURCE, pseudonymiser)

    found = (lambda: reader.read([Batch(_SOURCE, records)], now=_NOW), fold, minutes, columns, track)
    return {NOTHING: lambda: None, **dict(zip(PATHS, found, strict=True))}


def _serve() -> None:
    found = paths()
    for path in found.values():
        path()
    gc.disable()
    while name := _told():
        found[name]()


def _told() -> str:
    """Answer, and return the next line of standard input.

    It looks again and again instead of waiting in the system, where valgrind could only be reached by ptrace.
    """
    print(READY, flush=True)
    os.set_blocking(sys.stdin.fileno(), False)
    line = b""
    while not line.endswith(b"\n"):
        try:
            read = os.read(sys.stdin.fileno(), 100)
        except BlockingIOError:
            time.sleep(_POLL_SECONDS)
            continue
        if not read:
            return ""
        line += read
    return line.decode().strip()


if __name__ == "__main__":
    _serve()
