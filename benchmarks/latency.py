"""``make bench-latency``: end-to-end latency, CPU use at low rates, and failover time after a worker is killed."""

from __future__ import annotations

import os
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Final, NamedTuple

import numpy as np
import psutil
import typer
from clickhouse_connect.driver.client import Client

from benchmarks.paced import Paced, Sent
from embedded.broker import Broker
from embedded.database import Database
from models.errors import RomashkaError
from sinks.migrations import migrate
from storage.connection import ClickHouseAddress, connect
from streams.kafka import KafkaAddress, create_topics
from tests.kafka.broker import ApacheKafka
from tests.marks import between
from tests.worker_process import WorkerProcess, environment

_DOCUMENT: Final = Path(__file__).parents[1] / "docs" / "benchmarks.md"
_LOOK_SECONDS: Final = 0.05
_WARM_UP_SECONDS: Final = 10.0
_PATIENCE_SECONDS: Final = 300.0
_VISIBLE: Final = "SELECT kafka_partition, max(kafka_offset) FROM integration_query_metrics GROUP BY kafka_partition"


class Visible(NamedTuple):
    """Result of a rate: seconds until an event is visible (p50, p99), and CPU use of the worker in cores."""

    rate: int
    events: int
    p50: float
    p99: float
    cores: float
    first_row: float


def main(
    seconds: Annotated[float, typer.Option(min=5, help="Duration of each rate, after ten seconds of warm-up")] = 30.0,
    apache: Annotated[bool, typer.Option(help="Use Apache Kafka from its Maven artifacts")] = True,
    rates: Annotated[str, typer.Option(help="Events per second, separated by commas")] = "1000,10000",
    write: Annotated[bool, typer.Option("--write", help="Write the table into docs/benchmarks.md")] = False,
) -> None:
    """Measure latency and failover time with a separate broker and database.

    Example: `make bench-latency ARGS="--seconds 60 --write"`
    """
    name = "Apache Kafka" if apache else "the embedded broker"
    with ApacheKafka() if apache else Broker() as broker, Database() as database:
        kafka = KafkaAddress(broker.bootstrap)
        create_topics(kafka)
        results = [_measure(kafka, database, int(rate), seconds) for rate in rates.split(",")]
        moved = _take_over(kafka, database)
    load = os.getloadavg()[0]
    lines = [
        f"On {name}; {os.cpu_count()} cores shared by producer, broker, database and worker; load {load:.1f}.",
        "",
        "| events/s | latency p50 | latency p99 | CPU of the worker, cores | start to first row |",
        "|---:|---:|---:|---:|---:|",
        *(
            f"| {one.rate:,} | {one.p50:.2f} s | {one.p99:.2f} s | {one.cores:.2f} | {one.first_row:.1f} s |"
            for one in results
        ),
        "",
        f"After `kill -9` of one of two workers (session 10 s) all partitions had new rows after {moved:.1f} s.",
    ]
    typer.echo("\n".join(lines))
    if write:
        between(_DOCUMENT, f"make bench-latency {'apache' if apache else 'embedded'}", "\n".join(lines) + "\n")


def _measure(kafka: KafkaAddress, database: Database, rate: int, seconds: float) -> Visible:
    address = ClickHouseAddress(database.url, f"latency_{uuid.uuid4().hex[:8]}")
    migrate(address)
    env = environment(kafka, address, f"latency-{uuid.uuid4().hex[:8]}") | {"ROMASHKA_KAFKA_SESSION_SECONDS": "10"}
    with Paced(kafka, rate) as paced, connect(address) as client:
        began = time.monotonic()
        with WorkerProcess(env) as worker:
            while not _seen(client):
                _patient(began, worker)
                time.sleep(_LOOK_SECONDS)
            first_row = time.monotonic() - began
            time.sleep(_WARM_UP_SECONDS)
            process = psutil.Process(worker.pid)
            looks = list(_looks(client, seconds, process))
            paced.stop()
    waited = delays(paced.sent, [(at, seen) for at, seen, _ in looks])
    cores = (looks[-1][2] - looks[0][2]) / (looks[-1][0] - looks[0][0])
    p50, p99 = np.quantile(waited, [0.5, 0.99])
    return Visible(rate, len(waited), float(p50), float(p99), cores, first_row)


def _looks(client: Client, seconds: float, process: psutil.Process) -> Iterator[tuple[float, dict[int, int], float]]:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        seen = _seen(client)
        times = process.cpu_times()
        yield time.time(), seen, times.user + times.system
        time.sleep(_LOOK_SECONDS)


def _seen(client: Client) -> dict[int, int]:
    """Return partition → the highest offset that is visible to queries."""
    return {int(partition): int(offset) for partition, offset in client.query(_VISIBLE).result_rows}


def _patient(since: float, worker: WorkerProcess) -> None:
    if time.monotonic() - since > _PATIENCE_SECONDS:
        raise RomashkaError(f"no new rows within {_PATIENCE_SECONDS:.0f} s:\n{worker.log()[-2_000:]}")


def delays(sent: list[Sent], looks: list[tuple[float, dict[int, int]]]) -> list[float]:
    """Return the latency of each event sent between the first and the last poll, in seconds until a poll saw it.

    An event that no poll saw gets the time of the last poll, and so a lower bound of its latency.
    """
    begin, end = looks[0][0], looks[-1][0]
    times = np.array([at for at, _ in looks])
    found = []
    for partition in {one.partition for one in sent}:
        highest = np.maximum.accumulate([seen.get(partition, -1) for _, seen in looks])
        for one in sent:
            if one.partition == partition and begin <= one.at < end - 10:
                place = int(np.searchsorted(highest, one.offset))
                found.append(float(times[min(place, len(times) - 1)]) - one.at)
    return found


def _take_over(kafka: KafkaAddress, database: Database) -> float:
    """Return the seconds from a kill until every partition has new rows again."""
    address = ClickHouseAddress(database.url, f"latency_{uuid.uuid4().hex[:8]}")
    migrate(address)
    env = environment(kafka, address, f"latency-{uuid.uuid4().hex[:8]}") | {"ROMASHKA_KAFKA_SESSION_SECONDS": "10"}
    with WorkerProcess(env) as steady, WorkerProcess(env) as victim, Paced(kafka, 500) as paced:
        for worker in (steady, victim):
            worker.wait_until_ready(300)
        with connect(address) as client:
            while (
                victim.metric("romashka_rows_written_total") == 0 or steady.metric("romashka_rows_written_total") == 0
            ):
                time.sleep(0.2)
            before = _seen(client)
            victim.kill()
            killed = time.monotonic()
            time.sleep(1.0)  # rows that the killed worker inserted before are visible by now
            before = _seen(client)
            while True:
                seen = _seen(client)
                if all(seen.get(partition, -1) > offset for partition, offset in before.items()):
                    took = time.monotonic() - killed
                    break
                _patient(killed, steady)
                time.sleep(_LOOK_SECONDS)
        paced.stop()
    return took


if __name__ == "__main__":
    typer.run(main)
