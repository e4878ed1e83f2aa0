"""Statements and panels of the monitor: status by integration, figures by minute, pushed figures, syncs, topics."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from dashboards.grafana_live import LABEL
from dashboards.panel import Column, Panel, PanelQuery, PanelType, Shared
from dashboards.panel_queries import series, thresholds
from dashboards.tabs.parts import of_links
from kpis.kpi import Unit
from kpis.query import select
from kpis.registry import get
from kpis.scope import Interval
from kpis.sql.conditions import is_one_of
from kpis.sql.dialect import Dialect
from models.sync_status import Condition

STATUS_PANEL: Final = 1
MINUTES_PANEL: Final = 10
"""Ids of the panels whose answers others share."""
PROVIDER: Final = frozenset({"provider"})
# What streams.grafana_live pushes, and over how long.
RATE: Final = "queries_per_minute"
PUSHED_MINUTES: Final = 5
MINUTE_FIGURES: Final = ("query_count", "error_rate", "latency_p95_ms")
CARD_STATES: Final = {"healthy": "ok", "degraded": "warning", "critical": "critical"}
CONNECTIONS: Final = {"receiving": "ok", "quiet": "warning", "silent": "critical", "silent for a day": "critical"}
# Topic → table, and after how many minutes without an event it is quiet; after four times as many it is silent.
# Connectors report with their syncs, the others as often as people write.
TOPICS: Final = {
    "Queries": ("integration_query_metrics", 5),
    "Outcomes": ("conversation_outcomes", 5),
    "Health": ("integration_health_history", 20),
    "Intelligence": ("conversation_intelligence", 5),
}


def last_minutes(dialect: Dialect, minutes: int) -> Dialect:
    """Return the dialect with a range of some minutes up to the end."""
    return dialect.over(f"{dialect.end} - INTERVAL {minutes} MINUTE", dialect.end)


def status_rows(dialect: Dialect) -> str:
    """Ask for the state of each integration and its figures of the last minutes."""
    live = select(MINUTE_FIGURES, last_minutes(dialect, PUSHED_MINUTES), by=("provider",))
    return f"""
WITH live AS ({live}),
reported AS
(
    SELECT integration_provider,
        countIf({is_one_of("sync_status", Condition.DEGRADED, Condition.FAILED)}) AS unwell,
        count() AS links, max(created_at) AS heard, max(api_rate_limit_usage) AS quota, min(last_sync_at) AS oldest_sync
    FROM integration_health_metrics FINAL
    WHERE {of_links(dialect)}
    GROUP BY integration_provider
),
open AS
(
    SELECT integration_provider, count() AS findings, max(severity = 'critical') AS grave
    FROM predictive_insights FINAL
    WHERE status = 'open' AND insight_type = 'performance_anomaly' AND {of_links(dialect)}
    GROUP BY integration_provider
)
SELECT r.integration_provider AS integration,
    multiIf(open.grave, 'critical', open.findings > 0 OR r.unwell > 0, 'degraded', 'healthy') AS state,
    live.query_count / {PUSHED_MINUTES} AS queries_per_minute, live.error_rate AS error_rate,
    live.latency_p95_ms AS latency_p95_ms,
    open.findings AS findings, r.unwell AS unwell, r.links AS links,
    toFloat64(r.quota) AS quota,
    dateDiff('second', r.heard, {dialect.now}) / 60 AS heard_minutes,
    dateDiff('second', r.oldest_sync, {dialect.now}) / 3600 AS oldest_sync_hours
