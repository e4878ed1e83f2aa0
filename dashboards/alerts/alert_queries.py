"""What alert rules ask: figures by tenant and integration, and what detectors and connectors say."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from kpis.query import select
from kpis.sql.conditions import attention, is_acknowledged, is_one_of, not_set_aside, open_at_end
from kpis.sql.dialect import Dialect
from models.insights import ALL_TENANTS_ID
from models.nearest_rank import nearest_rank_of
from models.sync_status import Condition
from models.topics import HEALTH, INTELLIGENCE, OUTCOMES, QUERIES

_TABLES = {
    QUERIES.name: "integration_query_metrics",
    OUTCOMES.name: "conversation_outcomes",
    HEALTH.name: "integration_health_history",
    INTELLIGENCE.name: "conversation_intelligence",
}

Ask = Callable[[Dialect], str]


def by_integration(kpi: str, volume: int, cases: int = 0) -> Ask:
    """Ask for a figure of every tenant and integration; those with too little data are left out.

    ``volume`` is how much it takes; of a share, ``cases`` is how many it must be a share of that volume: one failure
    of ten queries is a tenth, and says nothing. It reads minutes, not hours and days, which is the faster
    way for rules that look back an hour at most.
    """

    def render(dialect: Dialect) -> str:
        figures = select([kpi], dialect, by=("tenant", "provider"), rolled_up=False)
        return (
            "SELECT toString(tenant) AS user_id, toString(provider) AS integration_provider, "
            f"toFloat64({kpi}) AS value FROM ({figures}) WHERE {kpi}_n >= {volume} AND {kpi} IS NOT NULL "
            f"AND {kpi} * {kpi}_n >= {cases} "
            "ORDER BY user_id, integration_provider"
        )

    return render


def by_tenant(kpi: str, volume: int) -> Ask:
    """Ask for a figure of every tenant; those with too little data (less than ``volume``) are left out."""

    def render(dialect: Dialect) -> str:
        figures = select([kpi], dialect, by=("tenant",), rolled_up=False)
        return (
            f"SELECT toString(tenant) AS user_id, toFloat64({kpi}) AS value FROM ({figures}) "
            f"WHERE {kpi}_n >= {volume} AND {kpi} IS NOT NULL ORDER BY user_id"
        )

    return render


def burn(objective: float, long_minutes: int, short_minutes: int, volume: int) -> Ask:
    """Ask how many times too fast the error budget burns, over a long window and a short one: the lower of both.

    The long one says that it matters, the short one that it still goes on (the Site Reliability Workbook, chapter 5).
    The budget is the share of queries that may fail under the ``objective``. ``volume`` is how many queries the long
    one takes, 20 the short one: the closer to the budget a line is, the more queries it takes to tell it from chance.
    """

    def render(dialect: Dialect) -> str:
        def rate(minutes: int, least: int) -> str:
            recent = f"window_start >= {dialect.end} - INTERVAL {minutes} MINUTE"
            return (
                f"(1 - sumIf(successes, {recent}) / greatest(1, sumIf(queries, {recent}))) * "
                f"(sumIf(queries, {recent}) >= {least}) / {round(1 - objective, 6)}"
            )

        return f"""
SELECT toString(user_id) AS user_id, toString(integration_provider) AS integration_provider,
    least({rate(long_minutes, volume)}, {rate(short_minutes, 20)}) AS value
FROM query_windows FINAL
WHERE {dialect.tenant("query_windows.user_id")} AND window_start >= {dialect.end} - INTERVAL {long_minutes} MINUTE
    AND window_start < {dialect.end}
GROUP BY query_windows.user_id, query_windows.integration_provider
ORDER BY user_id, integration_provider"""

    return render


def with_tenant_names(statement: str) -> str:
    """Return a statement with ``user_id`` extended by ``tenant``: what people call it, or the beginning of its id."""
    return f"""
SELECT asked.*, multiIf(asked.user_id = '{ALL_TENANTS_ID}', 'all tenants',
    names.display_name = '', concat('tenant ', substring(asked.user_id, 1, 8)), names.display_name) AS tenant
FROM ({statement}) AS asked
LEFT JOIN (SELECT toString(user_id) AS id, display_name FROM tenant_names FINAL) AS names ON names.id = asked.user_id
ORDER BY asked.user_id"""


def since_last_sync(dialect: Dialect) -> str:
    """Ask how many times longer than usual ago each integration's last sync is; paused ones are left out.

    Usual is what nineteen of twenty syncs of two weeks came within, three hours at least; a day where few are known.
    """
    return f"""
