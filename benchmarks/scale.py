"""``make bench-scale``: one and two workers on one machine, and a rebalance under load (docs/scaling.md).

A backlog waits in Kafka; workers read it until every event is durable in ClickHouse. It is a report: it fails only
where a worker ended, or where the counts are not exact.
"""

from __future__ import annotations

import os
import time
import uuid
from collections.abc import Sequence
from contextlib import ExitStack
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Final, NamedTuple

import psutil
import typer

from benchmarks import load
from benchmarks.rounds import check
from embedded.broker import Broker
from embedded.database import Database
from models.errors import RomashkaError
from models.topics import QUERIES
from sinks.migrations import migrate
from storage.connection import ClickHouseAddress
from streams.kafka import KafkaAddress
from tests.kafka.broker import ApacheKafka
from tests.marks import between
from tests.worker_process import WorkerProcess, environment

_DOCUMENT: Final = Path(__file__).parents[1] / "docs" / "scaling.md"
_LOOK_SECONDS: Final = 0.1
_PATIENCE_SECONDS: Final = 180.0
_JOINS_AFTER: Final = 0.25
_WRITTEN: Final = "romashka_rows_written_total"


class Run(NamedTuple):
    """One backlog read to its end.

    Attributes
    ----------
    name
        How many workers, and when they started.
    seconds
        From the first durable row until the consumer lag is zero.
    shares
        Rows that each worker wrote, as a share of all.
    cores
        Cores that each worker kept busy on average.
    pause
        The longest time without a new durable row, in seconds.
    joined
        Seconds from the start of the last worker until its first durable row; ``None`` where all start at once.
    """

    name: str
    events: int
    seconds: float
    shares: Sequence[float]
    cores: Sequence[float]
    pause: float
    joined: float | None


class _Look(NamedTuple):
    at: float
    written: tuple[float, ...]  # by worker


def main(
    events: Annotated[int, typer.Option(min=100_000, help="Query events of the backlog")] = 600_000,
    apache: Annotated[bool, typer.Option(help="On Apache Kafka from its Maven artifacts")] = False,
    write: Annotated[bool, typer.Option("--write", help="Put the table into docs/scaling.md")] = False,
) -> None:
    """Measure one and two workers on a backlog, and a rebalance while it is read.

    Example: `make bench-scale ARGS="--events 1000000 --apache --write"`
    """
    messages = load.queries(events, datetime.now(UTC))
    with ApacheKafka() if apache else Broker() as broker, Database() as database:
        kafka = KafkaAddress(broker.bootstrap)
        load.publish(kafka, messages)
        del messages
        plans = {"1 worker": (0.0,), "2 workers": (0.0, 0.0), "1 worker, then 2": (0.0, _JOINS_AFTER)}
        runs = [_run(name, kafka, database, events, starts) for name, starts in plans.items()]
    text = _table(runs, "Apache Kafka" if apache else "the embedded broker")
    typer.echo(text)
    if write:
        between(_DOCUMENT, "make bench-scale ARGS=--write", text + "\n")


def _run(name: str, kafka: KafkaAddress, database: Database, events: int, starts: Sequence[float]) -> Run:
    """Read the backlog; ``starts`` is the share of the events that are durable when each worker starts."""
    fresh = uuid.uuid4().hex[:8]
    address = ClickHouseAddress(database.url, f"scale_{fresh}")
    migrate(address)
    env = environment(kafka, address, f"scale-{fresh}")
    with ExitStack() as running:
        workers: list[WorkerProcess] = []
        started: list[float] = []
        looks: list[_Look] = []
        while not looks or sum(looks[-1].written) < events:
            while len(workers) < len(starts) and sum(_written(workers)) >= starts[len(workers)] * events:
                workers.append(running.enter_context(WorkerProcess(env)))
                started.append(time.monotonic())
            time.sleep(_LOOK_SECONDS)
            _add(looks, _Look(time.monotonic(), _written(workers)), started[0], workers)
        check(address, events)
        spent = [sum(psutil.Process(worker.pid).cpu_times()[:2]) for worker in workers]
    return _judged(name, events, looks, started, spent)


def _written(workers: Sequence[WorkerProcess]) -> tuple[float, ...]:
    """Return the rows that each worker has written; 0 while it starts."""
    return tuple(
        worker.metric(_WRITTEN, table="integration_query_metrics") if "metrics at" in worker.log() else 0.0
        for worker in workers
    )


def _add(looks: list[_Look], look: _Look, since: float, workers: Sequence[WorkerProcess]) -> None:
    """Keep a look where something was written since the last one."""
    last = looks[-1].at if looks else since
    if not looks or sum(look.written) > sum(looks[-1].written):
        if sum(look.written) > 0:
            looks.append(look)
    elif look.at - last > _PATIENCE_SECONDS:
        raise RomashkaError(f"nothing was written for {_PATIENCE_SECONDS:.0f} s:\n{workers[-1].log()[-2_000:]}")


def _judged(name: str, events: int, looks: Sequence[_Look], started: Sequence[float], spent: Sequence[float]) -> Run:
    end, total = looks[-1].at, sum(looks[-1].written)
    joined = None
    if started[-1] > looks[0].at:
        joined = next(one.at for one in looks if len(one.written) == len(started) and one.written[-1] > 0) - started[-1]
    return Run(
        name,
        events,
        end - looks[0].at,
        [one / total for one in looks[-1].written],
        [cpu / (end - since) for cpu, since in zip(spent, started, strict=True)],
        max(after.at - before.at for before, after in pairwise(looks)),
        joined,
    )


def _table(runs: Sequence[Run], broker: str) -> str:
    alone = runs[0]
    lines = [
        f"{runs[0].events:,} query events of 24 tenants in {QUERIES.partitions} partitions, on {broker};",
        f"{os.cpu_count()} cores that workers, broker and ClickHouse share. Counts were exact in every run.",
        "",
        "| workers | seconds to lag 0 | events/s | ratio to one | shares | cores | longest pause | joined in |",
        "|---|---:|---:|---:|---|---|---:|---:|",
    ]
    for run in runs:
        joined = "" if run.joined is None else f"{run.joined:.1f} s"
        shares = ", ".join(f"{share:.0%}" for share in run.shares)
        cores = ", ".join(f"{one:.2f}" for one in run.cores)
        lines.append(
            f"| {run.name} | {run.seconds:.1f} | {run.events / run.seconds:,.0f} | {alone.seconds / run.seconds:.2f} | "
            f"{shares} | {cores} | {run.pause:.1f} s | {joined} |"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    typer.run(main)
