"""Integration Health: whether each integration works, answers quickly, and has fresh data."""

from __future__ import annotations

from typing import Final

from dashboards.panel import Column, Panel, PanelLink, PanelQuery, PanelRow, PanelType, Tab
from dashboards.panel_queries import column, split
from dashboards.tabs import names
from dashboards.tabs.parts import (
    EMPTY,
    FINDING_COLUMNS,
    STATES,
    SYNC_COLUMNS,
    findings,
    of_links,
    tenant_and_id,
    tenant_columns,
    tenant_name,
    tile,
    together,
    trend,
)
from kpis.kpi import Unit
from kpis.scope import Interval
from kpis.sql.conditions import is_one_of
from kpis.sql.dialect import Dialect
from models.sync_status import Condition

_NO_REPORT: Final = "No connector reported its health in this range"
_HEALTH_FILTERS: Final = frozenset({"provider"})


def _states(dialect: Dialect) -> str:
    # For many tenants only the worst state of each time would be visible, so each has its own row.
    # Grafana asks for a time field even of no rows: one row then says in words that there are none.
    where = f"{of_links(dialect)} AND created_at >= {dialect.start} AND created_at < {dialect.end}"
    return f"""
SELECT time, integration, state FROM
(
SELECT time, integration, state FROM
(
SELECT toStartOfInterval(created_at, INTERVAL 1 HOUR) AS time,
    concat(integration_provider, ' · ', {tenant_name("user_id")}) AS integration,
    argMax(sync_status, created_at) AS state
FROM integration_health_history FINAL
WHERE {where}
GROUP BY time, integration
)
-- A link that reported once has no state that lasts: a line with a point says nothing.
QUALIFY count() OVER (PARTITION BY integration) > 1
UNION ALL
SELECT toStartOfInterval({dialect.start}, INTERVAL 1 HOUR) AS time, '{_NO_REPORT}' AS integration, '' AS state
FROM (SELECT count() AS reports FROM integration_health_history WHERE {where}) WHERE reports = 0
)
ORDER BY time, integration
LIMIT 20000"""


def _latest(dialect: Dialect) -> str:
    return f"""
SELECT integration_provider, {tenant_and_id("user_id")}, sync_status, last_sync_at,
    round(dateDiff('minute', last_sync_at, {dialect.now}) / 60, 1) AS since_sync_hours,
    sync_success_rate, error_rate, data_freshness_score, api_rate_limit_usage
FROM integration_health_metrics FINAL
WHERE {of_links(dialect)}
ORDER BY {is_one_of("sync_status", Condition.HEALTHY)}, last_sync_at
LIMIT 500"""


def _errors(dialect: Dialect) -> str:
    return f"""
SELECT toStartOfHour(created_at) AS time, if(error_kind = '', 'not said', error_kind) AS error, count() AS failures
FROM integration_query_metrics FINAL
WHERE NOT query_success AND {of_links(dialect)} AND created_at >= {dialect.start} AND created_at < {dialect.end}
GROUP BY time, error
ORDER BY time, error"""


def _jobs(dialect: Dialect) -> str:
    return f"""
SELECT created_at AS at, integration_provider, sync_status, records_synced, records_failed,
    duration_ms, error_kind, sync_job_id
FROM integration_health_history FINAL
WHERE {of_links(dialect)} AND created_at >= {dialect.start} AND created_at < {dialect.end}
    AND (ifNull(records_failed, 0) > 0.01 * ifNull(records_synced, 0) OR error_kind != ''
        OR NOT {is_one_of("sync_status", Condition.HEALTHY)})
ORDER BY created_at DESC
LIMIT 200"""


_TIMELINE: Final = PanelLink("When which state", names.HEALTH, panel=10)
_LATEST: Final = PanelLink("Each integration now", names.HEALTH, panel=11)
_BY_TYPE: Final = PanelLink("By query type", names.HEALTH, panel=23)
_FAILED: Final = PanelLink("Syncs that went wrong", names.HEALTH, panel=30)

_NUMBERS: Final = PanelRow(
    "At a glance",
    together(
        tile(1, "How long were integrations up?", "integration_uptime", link=_TIMELINE),
        tile(2, "How many syncs succeeded?", "sync_success_rate", link=_FAILED),
        tile(3, "How many queries failed?", "error_rate", link=_BY_TYPE),
        tile(4, "How slow are the slowest 5 %?", "latency_p95_ms", link=_BY_TYPE),
        tile(5, "How old is the data?", "data_freshness_hours", link=_LATEST),
        tile(6, "How much of the API quota was used at most?", "api_quota_peak", link=_LATEST),
    ),
)

