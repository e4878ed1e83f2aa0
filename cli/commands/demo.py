"""``romashka demo``: the whole system on this machine, with traffic."""

from __future__ import annotations

import base64
import os
import secrets
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Final, NamedTuple

import typer
from clickhouse_connect.driver.client import Client
from rich.live import Live

from cli.arguments import MAX_SECONDS, number
from cli.commands.simulate import progress, publish
from cli.console import err, out, styled, table
from cli.demo_pages import jobs_aside, leave_pages, set_costs, set_plans
from cli.demo_traffic import DAYS, FEWEST, PAST_DAYS, Traffic, traffic, until
from cli.demo_view import gather, picture, worker_metrics
from cli.findings import findings_table, matched
from cli.verification import detected_through, differences, stored_events
from embedded.stack import EmbeddedStack
from jobs.roll_ups import refresh
from kpis.display import shown
from kpis.figures_query import figures_query
from kpis.query import ALL_TENANTS, last_days
from kpis.registry import get
from models.counting import agreeing, counted
from models.errors import RomashkaError, Unreachable
from models.topics import QUERIES
from simulator.totals import Totals
from sinks.migrations import migrate
from storage.connection import ClickHouseAddress, connect
from storage.insight_store import InsightFilter, stored_insights
from storage.reading import query_rows
from streams.bulk_producer import BulkProducer, OutgoingMessage
from streams.kafka import KafkaAddress, create_topics

_DATABASE: Final = "integration_analytics"
_PATIENCE_SECONDS: Final = 180
_TICK_SECONDS: Final = 0.5
# Minutes close one minute after their end and are evaluated seconds later.
_JUDGED_BY_NOW: Final = timedelta(minutes=3)
_FIGURES: Final = {
    "query_count": "queries",
    "query_success_rate": "answered",
    "latency_p50_ms": "p50",
    "latency_p95_ms": "p95",
    "latency_p99_ms": "p99",
    "csat": "stars",
    "value_generated": "value",
}
# Invalid messages, as examples of dead letters; they are not events.
_NONSENSE: Final = (b"{not json", b'{"event_id": "1"}', b"[]")


class _Patience:
    """A time-out on progress rather than on total time, for busy machines."""

    def __init__(self) -> None:
        self._seen: object = self
        self._until = 0.0

    def spent(self, seen: object, now: float) -> bool:
        """Update the progress at ``now`` (seconds); return whether it has been the same for too long."""
        if seen != self._seen:
            self._seen, self._until = seen, now + _PATIENCE_SECONDS
        return now > self._until


class _Parts(NamedTuple):
    """The running system."""

    kafka: KafkaAddress
    clickhouse: ClickHouseAddress
    env: dict[str, str]
    metrics_url: str


def run(
    seconds: Annotated[
        float, typer.Option(min=0, max=MAX_SECONDS, callback=number, help="Seconds of live traffic")
    ] = 30,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the simulation")] = 1,
    events: Annotated[
        int, typer.Option(min=FEWEST, help="Approximate number of events in the 30 days of history")
    ] = 400_000,
    keep: Annotated[bool, typer.Option("--keep", help="Keep running until Ctrl-C")] = False,
    target: Annotated[Path, typer.Option("--out", help="Folder for the dashboard pages")] = Path("romashka-demo"),
) -> None:
    """Run the whole pipeline here: a Kafka broker, ClickHouse, a worker, 30 days of history and live traffic.

    Needs nothing but Python. At the end it compares every total in ClickHouse with what was sent, and what the
    detectors found with what was really wrong, and writes the dashboards as pages for your browser.

    Example: `romashka demo --seconds 60 --keep`
    """
    started = time.monotonic()
    signal.signal(signal.SIGTERM, _leave)  # by default Python would end at once, and the worker would go on
    with _running() as parts, connect(parts.clickhouse) as client, BulkProducer(parts.kafka) as producer:
        now = datetime.now(UTC)
        sent = traffic(now, seed=seed, events=events)
        totals = Totals()
        set_costs(client, now)
        set_plans(client, now)
        _history(producer, sent, totals)
        _wait_until_stored(client, totals)
        with jobs_aside(parts.env):
            _live(parts, client, producer, sent, now, seconds, totals)
            producer.flush()
            _wait_until_stored(client, totals)
            wrong = differences(client, totals)
            _wait_until_judged(client, now)
        refresh(client)
        _summary(client)
        _findings(client, sent)
        leave_pages(client, target, datetime.now(UTC))
        _verdict(totals, wrong, time.monotonic() - started)
        if keep:
            _keep(parts, producer, sent)
        else:
            out.print(styled("Run it with [bold]--keep[/] to leave everything running: make demo ARGS=--keep"))
    if wrong:
        raise RomashkaError("the totals differ from what was sent; please report this with the seed above")


