"""One round: a worker process eats a log that waits for it, and is watched until everything is durable."""

from __future__ import annotations

import subprocess
import tempfile
import time
import urllib.request
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import IO, Final, NamedTuple

import psutil
from prometheus_client.parser import text_string_to_metric_families

from benchmarks.contenders import Contender, Launch, Place
from embedded.broker import Broker
from embedded.database import Database
from embedded.ports import listen
from models.errors import RomashkaError
from sinks.connection import ClickHouseAddress, connect
from sinks.migrations import migrate
from streams.kafka import KafkaAddress

_POLL_SECONDS: Final = 0.1
_PATIENCE_SECONDS: Final = 60.0
_STOP_SECONDS: Final = 20.0
_COUNTER: Final = "romashka_rows_written"
_COUNTS_SQL: Final = """
SELECT (SELECT sum(queries) FROM query_windows FINAL),
       (SELECT count() FROM integration_query_metrics FINAL),
       (SELECT uniqExact(event_id) FROM integration_query_metrics)
"""


class Servers(NamedTuple):
    """What a round needs that outlives it; ``broker`` holds the log."""

    broker: Broker
    database: Database


class Cpu(NamedTuple):
    """Seconds of processor time, or what they are per event."""

    worker: float
    database: float
    broker: float


class Sample(NamedTuple):
    """What was durable at a moment, and the processor time until then."""

    at: float
    durable: int
    cpu: Cpu


class Measured(NamedTuple):
    """A round's result. ``cpu`` is in seconds per event, ``share`` in cores."""

    events: int
    events_per_second: float
    cpu: Cpu
    share: Cpu


def run(contender: Contender, servers: Servers, events: int, progress: Callable[[int], None]) -> Measured:
    """Run one round in a fresh consumer group and database; ``progress`` is told how many events are durable.

    Raises
    ------
    RomashkaError
        The worker ended or stopped, or what it counted is not exactly what was published.
    """
    fresh = uuid.uuid4().hex[:8]
    database = ClickHouseAddress(servers.database.url, f"bench_{fresh}")
    migrate(database)
    with listen(0, "the metrics port") as free:
        metrics_port = free.getsockname()[1]
    place = Place(KafkaAddress(servers.broker.bootstrap), database, f"bench-{fresh}", metrics_port)
    with _worker(contender.launch(place)) as (process, log):
        flushes = _watch(process, log, servers, metrics_port, events, progress)
        _check(database, events)
    with connect(database) as client:
        client.command("DROP DATABASE {database:Identifier}", parameters={"database": database.database})
    return _measured(flushes)


@contextmanager
def _worker(launch: Launch) -> Iterator[tuple[subprocess.Popen[bytes], IO[bytes]]]:
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(launch.command, env=launch.environment, stdout=log, stderr=log)
        try:
            yield process, log
        finally:
            process.terminate()
            try:
                process.wait(_STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _watch(
    process: subprocess.Popen[bytes],
    log: IO[bytes],
    servers: Servers,
    port: int,
    events: int,
    progress: Callable[[int], None],
) -> list[Sample]:
    """Return a sample after every flush."""
    watched = [psutil.Process(pid) for pid in (process.pid, servers.database.pid, servers.broker.pid)]
    flushes: list[Sample] = []
    durable, changed = 0, time.monotonic()
    while durable < events:
        time.sleep(_POLL_SECONDS)
        if process.poll() is not None or time.monotonic() - changed > _PATIENCE_SECONDS:
            log.seek(0)
            tail = log.read().decode(errors="replace")[-2_000:]
            raise RomashkaError(f"the worker stopped after {durable} of {events} events. Its last words:\n{tail}")
        written = _written(port)
        if written > durable:
            durable, changed = written, time.monotonic()
            flushes.append(Sample(changed, durable, Cpu(*(_seconds(one) for one in watched))))
            progress(durable)
    return flushes


def _written(port: int) -> int:
    """Return how many events are in ClickHouse, from the worker's own counter (asked for alone, which is cheap)."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics?name[]={_COUNTER}_total", timeout=5) as answer:
            text = answer.read().decode()
    except OSError:
        return 0  # not up yet; whether it still runs is looked at elsewhere
    counts = [
        sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name == f"{_COUNTER}_total" and sample.labels["table"] == "integration_query_metrics"
    ]
    return int(sum(counts))


def _seconds(process: psutil.Process) -> float:
    times = process.cpu_times()
    return times.user + times.system


def _check(database: ClickHouseAddress, events: int) -> None:
    """Raise unless the windows add up to ``events``, and as many distinct events are stored."""
    deadline = time.monotonic() + _STOP_SECONDS
    counts: tuple[int, ...] = ()
    with connect(database) as client:
        while counts != (events, events, events):
            if time.monotonic() > deadline:
                raise RomashkaError(f"not exact: (windows, rows, distinct ids) are {counts}; expected {events} of each")
            counts = tuple(int(count) for count in client.query(_COUNTS_SQL).result_rows[0])


def _measured(flushes: list[Sample]) -> Measured:
    """Return the rates from the first flush to the last but one.

    The first one ends the start-up, and the last one waits until it is old enough, because nothing follows.
    """
    if len(flushes) < 3:
        raise RomashkaError("the round was too short to measure: it needs three flushes; use more --events")
    first, last = flushes[0], flushes[-2]
    events, seconds = last.durable - first.durable, last.at - first.at
    spent = [after - before for before, after in zip(first.cpu, last.cpu, strict=True)]
    return Measured(
        events=flushes[-1].durable,
        events_per_second=events / seconds,
        cpu=Cpu(*(one / events for one in spent)),
        share=Cpu(*(one / seconds for one in spent)),
    )
