"""Real-Time Integration Monitor: what is happening now, every five seconds.

It asks four statements each time, whatever it shows: panels share answers (``dashboards.shared``), and what is seldom
looked at is in rows that ask nothing until they are opened.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from dashboards.grafana_live import LABEL
from dashboards.panel import Column, Panel, PanelLink, PanelQuery, PanelRow, PanelType, Shared, Tab
from dashboards.panel_queries import series, thresholds
from dashboards.tabs import names
from dashboards.tabs.parts import OPEN_COLUMNS, SYNC_COLUMNS, UNLESS_ASKED, findings, of_links
from kpis.kpi import Unit
from kpis.query import select
from kpis.registry import get
from kpis.scope import Interval
from kpis.sql.conditions import is_one_of
from kpis.sql.dialect import Dialect
from models.sync_status import Condition

_PROVIDER: Final = frozenset({"provider"})
# What streams.grafana_live pushes, and over how long.
_RATE: Final = "queries_per_minute"
_PUSHED_MINUTES: Final = 5
# Panels whose answer others show as well.
_STATUS_PANEL, _MINUTES_PANEL = 1, 10
_MINUTE_FIGURES: Final = ("query_count", "error_rate", "latency_p95_ms")
_CARD_STATES: Final = {"healthy": "ok", "degraded": "warning", "critical": "critical"}
_CONNECTIONS: Final = {"receiving": "ok", "quiet": "warning", "silent": "critical", "silent for a day": "critical"}
# Topic → table, and after how many minutes without an event it is quiet; after four times as many it is silent.
# Connectors report with their syncs, the others as often as people write.
_TOPICS: Final = {
    "Queries": ("integration_query_metrics", 5),
    "Outcomes": ("conversation_outcomes", 5),
    "Health": ("integration_health_history", 20),
    "Intelligence": ("conversation_intelligence", 5),
}


def _last(dialect: Dialect, minutes: int) -> Dialect:
    return dialect.over(f"{dialect.end} - INTERVAL {minutes} MINUTE", dialect.end)


def _status(dialect: Dialect) -> str:
    live = select(_MINUTE_FIGURES, _last(dialect, _PUSHED_MINUTES), by=("provider",))
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
    live.query_count / {_PUSHED_MINUTES} AS queries_per_minute, live.error_rate AS error_rate,
    live.latency_p95_ms AS latency_p95_ms,
    open.findings AS findings, r.unwell AS unwell, r.links AS links,
    toFloat64(r.quota) AS quota,
    dateDiff('second', r.heard, {dialect.now}) / 60 AS heard_minutes,
    dateDiff('second', r.oldest_sync, {dialect.now}) / 3600 AS oldest_sync_hours
FROM reported AS r
LEFT JOIN live ON live.provider = r.integration_provider
LEFT JOIN open ON open.integration_provider = r.integration_provider
ORDER BY state = 'healthy', integration"""


def _of_status(*columns: str) -> PanelQuery:
    """Ask for some columns of the status of integrations; Grafana asks for all of them once."""

    def render(dialect: Dialect) -> str:
        return f"SELECT {', '.join(('integration', *columns))} FROM ({_status(dialect)})"

    return PanelQuery(_PROVIDER, render, shared=Shared(_STATUS_PANEL, _status))


def _figure(id_: int, question: str, kpi: str, figure: str, *, unit: Unit, title: str = "") -> Panel:
    """Return a figure of the last minutes as a bar for each integration."""
    about = get(kpi)
    lines = None if figure == _RATE else thresholds(kpi)
    return Panel(
        id=id_,
        title=title or about.title,
        description=f"{question} {title or about.title} of the last {_PUSHED_MINUTES} minutes, by integration.",
        picture=PanelType.BAR_GAUGE,
        asks={"A": _of_status(figure)},
        no_data="No integration has reported yet",
        width=8,
        height=6,
        unit=unit,
        thresholds=lines,
        columns=(Column(figure, title or about.title, unit, lines),),
        by=("integration",),
    )


