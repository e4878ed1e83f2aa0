"""What parts of the job take alone, each in a process: consuming, consuming and validating, ClickHouse's own reading.

Each reads a number of events from the broker; the first of them starts the clock.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
import uuid
from collections.abc import Callable
from typing import Any, Final, NamedTuple

import aiokafka
import psutil
from pydantic import TypeAdapter

from benchmarks.peers.bare import consumer
from benchmarks.peers.job import BATCH_RECORDS
from embedded.database import Database
from models.errors import RomashkaError
from models.events import QueryEvent
from models.topics import QUERIES
from simulator.rows import Message
from sinks.migrations import migrate
from storage.connection import ClickHouseAddress, connect

_PATIENCE_SECONDS: Final = 120.0
_INSERT_ROWS: Final = 50_000


class Limit(NamedTuple):
    """Seconds of CPU time per event, and events per second."""

    per_event: float
    events_per_second: float


def run(name: str, bootstrap: str, events: int) -> Limit:
    """Measure a limit in a process of its own.

    Raises
    ------
    RomashkaError
        The process failed; has the end of its output.
    """
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.peers.limits", name, bootstrap, str(events)],
        capture_output=True,
        text=True,
        check=False,
        timeout=2 * _PATIENCE_SECONDS,
    )
    if done.returncode:
        raise RomashkaError(f"{name} failed:\n{done.stderr[-2_000:]}")
    counted, cpu, seconds = done.stdout.split()[-3:]
    return Limit(float(cpu) / int(counted), int(counted) / float(seconds))


def own_reading(database: Database, messages: list[Message]) -> Limit:
    """Insert the same bytes as ``JSONEachRow``: the CPU time is the server's."""
    address = ClickHouseAddress(database.url, f"bench_{uuid.uuid4().hex[:8]}")
    migrate(address)
    process = psutil.Process(database.pid)
    blocks = [
        b"\n".join(value for _, _, value in messages[start : start + _INSERT_ROWS])
        for start in range(0, len(messages), _INSERT_ROWS)
    ]
    settings = {"input_format_skip_unknown_fields": 1, "date_time_input_format": "best_effort"}
    with connect(address) as client:
        before, began = _spent(process), time.monotonic()
        for block in blocks:
            client.raw_insert("integration_query_metrics", insert_block=block, fmt="JSONEachRow", settings=settings)
        spent, seconds = _spent(process) - before, time.monotonic() - began
        (stored,) = client.query("SELECT uniqExact(event_id) FROM integration_query_metrics").result_rows[0]
        client.command("DROP DATABASE {database:Identifier}", parameters={"database": address.database})
    if stored != len(messages):
        raise RomashkaError(f"not exact: ClickHouse has {stored} of {len(messages)} events")
    return Limit(spent / len(messages), len(messages) / seconds)


def _spent(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


class _Clock:
    """Starts with the first events, which are not counted."""

    def __init__(self) -> None:
        self.counted = -1
        self.cpu = self.began = 0.0

    def add(self, events: int) -> None:
        if self.counted < 0 and events:
            self.counted, self.cpu, self.began = 0, time.process_time(), time.monotonic()
        elif events:
            self.counted += events

    def told(self) -> str:
        return f"{self.counted} {time.process_time() - self.cpu} {time.monotonic() - self.began}"


def _confluent(bootstrap: str, events: int, work: Callable[[list[bytes]], object]) -> _Clock:
    source, clock, seen = consumer(bootstrap, f"limit-{uuid.uuid4().hex}"), _Clock(), 0
    source.subscribe([QUERIES.name])
    patient = time.monotonic() + _PATIENCE_SECONDS
    while seen < events and time.monotonic() < patient:
        found = source.consume(BATCH_RECORDS, 0.1)
        work([bytes(value) for one in found if isinstance(value := one.value(), bytes)])
        clock.add(len(found))
        seen += len(found)
    return clock


async def _aiokafka(bootstrap: str, events: int) -> _Clock:
    made: Any = aiokafka.AIOKafkaConsumer  # half of its methods have no type annotations
    source, clock, seen = made(bootstrap_servers=bootstrap, max_partition_fetch_bytes=4 * 1024 * 1024), _Clock(), 0
    await source.start()
    partitions = [aiokafka.TopicPartition(QUERIES.name, number) for number in range(QUERIES.partitions)]
    source.assign(partitions)
    await source.seek_to_beginning(*partitions)
    while seen < events:
        found = await source.getmany(timeout_ms=1_000, max_records=BATCH_RECORDS)
        count = sum(len(records) for records in found.values())
        clock.add(count)
        seen += count
    await source.stop()
    return clock


def _validate() -> Callable[[list[bytes]], object]:
    adapter = TypeAdapter(QueryEvent)
    return lambda values: [adapter.validate_json(value) for value in values]


LIMITS: Final[dict[str, Callable[[str, int], _Clock]]] = {
    "consume, confluent-kafka": lambda bootstrap, events: _confluent(bootstrap, events, lambda _: None),
    "consume, aiokafka": lambda bootstrap, events: asyncio.run(_aiokafka(bootstrap, events)),
    "consume and validate (pydantic)": lambda bootstrap, events: _confluent(bootstrap, events, _validate()),
}


if __name__ == "__main__":
    limit, broker, number = sys.argv[1:]
    print(LIMITS[limit](broker, int(number)).told())