def _leave(number_: int, _frame: object) -> None:
    sys.exit(128 + number_)


@contextmanager
def _running() -> Iterator[_Parts]:
    with err.status("starting a Kafka broker and ClickHouse ...") as status, EmbeddedStack() as stack:
        kafka = KafkaAddress(stack.kafka_bootstrap)
        clickhouse = ClickHouseAddress(stack.clickhouse_url, _DATABASE)
        status.update("creating topics and tables ...")
        create_topics(kafka)
        migrate(clickhouse)
        port = _free_port()
        env = _environment(kafka, clickhouse, port)
        status.update("starting a worker ...")
        with tempfile.TemporaryDirectory(prefix="romashka-demo-") as folder, _worker(env, Path(folder) / "worker.log"):
            parts = _Parts(kafka, clickhouse, env, f"http://127.0.0.1:{port}/metrics")
            status.stop()
            yield parts


def _environment(kafka: KafkaAddress, clickhouse: ClickHouseAddress, metrics_port: int) -> dict[str, str]:
    return {
        "ROMASHKA_KAFKA_BOOTSTRAP": kafka.bootstrap,
        "ROMASHKA_KAFKA_SESSION_SECONDS": "6",
        "ROMASHKA_CLICKHOUSE_URL": clickhouse.url,
        "ROMASHKA_CLICKHOUSE_DATABASE": clickhouse.database,
        "ROMASHKA_PSEUDONYM_KEY": base64.b64encode(secrets.token_bytes(32)).decode(),
        "ROMASHKA_METRICS_PORT": str(metrics_port),
    }


