"""What the demo shows while it runs: throughput, lag, a card per provider, the latest windows, dead letters."""

from __future__ import annotations

import urllib.error
import urllib.request
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

from clickhouse_connect.driver.client import Client
from prometheus_client.parser import text_string_to_metric_families
from rich.columns import Columns
from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from cli.console import cell, styled
from kpis.display import shown
from kpis.kpi import Unit
from models.counting import counted
from storage.reading import query_rows

_PROVIDERS: Final = """
SELECT integration_provider AS provider, sum(queries) AS query_count, sum(successes) / sum(queries) AS success_rate,
       romashka_quantile(sumMap(response_time_histogram.1, response_time_histogram.2), 0.95) AS latency_p95_ms
FROM query_windows FINAL
WHERE window_start >= now() - INTERVAL 15 MINUTE
GROUP BY provider ORDER BY provider
"""
_HEALTH: Final = """
SELECT integration_provider AS provider, groupUniqArray(sync_status) AS statuses, max(last_sync_at) AS last_sync
FROM integration_health_metrics FINAL GROUP BY provider
"""
_WINDOWS: Final = """
SELECT window_start, integration_provider, query_type,
       sum(queries) AS query_count, sum(successes) / sum(queries) AS success_rate,
       romashka_quantile(sumMap(response_time_histogram.1, response_time_histogram.2), 0.95) AS latency_p95_ms
FROM query_windows FINAL WHERE window_start >= now() - INTERVAL 3 MINUTE
GROUP BY ALL ORDER BY window_start DESC, query_count DESC LIMIT 8
"""
_LETTERS: Final = (
    "SELECT reason, count() AS letters FROM dead_letters FINAL GROUP BY reason ORDER BY letters DESC LIMIT 5"
)


class DemoFacts(NamedTuple):
    """The data of one view."""

    metrics: dict[str, float]
    providers: list[dict[str, Any]]
    health: dict[str, dict[str, Any]]
    windows: list[dict[str, Any]]
    letters: list[dict[str, Any]]


def gather(client: Client, metrics_url: str) -> DemoFacts:
    """Read the worker's metrics and the database."""
    return DemoFacts(
        metrics=worker_metrics(metrics_url),
        providers=query_rows(client, _PROVIDERS, {}),
        health={row["provider"]: row for row in query_rows(client, _HEALTH, {})},
        windows=query_rows(client, _WINDOWS, {}),
        letters=query_rows(client, _LETTERS, {}),
    )


def worker_metrics(url: str) -> dict[str, float]:
    """Return the worker's metrics summed over labels; empty while the worker does not answer."""
    try:
        with urllib.request.urlopen(url, timeout=2) as answer:  # noqa: S310 - our own worker on loopback
            text = answer.read().decode()
    except urllib.error.URLError:
        return {}
    totals: dict[str, float] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            totals[sample.name] = totals.get(sample.name, 0.0) + sample.value
    return totals


def picture(facts: DemoFacts, rate: float, seconds_left: float) -> RenderableType:
    """Return the whole view; ``rate`` is events per second."""
    return Group(_headline(facts, rate, seconds_left), _cards(facts), _windows(facts), _letters(facts))


def _headline(facts: DemoFacts, rate: float, seconds_left: float) -> Panel:
    metrics = facts.metrics
    grid = Table.grid(padding=(0, 3))
    grid.add_row(
        styled("[bold]{}[/] events/s", f"{rate:,.0f}"),
        styled("[bold]{}[/] events counted", f"{metrics.get('romashka_events_total', 0):,.0f}"),
        styled("lag [bold]{}[/]", f"{metrics.get('romashka_consumer_lag', 0):,.0f}"),
        styled("waiting to be written [bold]{}[/]", f"{metrics.get('romashka_pending_rows', 0):,.0f}"),
        styled("minutes judged [bold]{}[/]", f"{metrics.get('romashka_scored_minutes_total', 0):,.0f}"),
        styled("findings [bold]{}[/]", f"{metrics.get('romashka_insights_total', 0):,.0f}"),
        styled("dead letters [bold]{}[/]", f"{metrics.get('romashka_dead_letters_total', 0):,.0f}"),
    )
    return Panel(grid, title=f"live, {seconds_left:.0f} s to go", title_align="left", border_style="cyan")


def _cards(facts: DemoFacts) -> Columns:
    return Columns([_card(row, facts.health.get(row["provider"], {})) for row in facts.providers], expand=True)


def _card(row: dict[str, Any], health: dict[str, Any]) -> Panel:
    good = row["success_rate"] >= 0.95
    colour = "green" if good else "yellow" if row["success_rate"] >= 0.85 else "red"
    synced = health.get("last_sync")
    age = (
        "never"
        if synced is None
        else f"{(datetime.now(UTC) - synced.replace(tzinfo=UTC)).total_seconds() / 60:,.0f} min ago"
    )
    lines = (
        styled(f"[{colour}]●[/] {{}} answered", shown(Unit.RATIO, row["success_rate"])),
        Text(f"p95 {shown(Unit.MILLISECONDS, row['latency_p95_ms'])}"),
        Text(f"{counted(row['query_count'], 'query')} in 15 min"),
        Text(f"synced {age}", style="dim"),
    )
    return Panel(Group(*lines), title=styled("[bold]{}[/]", row["provider"]), border_style=colour)


def _windows(facts: DemoFacts) -> Table:
    made = Table(title="Latest one-minute windows", title_justify="left", expand=True)
    for name in ("minute", "provider", "query type"):
        made.add_column(name)
    for name in ("queries", "answered", "p95"):
        made.add_column(name, justify="right")
    for row in facts.windows:
        made.add_row(
            f"{row['window_start']:%H:%M}",
            cell(row["integration_provider"]),
            cell(row["query_type"]),
            shown(Unit.COUNT, row["query_count"]),
            shown(Unit.RATIO, row["success_rate"]),
            shown(Unit.MILLISECONDS, row["latency_p95_ms"]),
        )
    return made


def _letters(facts: DemoFacts) -> RenderableType:
    if not facts.letters:
        return Text("No message was rejected.", style="dim")
    reasons = ", ".join(f"{row['reason']} {row['letters']}" for row in facts.letters)
    return styled("[yellow]Dead letters by reason:[/] {}", reasons)
