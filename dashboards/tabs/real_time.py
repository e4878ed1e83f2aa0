"""Real-Time Integration Monitor: what is happening now, every five seconds."""

from __future__ import annotations

from typing import Final

from dashboards.live import LABEL
from dashboards.panel import Ask, Column, Link, Panel, Picture, Row, Tab
from dashboards.questions import thresholds
from dashboards.tabs import names
from dashboards.tabs.parts import FINDING_COLUMNS, STATES, SYNC_COLUMNS, findings, of_links, trend
from kpis.analyses.facts import Over
from kpis.conditions import is_one_of
from kpis.dialect import Dialect
from kpis.kpi import Unit
from kpis.query import select
from kpis.registry import get
from kpis.scope import Interval
from models.sync_status import Condition

_PROVIDER: Final = frozenset({"provider"})
# What streams.live pushes, and over how long.
_RATE: Final = "queries_per_minute"
_PUSHED_MINUTES: Final = 5


def _last(dialect: Dialect, minutes: int) -> Dialect:
    return Over(dialect, f"{dialect.end} - INTERVAL {minutes} MINUTE", dialect.end)


def _cards(dialect: Dialect) -> str:
    live = select(("query_count", "error_rate", "latency_p95_ms"), _last(dialect, 15), by=("provider",))
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
    live.query_count / 15 AS per_minute, live.error_rate AS errors, live.latency_p95_ms AS p95,
    toFloat64(r.quota) AS quota,
    dateDiff('second', r.heard, {dialect.now}) / 60 AS heard_minutes,
    dateDiff('second', r.oldest_sync, {dialect.now}) / 3600 AS oldest_sync_hours,
    r.unwell AS unwell, r.links AS links, open.findings AS findings
