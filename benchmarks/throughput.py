"""``make bench``: throughput of one worker process, compared with the same agent on stock Faust in the same run.

It is a report. It fails only if the counts of a worker differ from the published events.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from contextlib import ExitStack
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Annotated, Final

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from benchmarks import load, report, rounds, stages
from benchmarks.contenders import OURS, STOCK
from embedded.broker import Broker
from embedded.database import Database
from models.errors import RomashkaError
from simulator.rows import Message
from sinks.migrations import migrate
from storage.connection import ClickHouseAddress
from streams.kafka import KafkaAddress

_CONTENDERS: Final = (OURS, *STOCK)
_DOCUMENT: Final = Path(__file__).parents[1] / "docs" / "benchmarks.md"
_BEGIN, _END = "<!-- make bench ARGS=--write: begin -->\n", "<!-- make bench ARGS=--write: end -->\n"

out = Console()


def main(
    events: Annotated[
        int, typer.Option(min=200_000, help="Number of events of our worker; stock Faust gets fewer")
    ] = 300_000,
    repeats: Annotated[int, typer.Option("--rounds", min=1, help="Number of rounds of every worker")] = 3,
    write: Annotated[bool, typer.Option("--write", help="Write the tables into docs/benchmarks.md")] = False,
) -> None:
    """Measure the throughput of one worker process, compared with the same agent on stock Faust.

    Example: `make bench ARGS="--rounds 5 --write"`
    """
    try:
        results, where = _measure(events, repeats)
    except RomashkaError as error:
        out.print(f"[bold red]error:[/] {error}", highlight=False, soft_wrap=True)
        sys.exit(1)
    sheets = [report.comparison(results), report.processor_time(results), report.breakdown(where, results[OURS])]
    sentences = [*report.findings(results, where), report.machine()]
    for sheet in sheets:
        out.print(report.to_terminal(sheet))
    for sentence in sentences:
        out.print(sentence, highlight=False)
    if write:
        _write("\n\n".join([*(report.to_markdown(sheet) for sheet in sheets), *sentences]))


def _measure(events: int, repeats: int) -> tuple[report.Results, list[stages.Stage]]:
    now = datetime.now(UTC)
    with ExitStack() as running, _progress() as progress:
        making = progress.add_task("generating and publishing events", total=None)
        messages = load.queries(events, now)
        database = running.enter_context(Database())
        brokers = {contender: running.enter_context(Broker()) for contender in _CONTENDERS}
        for contender, broker in brokers.items():
            load.publish(KafkaAddress(broker.bootstrap), messages[: events // contender.divisor])
        del messages[stages.EVENTS :]  # the brokers have them
        progress.update(making, total=events, completed=events)
        results: report.Results = {contender: [] for contender in _CONTENDERS}
        for number in range(1, repeats + 1):
            for contender in _CONTENDERS:  # interleaved, so that changes of the machine's load affect all of them
                count = events // contender.divisor
                task = progress.add_task(f"round {number} of {repeats}: {contender.name}", total=count)
                servers = rounds.Servers(brokers[contender], database)
                told = partial(_completed, progress, task)
                results[contender].append(rounds.run(contender, servers, count, told))
        return results, _stages(progress, messages, KafkaAddress(brokers[OURS].bootstrap), database, now)


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


def _write(text: str) -> None:
    """Replace the text between the two markers of docs/benchmarks.md."""
    before, rest = _DOCUMENT.read_text().split(_BEGIN)
    _, after = rest.split(_END)
    _DOCUMENT.write_text(f"{before}{_BEGIN}\n{text}\n\n{_END}{after}")


if __name__ == "__main__":
    typer.run(main)