SELECT user_id, integration_provider, dateDiff('second', last_sync, {dialect.end}) / usual AS value
FROM
(
    SELECT toString(h.user_id) AS user_id, toString(h.integration_provider) AS integration_provider,
        arraySort(groupUniqArrayIf(
            intDiv(toUnixTimestamp64Milli(least(assumeNotNull(h.last_sync_at), h.created_at)), 1000),
            h.last_sync_at IS NOT NULL)) AS syncs,
        toDateTime(arrayMax(syncs), 'UTC') AS last_sync,
        if(length(syncs) > 5,
            greatest(10800, {nearest_rank_of("arrayPopFront(arrayDifference(syncs))", 0.95)}), 86400) AS usual
    FROM integration_health_history AS h FINAL
    WHERE {dialect.tenant("h.user_id")}
        AND h.created_at >= {dialect.end} - INTERVAL 14 DAY AND h.created_at < {dialect.end}
    GROUP BY h.user_id, h.integration_provider
    HAVING notEmpty(syncs) AND NOT {is_one_of("argMax(h.sync_status, h.created_at)", Condition.PAUSED)}
)
ORDER BY user_id, integration_provider"""


def findings(kinds: Sequence[str]) -> Ask:
    """Ask for open anomalies of some kinds, one row each."""
    wanted = ", ".join(f"'{kind}'" for kind in kinds)
    return _open(f"i.insight_type = 'performance_anomaly' AND i.kind IN ({wanted})", "count()")


def key_figures(dialect: Dialect) -> str:
    """Ask for open changes of key figures by severity (see ``anomalies``); ``kind`` is the figure."""
    return _open("i.insight_type = 'kpi_change'", _severity(dialect), _attention)(dialect)


def anomalies(dialect: Dialect) -> str:
    """Ask for open anomalies as 2 (warning) or 3 (critical); of an outage across tenants only the whole.

    What somebody has acknowledged is a warning: critical alerts page at any hour and escalate.
    """
    return _open("i.insight_type = 'performance_anomaly'", _severity(dialect), _attention)(dialect)


def _severity(dialect: Dialect) -> str:
    return f"max(if(i.severity = 'critical' AND NOT {is_acknowledged('i', dialect)}, 3, 2))"


def _attention(table: str, dialect: Dialect) -> str:
    return attention(dialect, table)


def _unhandled(table: str, dialect: Dialect) -> str:
    return f"{open_at_end(table, dialect)} AND {not_set_aside(table, dialect)}"


def _open(where: str, value: str, chosen: Callable[[str, Dialect], str] = _unhandled) -> Ask:
    def render(dialect: Dialect) -> str:
        return f"""
SELECT toString(i.user_id) AS user_id, toString(i.integration_provider) AS integration_provider,
    toString(i.kind) AS kind, toString(i.id) AS insight_id, toFloat64({value}) AS value
FROM predictive_insights AS i FINAL
WHERE {dialect.tenant("i.user_id")} AND {chosen("i", dialect)} AND {where}
GROUP BY i.user_id, i.integration_provider, i.kind, i.id
ORDER BY user_id, integration_provider, kind, insight_id"""

    return render


def waves(dialect: Dialect) -> str:
    """Ask for open churn waves: how many times more customers of a tenant are at risk than in the weeks before."""
    return f"""
SELECT toString(i.user_id) AS user_id, toString(i.id) AS insight_id,
    max(i.observed / greatest(i.expected, 0.5)) AS value
FROM predictive_insights AS i FINAL
WHERE {dialect.tenant("i.user_id")} AND {_unhandled("i", dialect)} AND i.insight_type = 'churn_risk'
    AND i.kind = 'churn_wave' AND i.observed IS NOT NULL AND i.expected IS NOT NULL
GROUP BY i.user_id, i.id
ORDER BY user_id, insight_id"""


def silence(dialect: Dialect) -> str:
    """Ask for the minutes since the newest event of any kind, 0 while that is no longer than usual.

    Usual is twice what all but one in two hundred pauses of the week before were within. Nothing at all where nothing
    ever came: an installation without producers is not one whose data stopped.
    """
    recent = f"created_at >= {dialect.end} - INTERVAL 7 DAY AND created_at < {dialect.end}"
    minutes = " UNION DISTINCT ".join(
        f"SELECT toStartOfMinute(created_at) AS minute FROM {table} WHERE {dialect.tenant('user_id')} AND {recent}"
        for table in _TABLES.values()
    )
    # Read from the parts' own smallest times; an empty table has the clock's beginning.
    first = " UNION ALL ".join(
        f"SELECT nullIf(min(created_at), toDateTime64(0, 3, 'UTC')) AS at FROM {table}" for table in _TABLES.values()
    )
    return f"""
WITH
    (SELECT arraySort(groupArray(toUnixTimestamp(minute))) FROM ({minutes})) AS came,
    (SELECT min(at) FROM ({first})) AS first,
    if(empty(came), 10080., (toUnixTimestamp({dialect.end}) - arrayMax(came)) / 60) AS silent,
    if(length(came) < 2, 0, {nearest_rank_of("arrayPopFront(arrayDifference(came))", 0.995)} / 60) AS pause
SELECT toFloat64(if(silent > 2 * pause, silent, 0)) AS value
WHERE ifNull(first < {dialect.end}, false)"""


def rejected(dialect: Dialect) -> str:
    """Ask for the share of rejected messages by topic, where at least ten were."""
    taken = " UNION ALL ".join(
        f"SELECT '{topic}' AS topic, count() AS events FROM {table} "
        f"WHERE {dialect.tenant('user_id')} AND created_at >= {dialect.start} AND created_at < {dialect.end}"
        for topic, table in _TABLES.items()
    )
    return f"""
SELECT toString(d.topic) AS topic, count() / (count() + any(t.events)) AS value
FROM dead_letters AS d FINAL
LEFT JOIN ({taken}) AS t ON t.topic = d.topic
WHERE d.received_at >= {dialect.start} AND d.received_at < {dialect.end}
GROUP BY d.topic
HAVING count() >= 10
ORDER BY topic"""


def dashboard_latency(dialect: Dialect) -> str:
    """Ask for the 95 % quantile of how long the dashboards' own statements took, in milliseconds."""
    return f"""
SELECT toString(user) AS role, {nearest_rank_of("groupArray(query_duration_ms)", 0.95)} AS value
FROM system.query_log
WHERE type = 'QueryFinish' AND startsWith(user, 'grafana_') AND event_time >= {dialect.start}
    AND event_time < {dialect.end} AND event_date >= toDate({dialect.start})
GROUP BY user
HAVING count() >= 20
ORDER BY role"""
