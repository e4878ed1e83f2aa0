"""``make soak``: a worker at a steady rate; its memory, files and parts go into docs/reliability.md."""

from __future__ import annotations

import time
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Final, NamedTuple

import numpy as np
import psutil
import typer
from clickhouse_connect.driver.client import Client

from benchmarks.paced import Paced
from embedded.broker import Broker
from embedded.database import Database
from models.errors import RomashkaError
from models.topics import QUERIES
from sinks.migrations import migrate
from storage.connection import ClickHouseAddress, connect
from streams.kafka import KafkaAddress, create_topics, partition_count
from tests.kafka import artifacts
from tests.kafka.broker import ApacheKafka
from tests.marks import between
from tests.worker_process import WorkerProcess, environment

_DOCUMENT: Final = Path(__file__).parents[2] / "docs" / "reliability.md"
_EVERY_SECONDS: Final = 10.0
_TOLD_EVERY: Final = 6  # samples: a line a minute
_WARM_UP: Final = 0.2
_PARTS = """
SELECT max(parts) FROM (
    SELECT count() AS parts FROM system.parts WHERE active AND database = currentDatabase() GROUP BY table, partition
)
"""

# A repeated event has its offset again: the distinct ones of a partition add up, and fit into memory.
_STORED: Final = "SELECT uniqExact(event_id) FROM integration_query_metrics WHERE kafka_partition = {partition:Int32}"
_ANSWER_SECONDS: Final = 600


class Sample(NamedTuple):
    """What was seen at a moment, ``at`` seconds after the start."""

    at: float
    memory: int
    files: int
    threads: int
    most_parts: int
    lag: float


def main(
    minutes: Annotated[float, typer.Option(min=0.1, help="How long")] = 60.0,
    rate: Annotated[int, typer.Option(min=1, help="Events per second")] = 15_000,
    apache: Annotated[
        bool, typer.Option("--apache", help="On Apache Kafka; the embedded broker keeps all events in memory")
    ] = False,
    write: Annotated[bool, typer.Option("--write", help="Put the figures into docs/reliability.md")] = False,
) -> None:
    """Run a worker at a steady rate and look at it every ten seconds.

    Example: `make soak ARGS="--minutes 30 --rate 15000 --apache --write"`
    """
    with ExitStack() as running:
        bootstrap = (
            running.enter_context(ApacheKafka()).bootstrap if apache else running.enter_context(Broker()).bootstrap
        )
        database = running.enter_context(Database())
        kafka, address = KafkaAddress(bootstrap), ClickHouseAddress(database.url, "soak")
        create_topics(kafka)
        migrate(address)
        worker = running.enter_context(WorkerProcess(environment(kafka, address, "soak")))
        worker.wait_until_ready(300)
        paced = running.enter_context(Paced(kafka, rate))
        client = running.enter_context(connect(address, answer_seconds=_ANSWER_SECONDS))
        samples = _watch(worker, client, minutes * 60)
        sent = paced.stop()
        name = f"Apache Kafka {artifacts.kafka_version()}" if apache else "embedded broker"
        text = report(samples, sent, minutes, rate, name)
        typer.echo(text)  # before the totals are compared, which takes minutes and may fail
        _check(client, sent, worker, partition_count(kafka, QUERIES))
    totals = "| lost, double | 0, 0 |"
    typer.echo(totals)
    if write:
        between(_DOCUMENT, "make soak", f"{text}\n{totals}\n")


def _watch(worker: WorkerProcess, client: Client, seconds: float) -> list[Sample]:
    process, began = psutil.Process(worker.pid), time.monotonic()
    samples: list[Sample] = []
    while (at := time.monotonic() - began) < seconds:
        if worker.ended():
            raise RomashkaError(f"the worker ended after {at:.0f} s:\n{worker.log()[-3_000:]}")
        parts = int(client.query(_PARTS).result_rows[0][0] or 0)
        lag = worker.metric("romashka_consumer_lag")
        with process.oneshot():
            memory, threads = process.memory_info().rss, process.num_threads()
        samples.append(Sample(at, memory, process.num_fds(), threads, parts, lag))
        if len(samples) % _TOLD_EVERY == 1:
            typer.echo(f"{at / 60:4.0f} min: {memory >> 20} MB, {parts} parts at most, lag {lag:,.0f} messages")
        time.sleep(_EVERY_SECONDS)
    return samples


def _check(client: Client, sent: int, worker: WorkerProcess, partitions: int) -> None:
    deadline = time.monotonic() + 300
    while (stored := sum(_stored(client, partition) for partition in range(partitions))) != sent:
        if time.monotonic() > deadline:
            raise RomashkaError(f"{sent} events were sent and {stored} are stored:\n{worker.log()[-2_000:]}")
        time.sleep(1)


def _stored(client: Client, partition: int) -> int:
    return int(client.query(_STORED, parameters={"partition": partition}).result_rows[0][0])


def report(samples: list[Sample], sent: int, minutes: float, rate: int, broker: str) -> str:
    """Return what was seen, as Markdown."""
    steady = [sample for sample in samples if sample.at >= _WARM_UP * samples[-1].at]
    slope = float(np.polyfit([one.at / 3600 for one in steady], [one.memory / 2**20 for one in steady], 1)[0])
    first, last = steady[0], steady[-1]
    rows = [
        ("events", f"{sent:,} in {minutes:.0f} minutes ({sent / (minutes * 60):,.0f} a second; {rate:,} wanted)"),
        ("memory after the warm-up, at the end", f"{first.memory >> 20} MB, {last.memory >> 20} MB"),
        ("slope of the memory", f"{slope:+.1f} MB/h"),
        ("open files, threads", f"{first.files} to {last.files}, {first.threads} to {last.threads}"),
        ("most parts of any partition", f"{max(one.most_parts for one in steady)} (at the end {last.most_parts})"),
        ("lag, at most", f"{max(one.lag for one in steady):,.0f} messages"),
    ]
    lines = [
        f"{broker[0].upper()}{broker[1:]}, embedded ClickHouse, {datetime.now(UTC):%Y-%m-%d}.",
        "",
        "| what | seen |",
        "|---|---|",
    ]
    return "\n".join([*lines, *(f"| {what} | {seen} |" for what, seen in rows)])


if __name__ == "__main__":
    typer.run(main)