_HEALTH: Final = PanelRow(
    "Health",
    (
        Panel(
            id=10,
            title="Integration status by hour",
            description="When was which integration in which state? "
            "The last status that each connector reported in each hour. In a gap nothing was reported.",
            picture=PanelType.STATE_TIMELINE,
            asks={"A": PanelQuery(_HEALTH_FILTERS, _states)},
            no_data=_NO_REPORT,
            width=24,
            height=14,
            columns=(Column("state", "State", states=STATES),),
            by=("integration",),
        ),
        Panel(
            id=11,
            title="Current integration status",
            description="How is each integration now? "
            "The latest report of each integration. Healthy with an old last sync is not healthy: look at "
            "its age.",
            picture=PanelType.TABLE,
            asks={"A": PanelQuery(_HEALTH_FILTERS, _latest)},
            no_data="No connector has reported its health yet",
            width=24,
            height=10,
            columns=(
                Column(
                    "integration_provider",
                    "Integration",
                    link=PanelLink("Live", names.REAL_TIME, {"provider": "integration_provider"}),
                ),
                *tenant_columns(names.HEALTH),
                Column("sync_status", "Reports", states=STATES),
                Column("last_sync_at", "Last sync", moment="minute"),
                Column("since_sync_hours", "Ago", Unit.HOURS),
                Column("sync_success_rate", "Syncs succeed", Unit.RATIO),
                Column("error_rate", "Errors", Unit.RATIO),
                Column("data_freshness_score", "Freshness", Unit.RATIO),
                Column("api_rate_limit_usage", "API quota", Unit.RATIO),
            ),
        ),
    ),
)

_GLANCE: Final = Panel(
    id=24,
    title="Integrations at a glance",
    description="Which integrations carry the work? "
    "Volume, success, speed and age of data by integration, the busiest first.",
    picture=PanelType.TABLE,
    asks={"A": split("query_count", "query_success_rate", "latency_p95_ms", "data_freshness_hours", by=("provider",))},
    no_data=EMPTY,
    width=24,
    height=7,
    columns=(
        Column(
            "provider", "Integration", link=PanelLink("AI Performance", names.AI_PERFORMANCE, {"provider": "provider"})
        ),
        column("query_count"),
        column("query_success_rate"),
        column("latency_p95_ms"),
        column("data_freshness_hours"),
    ),
)

_QUERIES: Final = PanelRow(
    "Queries to integrations",
    (
        _GLANCE,
        trend(
            20,
            "Query error rate by integration",
            "Who fails how often? "
            "Share of failed queries by integration and hour. The dashed lines are warning and critical.",
            "error_rate",
            every=Interval.HOUR,
            by=("provider",),
        ),
        trend(
            21,
            "Response time p95 by integration",
            "Who is slow? Response time that 95 % of queries stay below, by integration and hour.",
            "latency_p95_ms",
            every=Interval.HOUR,
            by=("provider",),
        ),
        Panel(
            id=22,
            title="Failed queries by error",
            description="Why do queries fail? "
            "Failed queries by kind of error and hour: auth means a token, rate_limit a quota, schema a "
            "renamed field, provider_down and timeout the provider itself.",
            picture=PanelType.TIME_BARS,
            asks={"A": PanelQuery(_HEALTH_FILTERS, _errors)},
            no_data="No query failed in this range",
            width=12,
            height=8,
            unit=Unit.COUNT,
            stacked=True,
            by=("error",),
        ),
        Panel(
            id=23,
            title="Query types",
            description="Which query types have trouble? "
            "Success and speed by integration and query type, the busiest first.",
            picture=PanelType.TABLE,
            asks={"A": split("query_count", "error_rate", "latency_p95_ms", by=("provider", "query_type"))},
            no_data=EMPTY,
            width=12,
            height=8,
            columns=(
                Column("provider", "Integration"),
                Column(
                    "query_type",
                    "Query type",
                    width=160,
                    link=PanelLink("AI Performance", names.AI_PERFORMANCE, {"query_type": "query_type"}),
                ),
                column("query_count"),
                column("error_rate"),
                column("latency_p95_ms"),
            ),
        ),
    ),
)

_SYNCS: Final = PanelRow(
    "Syncs and findings",
    (
        Panel(
            id=30,
            title="Failed and degraded syncs",
            description="Which syncs went wrong? "
            "Reports of an error, of more than 1 % failed records, or of a status other than healthy, the "
            "newest first.",
            picture=PanelType.TABLE,
            asks={"A": PanelQuery(_HEALTH_FILTERS, _jobs)},
            no_data="Every sync in this range went well",
            width=24,
            height=9,
            columns=(
                *SYNC_COLUMNS,
                Column("sync_job_id", "Job", width=300),
            ),
        ),
        Panel(
            id=31,
            title="Findings",
            description="What did the detectors find? Findings that were open in this range, with what to do first.",
            picture=PanelType.TABLE,
            asks={"A": findings("insight_type = 'performance_anomaly'")},
            no_data="The detectors found nothing unusual in this range",
            width=24,
            height=9,
            columns=FINDING_COLUMNS,
        ),
    ),
)

TAB: Final = Tab(
    uid=names.HEALTH,
    title="Integration Health",
    about="Does each integration work, does it answer quickly, and is its data fresh?",
    rows=(_NUMBERS, _HEALTH, _QUERIES, _SYNCS),
    variables=("provider", "query_type"),
    audience="operations",
    span="7d",
    refresh="1m",
    kinds=("performance_anomaly",),
)
