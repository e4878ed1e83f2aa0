"""One round: a worker process consumes a backlog, and is sampled until every event is durable."""

from __future__ import annotations

import contextlib
import subprocess
import tempfile
import time
import urllib.request
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import IO, Any, Final, NamedTuple

import psutil
from prometheus_client.parser import text_string_to_metric_families

from benchmarks.contenders import Contender, Launch, Place
from embedded.broker import Broker
from embedded.database import Database
from embedded.ports import listen
from models.errors import RomashkaError
from sinks.migrations import migrate
from storage.connection import ClickHouseAddress, connect
from streams.kafka import KafkaAddress
from tests.kafka.broker import ApacheKafka

_POLL_SECONDS: Final = 0.1
_PATIENCE_SECONDS: Final = 240.0  # of a busy machine: a consumer group forms slowly there
_STOP_SECONDS: Final = 20.0
_COUNTER: Final = "romashka_rows_written"
_COUNTS_SQL: Final = """
SELECT (SELECT sum(queries) FROM query_windows FINAL),
       (SELECT count() FROM integration_query_metrics FINAL),
       (SELECT uniqExact(event_id) FROM integration_query_metrics)
"""


class Servers(NamedTuple):
    """The servers that rounds share; ``broker`` has the backlog."""

    broker: Broker | ApacheKafka
    database: Database


class Cpu(NamedTuple):
    """CPU time: in seconds, in seconds per event, or in cores.

    ``jobs`` is that of the worker's own processes for periodic jobs, ``others`` that of everything else.
    """

    worker: float
    jobs: float
    database: float
    broker: float
    others: float


class Worker(NamedTuple):
    """A running worker process; ``log`` is its output."""

    process: subprocess.Popen[bytes]
    log: IO[bytes]
    metrics_port: int


class _Watched(NamedTuple):
    worker: psutil.Process
    database: psutil.Process
    broker: psutil.Process


class Sample(NamedTuple):
    """Number of durable events at a time, and the CPU time until then."""

    at: float
    durable: int
    spent: Cpu


class Measured(NamedTuple):
    """Result of a round: CPU time per event in seconds, and the mean number of used cores."""

    events: int
    events_per_second: float
    per_event: Cpu
    cores: Cpu


def run(contender: Contender, servers: Servers, events: int, progress: Callable[[int], None]) -> Measured:
    """Run one round in a new consumer group and database; ``progress`` is called with the number of durable events.

    Raises
    ------
    RomashkaError
        The worker exited or stalled, or its counts differ from the published events.
    """
    fresh = uuid.uuid4().hex[:8]
    database = ClickHouseAddress(servers.database.url, f"bench_{fresh}")
    migrate(database)
    with listen(0, "the metrics port") as free:
        metrics_port = free.getsockname()[1]
    place = Place(KafkaAddress(servers.broker.bootstrap), database, f"bench-{fresh}", metrics_port)
    with _worker(contender.launch(place), metrics_port) as worker:
        flushes = _watch(worker, servers, events, progress)
        check(database, events)
    with connect(database) as client:
        client.command("DROP DATABASE {database:Identifier}", parameters={"database": database.database})
    return measured(flushes)


@contextmanager
def _worker(launch: Launch, metrics_port: int) -> Iterator[Worker]:
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(launch.command, env=launch.environment, stdout=log, stderr=log)
        try:
            yield Worker(process, log, metrics_port)
        finally:
            process.terminate()
            try:
                process.wait(_STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _watch(worker: Worker, servers: Servers, events: int, progress: Callable[[int], None]) -> list[Sample]:
    """Return a sample after every flush."""
    watched = _Watched._make(
        psutil.Process(pid) for pid in (worker.process.pid, servers.database.pid, servers.broker.pid)
    )
    flushes: list[Sample] = []
    durable, changed = 0, time.monotonic()
    while durable < events:
        time.sleep(_POLL_SECONDS)
        if worker.process.poll() is not None or time.monotonic() - changed > _PATIENCE_SECONDS:
            raise RomashkaError(
                f"the worker stopped after {durable} of {events} events. The end of its log:\n{_log_tail(worker)}"
            )
        written = _written(worker.metrics_port)
        if written > durable:
            durable, changed = written, time.monotonic()
            flushes.append(Sample(changed, durable, _spent(watched)))
            progress(durable)
    return flushes


def _log_tail(worker: Worker) -> str:
    worker.log.seek(0)
    return worker.log.read().decode(errors="replace")[-2_000:]


def _written(port: int) -> int:
    """Return how many events are in ClickHouse, from a counter of the worker; reading only this metric is cheap."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics?name[]={_COUNTER}_total", timeout=5) as answer:
            text = answer.read().decode()
    except OSError:
        return 0  # not started yet; the caller checks whether the process still runs
    counts = [
        sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name == f"{_COUNTER}_total" and sample.labels["table"] == "integration_query_metrics"
    ]
    return int(sum(counts))


def _spent(watched: _Watched) -> Cpu:
    worker, database, broker = (_of(one.cpu_times()) for one in watched)
    jobs = _of_children(watched.worker)
    machine = psutil.cpu_times()
    busy = sum(machine) - machine.idle - getattr(machine, "iowait", 0.0)
    return Cpu(worker, jobs, database, broker, busy - worker - jobs - database - broker)


def _of(times: Any) -> float:
    return float(times.user + times.system)


def _of_children(worker: psutil.Process) -> float:
    """Return the CPU time of all processes below a worker, those that have ended included."""
    ended = worker.cpu_times()
    spent = ended.children_user + ended.children_system
    for child in worker.children(recursive=True):
        with contextlib.suppress(psutil.NoSuchProcess):
            times = child.cpu_times()
            spent += _of(times) + times.children_user + times.children_system
    return float(spent)


def check(database: ClickHouseAddress, events: int) -> None:
    """Raise unless the window counts add up to ``events``, and the same number of distinct events is stored."""
    deadline = time.monotonic() + _STOP_SECONDS
    counts: tuple[int, ...] = ()
    with connect(database) as client:
        while counts != (events, events, events):
            if time.monotonic() > deadline:
                raise RomashkaError(f"not exact: (windows, rows, distinct ids) are {counts}; expected {events} of each")
            time.sleep(_POLL_SECONDS)
            counts = tuple(int(count) for count in client.query(_COUNTS_SQL).result_rows[0])


def measured(flushes: Sequence[Sample]) -> Measured:
    """Return the rates over the second half of the events, to the last flush but one.

    Start-up ends in the first half: imports, assignment, and the first run of all the leader's jobs. The last flush
    waits for the flush interval, because no further events arrive.
    """
    half = flushes[-1].durable / 2
    counted = [one for one in flushes if one.durable >= half][:-1]
    if len(counted) < 2:
        raise RomashkaError("the round was too short to measure: use more --events")
    first, last = counted[0], counted[-1]
    events, seconds = last.durable - first.durable, last.at - first.at
    spent = [after - before for before, after in zip(first.spent, last.spent, strict=True)]
    return Measured(
        events=flushes[-1].durable,
        events_per_second=events / seconds,
        per_event=Cpu._make(one / events for one in spent),
        cores=Cpu._make(one / seconds for one in spent),
    )