@contextmanager
def _worker(env: dict[str, str], log: Path) -> Iterator[None]:
    with log.open("wb") as file:
        worker = subprocess.Popen(
            [sys.executable, "-m", "cli.main", "worker"], env={**os.environ, **env}, stdout=file, stderr=file
        )
        try:
            yield
        finally:
            code = worker.poll()
            if code is None:
                worker.send_signal(signal.SIGTERM)
                worker.wait(60)
            else:
                words = log.read_text()[-2000:]
                err.print(styled("[red]the worker ended by itself with {}; its last words:[/]\n{}", code, words))


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _history(producer: BulkProducer, sent: Traffic, totals: Totals) -> None:
    with progress() as bar:
        task = bar.add_task("publishing weeks of outcomes before", total=(PAST_DAYS - DAYS) // 7)
        for messages in sent.past.outcomes():
            publish(producer, messages)
            totals.add(messages)
            bar.advance(task)
        task = bar.add_task("publishing days of history", total=DAYS)
        for messages in sent.history():
            publish(producer, messages)
            totals.add(messages)
            bar.advance(task, 0.25)
        producer.flush()


def _wait_until_stored(client: Client, totals: Totals) -> None:
    sent = sum(totals.events.values())
    patience = _Patience()
    with progress() as bar:
        task = bar.add_task("counted and stored in ClickHouse", total=sent)
        while (stored := stored_events(client)) < sent:
            if patience.spent(stored, time.monotonic()):
                raise Unreachable(
                    f"only {stored} of {counted(sent, 'event')} arrived, and no more within {_PATIENCE_SECONDS} s"
                )
            bar.update(task, completed=stored)
            time.sleep(0.3)


def _wait_until_judged(client: Client, now: datetime) -> None:
    """Wait until all detectors, also those over all tenants, have processed the history."""
    patience = _Patience()
    first, last = now - timedelta(days=DAYS), now - _JUDGED_BY_NOW
    with progress() as bar:
        task = bar.add_task("judged by the detectors, in days", total=DAYS)
        while (reached := detected_through(client, _JUDGED_BY_NOW)) is None or reached < last:
            if patience.spent(reached, time.monotonic()):
                raise Unreachable(f"the detectors came to {reached}, and no further within {_PATIENCE_SECONDS} s")
            bar.update(task, completed=0 if reached is None else (reached - first) // timedelta(days=1))
            time.sleep(0.5)


def _live(
    parts: _Parts,
    client: Client,
    producer: BulkProducer,
    sent: Traffic,
    start: datetime,
    seconds: float,
    totals: Totals,
) -> None:
    begun = time.monotonic()
    seen, seen_at, rate = worker_metrics(parts.metrics_url).get("romashka_events_total", 0.0), begun, 0.0
    for value in _NONSENSE if seconds else ():
        producer.send(OutgoingMessage(QUERIES.name, None, value))
    feeds = sent.live(start)
    with Live(console=out, refresh_per_second=4, transient=True) as view:
        while time.monotonic() - begun < seconds:
            time.sleep(_TICK_SECONDS)
            messages = until(feeds, datetime.now(UTC))
            publish(producer, messages)
            totals.add(messages)
            facts = gather(client, parts.metrics_url)
            counted, at = facts.metrics.get("romashka_events_total", seen), time.monotonic()
            rate = 0.7 * rate + 0.3 * (counted - seen) / max(at - seen_at, 0.001)
            seen, seen_at = counted, at
            view.update(picture(facts, rate, max(0.0, seconds - (at - begun))))


def _summary(client: Client) -> None:
    asked = figures_query(list(_FIGURES), last_days(DAYS + 1, datetime.now(UTC), ALL_TENANTS), ["provider"])
    rows = [
        (row["provider"], *(shown(get(name).unit, row[name]) for name in _FIGURES))
        for row in query_rows(client, *asked)
        if row["query_count"]
    ]
    headings = tuple(_FIGURES.values())
    out.print(table(f"{DAYS} days, by provider", ("provider", *headings), rows, right=headings))
    out.print("stars and value: of conversations that used it; value in the tenants' own currencies", style="dim")


def _findings(client: Client, sent: Traffic) -> None:
    since = sent.incidents[0].start - timedelta(days=1)
    matches, others = matched(sent.incidents, stored_insights(client, InsightFilter(since=since)))
    out.print(findings_table(matches, others))
    found, named = sum(match.found for match in matches), sum(match.named for match in matches)
    out.print(
        f"found {found} of {counted(len(matches), 'incident')}, {named} by name, "
        f"{sum(match.alone for match in matches)} as one finding; "
        f"{counted(len(others), 'finding')} {agreeing(len(others), 'belongs', 'belong')} to none of them.",
        highlight=False,
    )


def _verdict(totals: Totals, wrong: list[str], took: float) -> None:
    sent = sum(totals.events.values())
    if not wrong:
        checked = len(totals.events) + len(totals.queries) + len(totals.outcomes)
        out.print(
            styled(
                "[bold green]✔[/] {} went through Kafka, and {} in ClickHouse equal what was sent, "
                "to the last unit ({} s in all).",
                counted(sent, "event"),
                counted(checked, "total"),
                f"{took:.0f}",
            )
        )
        return
    out.print(styled("[bold red]✘[/] {} not equal to what was sent:", counted(len(wrong), "total")))
    for line in wrong[:10]:
        out.print(f"  {line}", highlight=False, soft_wrap=True)


def _keep(parts: _Parts, producer: BulkProducer, sent: Traffic) -> None:
    stop = threading.Event()
    for received in (signal.SIGTERM, signal.SIGINT):
        signal.signal(received, lambda *_: stop.set())
    out.print(styled("\n[bold]Everything is running, with live traffic.[/] Paste this into another terminal:\n"))
    for name, value in parts.env.items():
        out.print(f"export {name}={value}", highlight=False, soft_wrap=True)
    out.print("\nand try\n  romashka doctor\n  romashka kpi summary --by provider --by query_type")
    out.print("  romashka insights list\n  romashka jobs run --all\n  romashka dead-letters list")
    out.print(f"  curl {parts.metrics_url}\n", highlight=False, soft_wrap=True)
    out.print("Ctrl-C stops everything.", style="dim")
    feeds = sent.live(datetime.now(UTC))
    while not stop.wait(1.0):
        publish(producer, until(feeds, datetime.now(UTC)))