def _by_minute(id_: int, kpi: str, title: str, description: str, *, bars: bool = False) -> Panel:
    """Return a figure by minute and integration; one statement answers all of them."""
    about = get(kpi)
    own = series(kpi, every=Interval.MINUTE, by=("provider",))
    everything = series(*_MINUTE_FIGURES, every=Interval.MINUTE, by=("provider",)).render
    lines = None if bars else thresholds(kpi)
    return Panel(
        id=id_,
        title=title,
        description=description,
        picture=PanelType.TIME_BARS if bars else PanelType.TIME_SERIES,
        asks={"A": PanelQuery(own.filters, own.render, shared=Shared(_MINUTES_PANEL, everything))},
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
        value = f"{kpi} / {_PUSHED_MINUTES}" if figure == _RATE else kpi
        rows = select((kpi,), _last(dialect, _PUSHED_MINUTES), by=("provider",))
        return (
            f"SELECT provider AS integration, {value} AS {figure} FROM ({rows}) WHERE {kpi}_n > 0 ORDER BY integration"
        )

    return render


def _pushed(id_: int, title: str, question: str, kpi: str, figure: str, *, unit: Unit) -> Panel:
    lines = None if figure == _RATE else thresholds(kpi)
    return Panel(
        id=id_,
        title=title,
        description=f"{question} {get(kpi).title} of the last {_PUSHED_MINUTES} minutes, by integration. The worker "
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


def _syncs(dialect: Dialect) -> str:
    return f"""
SELECT created_at AS at, integration_provider, sync_status, records_synced, records_failed, duration_ms, error_kind
FROM integration_health_history FINAL
WHERE {of_links(dialect)} AND created_at >= {dialect.start} AND created_at < {dialect.end} AND sync_job_id != ''
ORDER BY created_at DESC
LIMIT 100"""


def _topics(dialect: Dialect) -> str:
    """Ask for the newest event of each topic; one that was silent for a day is not looked for further back."""
    since = f"{dialect.tenant('user_id')} AND created_at >= {dialect.end} - INTERVAL 1 DAY"
    newest = f"dateDiff('second', max(created_at), {dialect.now}) / 60"
    state = "multiIf(events = 0, 'silent for a day', newest < {usual}, 'receiving', newest < {long}, 'quiet', 'silent')"
    selects = (
        f"SELECT {place} AS place, '{name}' AS topic, count() AS events, {newest} AS newest, "
        f"{state.format(usual=usual, long=4 * usual)} AS connection FROM {table} WHERE {since}"
        for place, (name, (table, usual)) in enumerate(_TOPICS.items())
    )
    return (
        "SELECT topic, connection, if(events = 0, NULL, newest) AS minutes "
        f"FROM ({' UNION ALL '.join(selects)}) ORDER BY place"
    )


_NOW: Final = PanelRow(
    "Now",
    (
        Panel(
            id=_STATUS_PANEL,
            title="Integration status",
            description="How is each integration doing? Critical: a critical incident is open. Degraded: any "
            "incident is open, or a connector reports trouble.",
            picture=PanelType.STAT,
            asks={"A": _of_status("state")},
            no_data="No integration has reported yet",
            width=24,
            height=3,
            columns=(Column("state", "State", states=_CARD_STATES),),
            by=("integration",),
            link=PanelLink("Integration Health", names.HEALTH),
        ),
        _figure(
            8, "How many queries come in right now?", "query_count", _RATE, unit=Unit.SCORE, title="Queries per minute"
        ),
        _figure(9, "How many fail right now?", "error_rate", "error_rate", unit=Unit.RATIO),
        _figure(
            13, "How slow are the slowest 5 % right now?", "latency_p95_ms", "latency_p95_ms", unit=Unit.MILLISECONDS
        ),
    ),
)

_WRONG: Final = PanelRow(
    "What is wrong",
    (
        Panel(
            id=2,
            title="Open incidents",
            description="What is wrong, and what to do? What the detectors found and is not over, the newest first.",
            picture=PanelType.TABLE,
            asks={"A": findings("status = 'open' AND insight_type = 'performance_anomaly'")},
            no_data=f"There is no open incident, {UNLESS_ASKED}",
            width=24,
            height=7,
            columns=OPEN_COLUMNS,
        ),
        Panel(
            id=4,
            title="Active alerts",
            description="Which alert rules of Grafana are firing, about to fire, or cannot be evaluated? Their "
            "messages go where the notification policy says. Incidents are what detectors found; alerts are lines that "
            "were crossed.",
            picture=PanelType.ALERTS,
            asks={},
            no_data="No alert is active",
            width=24,
            height=6,
        ),
    ),
)

_DATA: Final = PanelRow(
    "Connection and freshness",
    (
        Panel(
            id=3,
            title="Data freshness by topic",
            description="Is data still coming in? Minutes since the newest event of each topic. Quiet or silent in "
            "working hours: a producer, Kafka or the worker stands still; romashka doctor says which.",
            picture=PanelType.TABLE,
            asks={"A": PanelQuery(frozenset(), _topics)},
            no_data="No event of the last day",
            width=9,
            height=8,
            columns=(
                Column("topic", "Topic"),
                Column("connection", "Connection", states=_CONNECTIONS),
                Column("minutes", "Newest event", Unit.MINUTES),
            ),
        ),
        Panel(
            id=14,
            title="Connectors",
            description="What do the connectors of each integration report? Its connections of all tenants, the quota "
            "of the one that used most, and the oldest sync among them.",
            picture=PanelType.TABLE,
            asks={"A": _of_status("findings", "unwell", "links", "quota", "heard_minutes", "oldest_sync_hours")},
            no_data="No integration has reported yet",
            width=15,
            height=8,
            columns=(
                Column(
                    "integration",
                    "Integration",
                    link=PanelLink("Its health", names.HEALTH, {"provider": "integration"}),
                    width=110,
                ),
                Column("findings", "Open incidents", Unit.COUNT),
                Column("unwell", "In trouble", Unit.COUNT),
                Column("links", "Connections", Unit.COUNT, width=105),
                Column("quota", "API quota used", Unit.RATIO),
                Column("heard_minutes", "Last report", Unit.MINUTES),
                Column("oldest_sync_hours", "Oldest sync", Unit.HOURS),
            ),
        ),
    ),
)

_LIVE: Final = PanelRow(
    "Minute by minute",
    (
        _by_minute(
            10,
            "query_count",
            "Queries per minute by integration",
            "How many queries come in? Queries by minute.",
            bars=True,
        ),
        _by_minute(
            11, "error_rate", "Query error rate by integration", "How many fail? Share of failed queries by minute."
        ),
        _by_minute(
            12,
            "latency_p95_ms",
            "Response time p95 by integration",
            "How quickly do they answer? Response time that 95 % stay below, by minute.",
        ),
    ),
)

_SYNCS: Final = PanelRow(
    "Sync jobs",
    (
        Panel(
            id=20,
            title="Recent syncs",
            description="Which syncs ran last? Sync jobs of this range, the newest first, with what they moved and "
            "what failed.",
            picture=PanelType.TABLE,
            asks={"A": PanelQuery(_PROVIDER, _syncs)},
            no_data="No sync job reported in this range",
            width=24,
            height=9,
            columns=SYNC_COLUMNS,
        ),
    ),
    collapsed=True,
)

_PUSHES: Final = PanelRow(
    "Pushed by the worker",
    (
        _pushed(
            5,
            "Queries per minute, live",
            "How many queries come in this very moment?",
            "query_count",
            _RATE,
            unit=Unit.SCORE,
        ),
        _pushed(
            6, "Query error rate, live", "How many fail this very moment?", "error_rate", "error_rate", unit=Unit.RATIO
        ),
        _pushed(
            7,
            "Response time p95, live",
            "How slow are the slowest 5 % this very moment?",
            "latency_p95_ms",
            "latency_p95_ms",
            unit=Unit.MILLISECONDS,
        ),
    ),
    collapsed=True,
)

TAB: Final = Tab(
    uid=names.REAL_TIME,
    title="Real-Time Integration Monitor",
    about="What is happening now?",
    rows=(_NOW, _WRONG, _DATA, _LIVE, _SYNCS, _PUSHES),
    variables=("provider",),
    audience="operations",
    span="now-15m",
    refresh="5s",
    kinds=(),
    is_marked=False,
)
