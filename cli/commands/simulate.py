"""``romashka simulate``."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from cli.arguments import MAX_SECONDS, number
from cli.console import err, out, styled
from cli.settings import settings
from simulator.experiments import SimulatedExperiment
from simulator.rows import Message
from simulator.scenario import Scenario, rate_for
from simulator.totals import Totals
from streams.bulk_producer import BulkProducer, OutgoingMessage

_TICK_SECONDS = 0.5
_HISTORY_STEP = timedelta(hours=6)


def run(
    seed: Annotated[int, typer.Option(min=0, help="Seed; the same seed and times give the same events")] = 1,
    days: Annotated[
        float, typer.Option(min=0, max=3_650, callback=number, help="Days of history up to now; 0 for none")
    ] = 0,
    events: Annotated[int, typer.Option(min=1, help="Approximate number of events in the history")] = 150_000,
    seconds: Annotated[
        float, typer.Option(min=0, max=MAX_SECONDS, callback=number, help="Seconds of live traffic after the history")
    ] = 0,
    rate: Annotated[
        float,
        typer.Option(min=0, max=10_000, callback=number, help="Rate of live traffic; 1 is about 140 queries a minute"),
    ] = 1.0,
    incidents_per_day: Annotated[
        float, typer.Option(min=0, max=100, callback=number, help="Mean number of labelled incidents per day")
    ] = 0.5,
    withhold: Annotated[
        str, typer.Option(help="Provider, for example shopify, whose data an experiment withholds from 20 %")
    ] = "",
    truth: Annotated[Path | None, typer.Option(help="File for the ground truth, as JSON")] = None,
) -> None:
    """Publish simulated traffic of several tenants, with labelled incidents.

    Example: `romashka simulate --days 30 --seconds 60 --truth truth.json`
    """
    now = datetime.now(UTC)
    scenario = scenario_until(
        now,
        seed=seed,
        days=days,
        events=events,
        live_rate=rate,
        incidents_per_day=incidents_per_day,
        withheld=withhold,
    )
    if truth is not None:
        truth.touch()  # what cannot be written is told before anything is published
    totals = Totals()
    with BulkProducer(settings().kafka) as producer:
        if days:
            with progress() as bar:
                publish_history(bar, producer, scenario, totals)
        for messages in live(scenario, now, seconds):
            publish(producer, messages)
            totals.add(messages)
        producer.flush()
    if truth is not None:
        truth.write_text(scenario.truth(datetime.now(UTC), totals).to_json())
        out.print(f"wrote the ground truth to {truth}")
    out.print(styled("published [bold]{}[/] events", f"{producer.delivered:,}"))


def scenario_until(
    now: datetime,
    *,
    seed: int,
    days: float,
    events: int,
    live_rate: float,
    incidents_per_day: float,
    withheld: str = "",
) -> Scenario:
    """Return a scenario whose history ends now, with live density in its last quarter of an hour.

    Conversations take minutes, so live traffic would otherwise start empty.
    """
    span = timedelta(days=days or 1)
    return Scenario(
        seed=seed,
        start=now - span,
        end=now,
        rate=rate_for(events, span) if days else live_rate,
        live_rate=live_rate,
        live_from=now - timedelta(minutes=15),
        incidents_per_day=incidents_per_day,
        experiments=(SimulatedExperiment(f"{withheld}_data", withheld=withheld),) if withheld else (),
    )


def live(scenario: Scenario, start: datetime, seconds: float) -> Iterator[list[Message]]:
    """Yield live events twice a second, for a number of seconds."""
    feed = scenario.feed(start)
    end = start.timestamp() + seconds
    while (now := time.time()) < end:
        time.sleep(min(_TICK_SECONDS, end - now))
        yield feed.until(datetime.now(UTC))


def publish_history(bar: Progress, producer: BulkProducer, scenario: Scenario, totals: Totals) -> None:
    """Publish the whole history with a progress bar by day."""
    days = (scenario.end - scenario.start) / timedelta(days=1)
    task = bar.add_task("publishing days of history", total=round(days))
    for messages in scenario.history(_HISTORY_STEP):
        publish(producer, messages)
        totals.add(messages)
        bar.advance(task, _HISTORY_STEP / timedelta(days=1))
    producer.flush()


def publish(producer: BulkProducer, messages: list[Message]) -> None:
    """Queue the simulator's messages."""
    for topic, key, value in messages:
        producer.send(OutgoingMessage(topic, key, value))


def progress() -> Progress:
    """Return a progress bar that counts."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    return Progress(*columns, console=err, transient=True)
