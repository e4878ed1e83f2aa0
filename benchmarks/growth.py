"""``make bench-growth``: how memory and time grow with series and with tenants (docs/scaling.md).

Two curves. A worker reads two minutes of ever more series, up to a million, and its memory and CPU time are sampled.
Then the leader runs each of its jobs, in a process of its own as always, over databases of ever more tenants. It is a
report: it fails only where a worker ended by itself, or where counts are not exact.
"""

from __future__ import annotations

import json
import os
import time
import uuid
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Annotated, Final, NamedTuple
from uuid import UUID

import psutil
import typer

from benchmarks.growth_rows import fill
from cli.leader_jobs import jobs_of_a_process
from cli.settings import settings
from embedded.broker import Broker
from embedded.database import Database
from jobs.roll_ups import refresh
from models.errors import RomashkaError
from models.keys import key_of
from models.topics import QUERIES
from sinks.migrations import migrate
from storage.connection import ClickHouseAddress, connect
from streams.bulk_producer import BulkProducer, OutgoingMessage
from streams.job import JobEnded
from streams.job_process import JobProcess
from streams.kafka import KafkaAddress, create_topics
from tests.integration.test_main_path import query
from tests.marks import between
from tests.worker_process import WorkerProcess, environment

_DOCUMENT: Final = Path(__file__).parents[1] / "docs" / "scaling.md"
_MEGABYTE: Final = 1 << 20
_LOOK_SECONDS: Final = 0.5
_PATIENCE_SECONDS: Final = 900.0
# Tenants and integrations of each; a series is one integration of one tenant.
_SHAPES: Final = ((1, 3), (10, 10), (100, 10), (1_000, 10), (1_000, 30), (10_000, 30), (33_334, 30))
_MINUTES: Final = 2
# Else jobs would wait for the end of a backlog (docs/adr/0055-jobs-wait-for-a-backlog.md).
_LONG_AGO: Final = "TRUNCATE TABLE touched_conversations"
_WINDOWS: Final = "SELECT sum(queries), uniqExact(user_id, integration_provider) FROM query_windows FINAL"


class Worker(NamedTuple):
    """A worker that has read two minutes of some series; memory in bytes, CPU time and duration in seconds."""

    tenants: int
    series: int
    memory: int
    cpu: float
    seconds: float


class Took(NamedTuple):
    """A run of a job: seconds, and the most memory of its process in bytes; ``ended`` says why it was terminated."""

    seconds: float
    memory: int
    ended: str = ""

    def __str__(self) -> str:
        """Return it as a cell of the table."""
        return self.ended or f"{self.seconds:.1f} s, {self.memory / _MEGABYTE:.0f} MB"


class Jobs(NamedTuple):
    """The leader's jobs over a database, by name."""

    tenants: int
    rollups: float
    took: dict[str, Took]


def main(
    tenants: Annotated[str, typer.Option(help="Tenants of the jobs' databases, separated by commas")] = (
        "1000,10000,50000"
    ),
    series: Annotated[int, typer.Option(min=3, help="Leave out shapes with more series than this")] = 1_000_020,
    write: Annotated[bool, typer.Option("--write", help="Put the tables into docs/scaling.md")] = False,
) -> None:
    """Measure a worker's memory by series, and the leader's jobs by tenants.

    Example: `make bench-growth ARGS="--tenants 1000,1000000 --series 30000"`
    """
    shapes = [shape for shape in _SHAPES if shape[0] * shape[1] <= series]
    workers = []
    for shape in shapes:
        workers.append(_worker(*shape))
        typer.echo(_worker_row(workers[-1], workers[0]), err=True)
    jobs = []
    for number in map(int, tenants.split(",")):
        jobs.append(_jobs(number))
        typer.echo(f"{number:,} tenants: {sum(one.seconds for one in jobs[-1].took.values()):.1f} s", err=True)
    text = f"{_workers_table(workers)}\n\n{_jobs_table(jobs)}"
    typer.echo(text)
    if write:
        between(_DOCUMENT, "make bench-growth ARGS=--write", text + "\n")