FROM reported AS r
LEFT JOIN live ON live.provider = r.integration_provider
LEFT JOIN open ON open.integration_provider = r.integration_provider
ORDER BY state = 'healthy', integration"""


def of_status(*columns: str) -> PanelQuery:
    """Ask for some columns of the status of integrations; Grafana asks for all of them once."""

    def render(dialect: Dialect) -> str:
        return f"SELECT {', '.join(('integration', *columns))} FROM ({status_rows(dialect)})"

    return PanelQuery(PROVIDER, render, shared=Shared(STATUS_PANEL, status_rows))


def figure(id_: int, question: str, kpi: str, figure: str, *, unit: Unit, title: str = "") -> Panel:
    """Return a figure of the last minutes as a bar for each integration."""
    about = get(kpi)
    lines = None if figure == RATE else thresholds(kpi)
    return Panel(
        id=id_,
        title=title or about.title,
        description=f"{question} {title or about.title} of the last {PUSHED_MINUTES} minutes, by integration.",
        picture=PanelType.BAR_GAUGE,
        asks={"A": of_status(figure)},
        no_data="No integration has reported yet",
        width=8,
        height=6,
        unit=unit,
        thresholds=lines,
        columns=(Column(figure, title or about.title, unit, lines),),
        by=("integration",),
    )


def by_minute(id_: int, kpi: str, title: str, description: str, *, bars: bool = False) -> Panel:
    """Return a figure by minute and integration; one statement answers all of them."""
    about = get(kpi)
    own = series(kpi, every=Interval.MINUTE, by=("provider",))
    everything = series(*MINUTE_FIGURES, every=Interval.MINUTE, by=("provider",)).render
    lines = None if bars else thresholds(kpi)
    return Panel(
        id=id_,
        title=title,
        description=description,
        picture=PanelType.TIME_BARS if bars else PanelType.TIME_SERIES,
        asks={"A": PanelQuery(own.filters, own.render, shared=Shared(MINUTES_PANEL, everything))},
        no_data="No query in this range",
        width=8,
        height=8,
        unit=about.unit,
        thresholds=lines,
        columns=(Column(kpi, about.title, about.unit, lines),),
        stacked=bars,
        by=("provider",),
    )


def _pushed_rows(kpi: str, figure: str) -> Callable[[Dialect], str]:
    def render(dialect: Dialect) -> str:
        value = f"{kpi} / {PUSHED_MINUTES}" if figure == RATE else kpi
        rows = select((kpi,), last_minutes(dialect, PUSHED_MINUTES), by=("provider",))
        return (
            f"SELECT provider AS integration, {value} AS {figure} FROM ({rows}) WHERE {kpi}_n > 0 ORDER BY integration"
        )

    return render


def pushed(id_: int, title: str, question: str, kpi: str, figure: str, *, unit: Unit) -> Panel:
    """Return a panel of a figure that the worker pushes to Grafana Live."""
    lines = None if figure == RATE else thresholds(kpi)
    return Panel(
        id=id_,
        title=title,
        description=f"{question} {get(kpi).title} of the last {PUSHED_MINUTES} minutes, by integration. The worker "
        "pushes it to Grafana Live every five seconds, of all tenants together. Empty where nothing is pushed to this "
        "Grafana (docs/dashboards.md): the same figures, asked for, are at the top.",
        picture=PanelType.STAT,
        asks={"A": PanelQuery(frozenset(), _pushed_rows(kpi, figure), pushed=figure)},
        no_data="No query in five minutes, or nothing is pushed to this Grafana (docs/dashboards.md)",
        width=8,
        height=6,
        unit=unit,
        thresholds=lines,
        columns=(Column(figure, get(kpi).title, unit, lines),),
        by=(LABEL,),
    )


def syncs(dialect: Dialect) -> str:
    """Ask for the newest sync jobs of the range."""
    return f"""
SELECT created_at AS at, integration_provider, sync_status, records_synced, records_failed, duration_ms, error_kind
FROM integration_health_history FINAL
WHERE {of_links(dialect)} AND created_at >= {dialect.start} AND created_at < {dialect.end} AND sync_job_id != ''
ORDER BY created_at DESC
LIMIT 100"""


def topics(dialect: Dialect) -> str:
    """Ask for the newest event of each topic; one that was silent for a day is not looked for further back."""
    since = f"{dialect.tenant('user_id')} AND created_at >= {dialect.end} - INTERVAL 1 DAY"
    newest = f"dateDiff('second', max(created_at), {dialect.now}) / 60"
    state = "multiIf(events = 0, 'silent for a day', newest < {usual}, 'receiving', newest < {long}, 'quiet', 'silent')"
    selects = (
        f"SELECT {place} AS place, '{name}' AS topic, count() AS events, {newest} AS newest, "
        f"{state.format(usual=usual, long=4 * usual)} AS connection FROM {table} WHERE {since}"
        for place, (name, (table, usual)) in enumerate(TOPICS.items())
    )
    return (
        "SELECT topic, connection, if(events = 0, NULL, newest) AS minutes "
        f"FROM ({' UNION ALL '.join(selects)}) ORDER BY place"
    )
