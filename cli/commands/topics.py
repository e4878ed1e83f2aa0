"""``romashka topics``: creates topics, and adds partitions so that every event still counts once."""

from __future__ import annotations

import time
from typing import Annotated, Final

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from cli.command_audit import audited
from cli.console import err, out, styled
from cli.settings import Settings, settings
from models.counting import counted
from models.errors import RomashkaError
from models.topics import QUERIES
from sinks.clickhouse import ClickHouseSink
from storage.connection import connect
from streams.kafka import create_topics
from streams.layout_markers import LayoutMarkers
from streams.topic_growth import Growth, TopicGrowth

app = typer.Typer(invoke_without_command=True)

_LOOK_SECONDS: Final = 1.0
_TELL_SECONDS: Final = 30.0
_UPGRADE: Final = "upgrade every worker first (docs/scaling.md)"


@app.callback()
def topics(context: typer.Context) -> None:
    """Create missing topics; 'grow' adds partitions.

    Example: `ROMASHKA_KAFKA_BOOTSTRAP=127.0.0.1:9092 romashka topics`
    """
    if context.invoked_subcommand is not None:
        return
    config = settings()
    created = create_topics(config.kafka, replication=config.kafka_replication)
    for topic in created:
        out.print(styled("created [bold]{}[/] with {}", topic.name, counted(topic.partitions, "partition")))
    if not created:
        out.print("every topic is there already")


@app.command()
def grow(
    partitions: Annotated[
        int | None, typer.Option(help="New number of partitions of each ingest topic", min=1, max=10_000)
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would happen")] = False,
    abort: Annotated[
        bool, typer.Option("--abort", help="End a change that has begun; keys stay where they were")
    ] = False,
    max_backlog: Annotated[
        int, typer.Option(help="Refuse while workers are further behind, in messages", min=0)
    ] = 500_000,
) -> None:
    """Add partitions to the ingest topics, so that every event still counts once.

    Producers and workers go on. Most tenants get another partition; queries wait for the seconds in which the workers
    store what was sent before. It can be interrupted and run again at any point.

    Example: `romashka topics grow --partitions 24 --dry-run`

    Example: `romashka topics grow --partitions 24`
    """
    config = settings()
    growth = _growth(config)
    if abort:
        if dry_run or partitions is not None:
            raise RomashkaError("--abort takes neither --dry-run nor --partitions: it ends the change that has begun")
        with connect(config.clickhouse) as client, audited(client, "topics.grow.abort", QUERIES.name, {}):
            ended = growth.abort()
        out.print("the change has ended: keys stay where they were" if ended else "no change has begun")
        return
    if partitions is None:
        raise RomashkaError("--partitions is missing: the new number of partitions, for example --partitions 24")
    planned = growth.planned(partitions)
    if planned is None:
        out.print(f"every ingest topic has {counted(partitions, 'partition')} already, and keys are spread over them")
        return
    _tell(planned)
    _check_workers(growth, planned, max_backlog)
    if dry_run:
        growth.check(planned)
        out.print("Kafka would add the partitions; nothing was changed (--dry-run)")
        return
    details = {"partitions": partitions, "generation": planned.generation}
    with connect(config.clickhouse) as client, audited(client, "topics.grow", QUERIES.name, details):
        growth.begin(planned)
        try:
            _wait(growth, planned)
        except KeyboardInterrupt:
            err.print(
                "interrupted: workers wait at the markers and store no queries; run the same command to go on, or "
                "with --abort to end the change",
                soft_wrap=True,
            )
            raise
        layout = growth.finish(planned)
    out.print(
        styled(
            "layout [bold]{}[/] is in force: keys are spread over {}. Workers join their group again within seconds; "
            "producers learn of the partitions when they refresh their metadata, and what they send meanwhile is moved",
            layout.generation,
            counted(layout.partitions, "partition"),
        ),
        soft_wrap=True,
    )


def _growth(config: Settings) -> TopicGrowth:
    secrets = [config.secret, *(secret for _, secret in config.old_keys)]
    return TopicGrowth(config.kafka, ClickHouseSink(config.clickhouse), LayoutMarkers(secrets), config.kafka_group)


def _tell(planned: Growth) -> None:
    """Print what is about to happen."""
    more = [f"{name} gets {counted(count, 'partition')}" for name, count in sorted(planned.added.items())]
    begun = ["a change to this number has begun already and goes on"] if planned.begun else []
    moving = 1 - planned.before.partitions / planned.partitions
    lines = [
        *begun,
        *(more or ["every ingest topic has its partitions already"]),
        f"keys are spread over {counted(planned.partitions, 'partition')} instead of {planned.before.partitions}"
        + (f": about {moving:.0%} of the tenants get another one" if moving else ""),
        f"a marker is written into {counted(len(planned.marked), 'partition')} of {QUERIES.name}",
        "queries behind the markers wait until everything before them is stored",
    ]
    for line in lines:
        out.print(f"- {line}", highlight=False, soft_wrap=True)


def _check_workers(growth: TopicGrowth, planned: Growth, max_backlog: int) -> None:
    """Raise where workers would not follow, or queries would wait for long."""
    workers = growth.workers()
    if workers.unfit:
        raise RomashkaError(
            f"the workers' group has members that do not know layouts ({', '.join(workers.unfit)}); {_UPGRADE}"
        )
    backlog = growth.backlog()
    out.print(
        f"- {counted(workers.members, 'worker')} in the group, about {counted(backlog, 'message')} behind",
        highlight=False,
    )
    if backlog > max_backlog and not planned.begun:
        raise RomashkaError(
            f"workers are about {counted(backlog, 'message')} behind, and queries would wait for all of them; let them "
            "catch up (romashka_consumer_lag), or set --max-backlog"
        )


def _wait(growth: TopicGrowth, planned: Growth) -> None:
    """Wait until every marked partition is stored up to its marker."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    told = time.monotonic()
    with Progress(*columns, console=err, transient=True) as progress:
        task = progress.add_task("partitions stored up to the marker", total=len(planned.marked))
        while (done := len(growth.drained(planned))) < len(planned.marked):
            progress.update(task, completed=done)
            if time.monotonic() - told > _TELL_SECONDS:
                told = time.monotonic()
                _tell_waiting(growth, done, len(planned.marked))
            time.sleep(_LOOK_SECONDS)


def _tell_waiting(growth: TopicGrowth, done: int, wanted: int) -> None:
    workers = growth.workers()
    if workers.unfit:
        raise RomashkaError(
            f"a worker that does not know layouts joined the group ({', '.join(workers.unfit)}); {_UPGRADE}, then run "
            "the command again"
        )
    why = f"{counted(workers.members, 'worker')} at work" if workers.members else "no worker is running: start one"
    err.print(
        f"{done} of {counted(wanted, 'partition')} stored up to the marker; {why}", highlight=False, soft_wrap=True
    )