def _worker(tenants: int, integrations: int) -> Worker:
    series = tenants * integrations
    with Broker() as broker, Database() as database:
        kafka, address = KafkaAddress(broker.bootstrap), ClickHouseAddress(database.url, "growth")
        migrate(address)
        create_topics(kafka)
        env = environment(kafka, address, f"growth-{uuid.uuid4().hex[:8]}") | {"ROMASHKA_NEW_TENANTS_PER_HOUR": "0"}
        with WorkerProcess(env) as worker:
            worker.wait_until_ready()
            process = psutil.Process(worker.pid)
            before, began, largest = _cpu(process), time.monotonic(), 0
            with BulkProducer(kafka) as producer:
                for number, message in enumerate(_events(tenants, integrations, datetime.now(UTC))):
                    producer.send(message)
                    if number % 50_000 == 0:
                        largest = max(largest, process.memory_info().rss)
            with connect(address) as client:
                while client.query(_WINDOWS).result_rows != [(series * _MINUTES, series)]:
                    if worker.ended() or time.monotonic() - began > _PATIENCE_SECONDS:
                        raise RomashkaError(f"the worker did not count every event:\n{worker.log()[-2_000:]}")
                    largest = max(largest, process.memory_info().rss)
                    time.sleep(_LOOK_SECONDS)
            seconds = time.monotonic() - began
            return Worker(tenants, series, max(largest, process.memory_info().rss), _cpu(process) - before, seconds)


def _cpu(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


def _events(tenants: int, integrations: int, now: datetime) -> Iterator[OutgoingMessage]:
    """Yield an event of each series in each of two minutes, oldest first."""
    event = json.dumps(query() | dict.fromkeys(("event_id", "user_id", "integration_provider", "created_at"), "@"))
    parts = {name: f'"{name}": "@"' for name in ("event_id", "user_id", "integration_provider", "created_at")}
    for minute in range(_MINUTES):
        at = (now - timedelta(minutes=_MINUTES - minute)).isoformat(timespec="milliseconds")
        for tenant in range(1, tenants + 1):
            owner = UUID(int=tenant)
            key = key_of(owner)
            of_tenant = event.replace(parts["user_id"], f'"user_id": "{owner}"')
            of_tenant = of_tenant.replace(parts["created_at"], f'"created_at": "{at}"')
            for integration in range(integrations):
                value = of_tenant.replace(parts["event_id"], f'"event_id": "{uuid.uuid4()}"').replace(
                    parts["integration_provider"], f'"integration_provider": "provider_{integration}"'
                )
                yield OutgoingMessage(QUERIES.name, key, value.encode())


def _jobs(tenants: int) -> Jobs:
    with Database() as database:
        address = ClickHouseAddress(database.url, "growth")
        migrate(address)
        now = datetime.now(UTC)
        with connect(address, answer_seconds=3_600) as client:
            fill(client, tenants, now)
            began = time.monotonic()
            refresh(client)
            rollups = time.monotonic() - began
            client.command(_LONG_AGO)
        os.environ.update(environment(KafkaAddress("127.0.0.1:9"), address, "growth"))
        config = settings()
        factory = partial(jobs_of_a_process, config)
        took = {}
        for job in factory():
            process = JobProcess(job.name, factory, partial(connect, address, answer_seconds=3_600), config.job_limits)
            began, ended = time.monotonic(), ""
            try:
                process.run(now)
            except JobEnded as error:  # as in a worker, where the other jobs go on
                ended = f"terminated: {error}"
            took[job.name] = Took(time.monotonic() - began, process.memory_bytes, ended)
            process.release()
        return Jobs(tenants, rollups, took)


def _worker_row(one: Worker, base: Worker) -> str:
    more = (one.memory - base.memory) / max(one.series - base.series, 1)
    events = one.series * _MINUTES
    return (
        f"| {one.tenants:,} | {one.series:,} | {one.memory / _MEGABYTE:,.0f} | {more:,.0f} "
        f"| {one.cpu / events * 1e6:,.1f} | {events / one.seconds:,.0f} |"
    )


def _workers_table(workers: Sequence[Worker]) -> str:
    return "\n".join(
        [
            "| tenants | series | RSS of the worker, MB | bytes a further series | CPU time, µs an event | events/s |",
            "|---:|---:|---:|---:|---:|---:|",
            *(_worker_row(one, workers[0]) for one in workers),
        ]
    )


def _jobs_table(jobs: Sequence[Jobs]) -> str:
    head = " | ".join(f"{one.tenants:,} tenants" for one in jobs)
    names = sorted(jobs[-1].took, key=lambda name: -jobs[-1].took[name].seconds)
    rows = [["roll-ups from scratch", *(f"{one.rollups:.1f} s" for one in jobs)]]
    rows += [[name, *(str(one.took[name]) for one in jobs)] for name in names]
    return "\n".join(
        [f"| job | {head} |", "|---|" + "---:|" * len(jobs), *("| " + " | ".join(row) + " |" for row in rows)]
    )


if __name__ == "__main__":
    typer.run(main)