FROM reported AS r
LEFT JOIN live ON live.provider = r.integration_provider
LEFT JOIN open ON open.integration_provider = r.integration_provider
ORDER BY state = 'healthy', integration"""


def _pushed(id_: int, title: str, question: str, kpi: str, figure: str, *, unit: Unit) -> Panel:
    def render(dialect: Dialect) -> str:
        value = f"{kpi} / {_PUSHED_MINUTES}" if figure == _RATE else kpi
        rows = select((kpi,), _last(dialect, _PUSHED_MINUTES), by=("provider",))
        return (
            f"SELECT provider AS integration, {value} AS {figure} FROM ({rows}) WHERE {kpi}_n > 0 ORDER BY integration"
        )

    lines = None if figure == _RATE else thresholds(kpi)
    return Panel(
        id=id_,
        title=title,
        description=f"{question} {get(kpi).title} of the last {_PUSHED_MINUTES} minutes, by integration. The worker "
        "pushes it to Grafana Live every five seconds, of all tenants together.",
        picture=Picture.STAT,
        asks={"A": Ask(frozenset(), render, pushed=figure)},
        no_data="No query in five minutes, or nothing is pushed to this Grafana (docs/dashboards.md). The charts below "
        "ask ClickHouse every five seconds",
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


def _freshness(dialect: Dialect) -> str:
    tables = {
        "queries": "integration_query_metrics",
        "outcomes": "conversation_outcomes",
        "health": "integration_health_history",
        "intelligence": "conversation_intelligence",
    }
    since = f"{dialect.tenant('user_id')} AND created_at >= {dialect.end} - INTERVAL 7 DAY"
    minutes = f"dateDiff('second', max(created_at), {dialect.now}) / 60 AS minutes"
    selects = (
        f"SELECT '{name}' AS stream, {minutes} FROM {table} WHERE {since} HAVING count() > 0"
        for name, table in tables.items()
    )
    return " UNION ALL ".join(selects)


_NOW: Final = Row(
    "Now",
    (
        Panel(
            id=1,
            title="Integration status",
            description="How is each integration doing? "
            "The last 15 minutes and the last report of every integration. Critical: a critical finding is "
            "open. Degraded: any finding is open, or a connector reports trouble. Click one for its health.",
            picture=Picture.TABLE,
            asks={"A": Ask(_PROVIDER, _cards)},
            no_data="No integration has reported yet",
            width=24,
            height=8,
            columns=(
                Column(
                    "integration", "Integration", link=Link("Its health", names.HEALTH, {"provider": "integration"})
                ),
                Column("state", "State", states={**STATES, "critical": "critical"}),
                Column("per_minute", "Queries a minute", Unit.SCORE),
                Column("errors", "Failing", Unit.RATIO),
                Column("p95", "95 % within", Unit.MILLISECONDS),
                Column("quota", "API quota", Unit.RATIO),
                Column("heard_minutes", "Reported ago", Unit.MINUTES),
                Column("oldest_sync_hours", "Oldest sync", Unit.HOURS),
                Column("unwell", "Links in trouble", Unit.COUNT),
                Column("links", "Links", Unit.COUNT),
                Column("findings", "Open findings", Unit.COUNT),
            ),
        ),
        Panel(
            id=2,
            title="Open incidents",
            description="What is wrong, and what to do? Open findings of the detectors, the newest first.",
            picture=Picture.TABLE,
            asks={"A": findings("status = 'open' AND insight_type = 'performance_anomaly'")},
            no_data="Nothing is wrong: there is no open finding",
            width=16,
            height=8,
            columns=FINDING_COLUMNS,
        ),
        Panel(
            id=3,
            title="Data freshness by topic",
            description="Is data still coming in? "
            "Minutes since the newest event of each stream. More than a few minutes in working hours means "
            "that a producer, Kafka or the worker stands still.",
            picture=Picture.STAT,
            asks={"A": Ask(frozenset(), _freshness)},
            no_data="No event has arrived yet",
            width=8,
            height=8,
            unit=Unit.MINUTES,
            columns=(Column("minutes", "Minutes", Unit.MINUTES),),
            by=("stream",),
        ),
    ),
)

_PUSHES: Final = Row(
    "This very moment",
    (
        _pushed(
            5,
            "Queries per minute, live",
            "How many queries a minute come in right now?",
            "query_count",
            _RATE,
            unit=Unit.SCORE,
        ),
        _pushed(6, "Query error rate, live", "How many fail right now?", "error_rate", "error_rate", unit=Unit.RATIO),
        _pushed(
            7,
            "Response time p95, live",
            "How slow are the slowest 5 % right now?",
            "latency_p95_ms",
            "latency_p95_ms",
            unit=Unit.MILLISECONDS,
        ),
    ),
)

_LIVE: Final = Row(
    "Minute by minute",
    (
        trend(
            10,
            "Queries per minute",
            "How many queries come in? Queries a minute by integration.",
            "query_count",
            every=Interval.MINUTE,
            by=("provider",),
            width=8,
            bars=True,
        ),
        trend(
            11,
            "Query error rate",
            "How many fail? Share of failed queries by minute and integration.",
            "error_rate",
            every=Interval.MINUTE,
            by=("provider",),
            width=8,
        ),
        trend(
            12,
            "Response time p95",
            "How quickly do they answer? Response time that 95 % stay below, by minute and integration.",
            "latency_p95_ms",
            every=Interval.MINUTE,
            by=("provider",),
            width=8,
        ),
    ),
)

_SYNCS: Final = Row(
    "Sync jobs",
    (
        Panel(
            id=20,
            title="Recent syncs",
            description="Which syncs ran last? "
            "Sync jobs of this range, the newest first, with what they moved and what failed.",
            picture=Picture.TABLE,
            asks={"A": Ask(_PROVIDER, _syncs)},
            no_data="No sync job reported in this range",
            width=24,
            height=9,
            columns=SYNC_COLUMNS,
        ),
    ),
)

TAB: Final = Tab(
    uid=names.REAL_TIME,
    title="Real-Time Integration Monitor",
    about="What is happening now?",
    rows=(_NOW, _PUSHES, _LIVE, _SYNCS),
    variables=("provider",),
    audience="operations",
    span="now-15m",
    refresh="5s",
    kinds=(),
    is_marked=False,
)
