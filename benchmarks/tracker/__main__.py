"""``make bench-tracker``: what a call of the Python tracker costs, and how long it holds up its caller."""

from __future__ import annotations

import logging
import os
from pathlib import Path
from statistics import median
from typing import Annotated, Final

import typer

from benchmarks.report import machine
from benchmarks.tracker import calls, delays
from embedded.broker import Broker
from streams.kafka import KafkaAddress, create_topics
from tests.marks import between

_DOCUMENT: Final = Path(__file__).parents[2] / "docs" / "benchmarks.md"


def main(
    rounds: Annotated[int, typer.Option(min=1, help="Number of rounds of 10,000 calls")] = 7,
    seconds: Annotated[float, typer.Option(min=1, help="Duration of each run at 10,000 calls a second")] = 5.0,
    write: Annotated[bool, typer.Option("--write", help="Write the tables into docs/benchmarks.md")] = False,
) -> None:
    """Measure the tracker, json.dumps and a bare producer in one run, with an embedded broker.

    Example: `make bench-tracker ARGS="--rounds 9 --write"`
    """
    logging.disable(logging.ERROR)  # each producer says again that this broker gives no producer ids
    with Broker() as broker:
        create_topics(KafkaAddress(broker.bootstrap))
        calls.measure(broker.bootstrap, 1)  # warms up
        spent = calls.measure(broker.bootstrap, rounds)
        taken = {name: way(broker.bootstrap, seconds) for name, way in delays.WAYS.items()}
    lines = [
        f"| CPU time of one call ({rounds} rounds of {calls.CALLS:,}) | median, µs | lowest, µs |",
        "| --- | ---: | ---: |",
        *(f"| {name} | {median(micros):.1f} | {min(micros):.1f} |" for name, micros in spent.items()),
        "",
        f"| one call at {delays.RATE:,} calls/s, µs | CPU p99 | p50 | p99 | p99.9 | longest | calls/s reached |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: |",
        *(_row(name, one) for name, one in taken.items()),
        "",
        f"Load {os.getloadavg()[0]:.1f}. {machine()}",
    ]
    typer.echo("\n".join(lines))
    if write:
        between(_DOCUMENT, "make bench-tracker", "\n".join(lines) + "\n")


def _row(name: str, one: delays.Delays) -> str:
    short = " | ".join(f"{micros:.1f}" for micros in (one.cpu_p99, one.p50, one.p99))
    return f"| {name} | {short} | {one.p999:,.0f} | {one.longest:,.0f} | {one.rate:,.0f} |"


if __name__ == "__main__":
    typer.run(main)
