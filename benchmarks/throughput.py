"""``make bench``: throughput of one worker process, compared in the same run with the same job on other frameworks.

It is a report. It fails only if the counts of a worker differ from the published events.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Annotated, Final, NamedTuple

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from benchmarks import load, report, rounds, stages
from benchmarks.contenders import OURS, PEERS, STOCK, Contender, missing
from benchmarks.peers import limits
from embedded.broker import Broker
from embedded.database import Database
from models.errors import RomashkaError
from simulator.rows import Message
from sinks.migrations import migrate
from storage.connection import ClickHouseAddress
from streams.kafka import KafkaAddress
from tests.kafka.broker import ApacheKafka
from tests.marks import between

_CONTENDERS: Final = (OURS, *PEERS, *STOCK)
_DOCUMENT: Final = Path(__file__).parents[1] / "docs" / "benchmarks.md"

out = Console()


class _Measured(NamedTuple):
    results: report.Results
    stages: list[stages.Stage]
    limits: dict[str, limits.Limit]


def main(
    events: Annotated[int, typer.Option(min=500_000, help="Number of events; slow contenders get fewer")] = 2_000_000,
    repeats: Annotated[int, typer.Option("--rounds", min=1, help="Number of rounds of every worker")] = 3,
    apache: Annotated[bool, typer.Option("--apache", help="Use Apache Kafka from its Maven artifacts")] = False,
    write: Annotated[bool, typer.Option("--write", help="Write the tables into docs/benchmarks.md")] = False,
) -> None:
    """Measure the throughput of one worker process, compared with the same job on other frameworks.

    Example: `make bench ARGS="--rounds 5 --write"`
    """
    absent = missing(_CONTENDERS)
    if absent:
        out.print(f"Left out, because they are not installed: {', '.join(absent)}. `make bench-setup` installs them.")
    contenders = [one for one in _CONTENDERS if one.package not in absent]
    try:
        measured = _measure(contenders, events, repeats, apache)
    except RomashkaError as error:
        out.print(f"[bold red]error:[/] {error}", highlight=False, soft_wrap=True)
        sys.exit(1)
    results = measured.results
    sheets = [
        report.comparison(results),
        report.processor_time(results),
        report.bounds(measured.limits, results[OURS]),
        report.breakdown(measured.stages, results[OURS]),
    ]
    broker = "Apache Kafka" if apache else "the embedded broker"
    sentences = [*report.findings(results, measured.stages), f"On {broker}. {report.machine()}"]
    for sheet in sheets:
        out.print(report.to_terminal(sheet))
    for sentence in sentences:
        out.print(sentence, highlight=False)
    if write:
        _write(
            results, [*(report.to_markdown(sheet) for sheet in sheets), *sentences], "apache" if apache else "embedded"
        )


def _measure(contenders: Sequence[Contender], events: int, repeats: int, apache: bool) -> _Measured:
    now = datetime.now(UTC)
    with ExitStack() as running, _progress() as progress:
        making = progress.add_task("generating and publishing events", total=None)
        messages = load.queries(events, now)
        database = running.enter_context(Database())
        # Contenders with as many events share a broker: each has a consumer group of its own.
        brokers: dict[int, Broker | ApacheKafka] = {}
        for divisor in sorted({one.divisor for one in contenders}):
            broker = running.enter_context(ApacheKafka()) if apache else running.enter_context(Broker())
            brokers[divisor] = broker
            load.publish(KafkaAddress(broker.bootstrap), messages[: events // divisor])
        progress.update(making, total=events, completed=events)
        results: report.Results = {contender: [] for contender in contenders}
        bounds: dict[str, list[limits.Limit]] = {}
        for number in range(1, repeats + 1):
            for contender in contenders:  # interleaved, so that changes of the machine's load affect all of them
                count = events // contender.divisor
                task = progress.add_task(f"round {number} of {repeats}: {contender.name}", total=count)
                servers = rounds.Servers(brokers[contender.divisor], database)
                told = partial(_completed, progress, task)
                results[contender].append(rounds.run(contender, servers, count, told))
            task = progress.add_task(f"round {number} of {repeats}: limits", total=None)
            for name, limit in _limits(brokers[1].bootstrap, database, messages):
                bounds.setdefault(name, []).append(limit)
            progress.update(task, total=1, completed=1)
        lowest = {name: min(found) for name, found in bounds.items()}
        kafka = KafkaAddress(brokers[OURS.divisor].bootstrap)
        return _Measured(results, _stages(progress, messages[: stages.EVENTS], kafka, database, now), lowest)


def _limits(bootstrap: str, database: Database, messages: list[Message]) -> Iterator[tuple[str, limits.Limit]]:
    for name in limits.LIMITS:
        yield name, limits.run(name, bootstrap, len(messages))
    yield "ClickHouse's own JSONEachRow insert (in the server)", limits.own_reading(database, messages)


def _completed(progress: Progress, task: TaskID, count: int) -> None:
    progress.update(task, completed=count)


def _stages(
    progress: Progress, messages: Sequence[Message], kafka: KafkaAddress, database: Database, now: datetime
) -> list[stages.Stage]:
    address = ClickHouseAddress(database.url, "stages")
    migrate(address)
    task = progress.add_task("stages of our worker, one at a time", total=stages.PASSES)
    return stages.measure(messages, kafka, address, now, lambda: progress.advance(task))


def _progress() -> Progress:
    return Progress(
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), console=out
    )


def _write(results: report.Results, parts: Sequence[str], broker: str) -> None:
    """Write the picture, and the text between the two markers of docs/benchmarks.md."""
    picture = _DOCUMENT.parent / "pictures" / f"throughput-{broker}.svg"
    picture.write_text(report.picture(results), encoding="utf-8")
    shown = f"![CPU time per event of each contender](pictures/{picture.name})"
    between(_DOCUMENT, f"make bench {broker}", "\n\n".join([shown, *parts]) + "\n")


if __name__ == "__main__":
    typer.run(main)
