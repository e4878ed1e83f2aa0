"""What alert rules ask: figures by tenant and integration, and what detectors and connectors say."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from kpis.dialect import Dialect
from kpis.query import select

_NOBODY = "'00000000-0000-0000-0000-000000000000'"
# The share of queries that may fail in the long run: what an error budget is counted against.
OBJECTIVE = 0.97

Ask = Callable[[Dialect], str]


def by_integration(kpi: str, volume: int, cases: int = 0) -> Ask:
    """Ask for a figure of every tenant and integration; those with too little data are left out.

    ``volume`` is how much it takes; of a share, ``cases`` is how many it must be a share of that volume: one failure
    of ten queries is a tenth, and says nothing.
    """

    def render(dialect: Dialect) -> str:
        figures = select([kpi], dialect, by=("tenant", "provider"))
        return (
            "SELECT toString(tenant) AS user_id, toString(provider) AS integration_provider, "
            f"toFloat64({kpi}) AS value FROM ({figures}) WHERE {kpi}_n >= {volume} AND {kpi} IS NOT NULL "
            f"AND {kpi} * {kpi}_n >= {cases} "
            "ORDER BY user_id, integration_provider"
        )

    return render


def burn(long_minutes: int, short_minutes: int) -> Ask:
    """Ask how many times too fast the error budget burns, over a long window and a short one: the lower of both.

    The long one says that it matters, the short one that it still goes on (the Site Reliability Workbook, chapter 5).
    """

    def render(dialect: Dialect) -> str:
        def rate(minutes: int) -> str:
            recent = f"window_start >= {dialect.end} - INTERVAL {minutes} MINUTE"
            return (
                f"(1 - sumIf(successes, {recent}) / greatest(1, sumIf(queries, {recent}))) * "
                f"(sumIf(queries, {recent}) >= 20) / {round(1 - OBJECTIVE, 4)}"
            )

        return f"""
SELECT toString(user_id) AS user_id, toString(integration_provider) AS integration_provider,
    least({rate(long_minutes)}, {rate(short_minutes)}) AS value
FROM query_windows FINAL
WHERE {dialect.tenant("query_windows.user_id")} AND window_start >= {dialect.end} - INTERVAL {long_minutes} MINUTE
    AND window_start < {dialect.end}
GROUP BY query_windows.user_id, query_windows.integration_provider
ORDER BY user_id, integration_provider"""

    return render


def since_last_sync(dialect: Dialect) -> str:
    """Ask for the hours since the last completed sync of every integration that reported within two days."""
    return f"""
SELECT toString(h.user_id) AS user_id, toString(h.integration_provider) AS integration_provider,
    dateDiff('second', maxIf(h.last_sync_at, h.last_sync_at IS NOT NULL), {dialect.end}) / 3600. AS value
FROM integration_health_history AS h FINAL
WHERE {dialect.tenant("h.user_id")} AND h.created_at >= {dialect.end} - INTERVAL 2 DAY AND h.created_at < {dialect.end}
GROUP BY h.user_id, h.integration_provider
HAVING countIf(h.last_sync_at IS NOT NULL) > 0
ORDER BY user_id, integration_provider"""


def findings(kinds: Sequence[str]) -> Ask:
    """Ask for open findings of some kinds: how many, by tenant, integration and kind."""
    wanted = ", ".join(f"'{kind}'" for kind in kinds)
    return _open(f"i.insight_type = 'performance_anomaly' AND i.kind IN ({wanted})", "count()")


def key_figures(dialect: Dialect) -> str:
    """Ask for open changes of key figures by severity (see ``anomalies``); ``kind`` is the figure."""
    return _open("i.insight_type = 'kpi_change'", _SEVERITY)(dialect)


def anomalies(dialect: Dialect) -> str:
    """Ask for open anomalies as 1 (info), 2 (warning) or 3 (critical); of an outage across tenants only the whole."""
    part = f"""
    i.insight_type = 'performance_anomaly' AND i.id NOT IN
    (
        SELECT arrayJoin(g.members) FROM predictive_insights AS g FINAL
        WHERE {_is_open("g", dialect)} AND g.insight_type = 'performance_anomaly' AND notEmpty(g.members)
    )"""
    return _open(part, _SEVERITY)(dialect)


_SEVERITY = "max(multiIf(i.severity = 'critical', 3, i.severity = 'warning', 2, 1))"


def _is_open(table: str, dialect: Dialect) -> str:
    # As of the end of the range, so that a replay over history sees what was open then.
    end = dialect.end
    return f"{table}.started_at < {end} AND ifNull({table}.ended_at >= {end}, {table}.status = 'open')"


def _open(where: str, value: str) -> Ask:
    def render(dialect: Dialect) -> str:
        return f"""
SELECT toString(i.user_id) AS user_id, toString(i.integration_provider) AS integration_provider,
    toString(i.kind) AS kind, toFloat64({value}) AS value
FROM predictive_insights AS i FINAL
WHERE {dialect.tenant("i.user_id")} AND {_is_open("i", dialect)} AND {where}
GROUP BY i.user_id, i.integration_provider, i.kind
ORDER BY user_id, integration_provider, kind"""

    return render


def new_risks(dialect: Dialect) -> str:
    """Ask how many customers became a churn risk within the range, by tenant."""
    return f"""
SELECT toString(i.user_id) AS user_id, toFloat64(count()) AS value
FROM predictive_insights AS i FINAL
WHERE {dialect.tenant("i.user_id")} AND i.insight_type = 'churn_risk' AND i.kind != 'churn_wave'
    AND i.started_at >= {dialect.start} AND i.started_at < {dialect.end}
GROUP BY i.user_id
ORDER BY user_id"""


def silence(dialect: Dialect) -> str:
    """Ask for the minutes since the newest event of any kind."""
    tables = (
        "integration_query_metrics",
        "conversation_outcomes",
        "integration_health_history",
        "conversation_intelligence",
    )
    newest = " UNION ALL ".join(
        f"SELECT max(created_at) AS at FROM {table} WHERE {dialect.tenant('user_id')} AND created_at < {dialect.end} "
        f"AND created_at >= {dialect.end} - INTERVAL 7 DAY"
        for table in tables
    )
    return f"SELECT dateDiff('second', max(at), {dialect.end}) / 60. AS value FROM ({newest})"


def rejected(dialect: Dialect) -> str:
    """Ask for the share of rejected messages by topic, where at least ten were."""
    return f"""
WITH (
    SELECT count() FROM integration_query_metrics
    WHERE {dialect.tenant("user_id")} AND created_at >= {dialect.start} AND created_at < {dialect.end}
) AS taken
SELECT toString(topic) AS topic, count() / (count() + taken) AS value
FROM dead_letters FINAL
WHERE received_at >= {dialect.start} AND received_at < {dialect.end}
GROUP BY dead_letters.topic
HAVING count() >= 10
ORDER BY topic"""


def dashboard_latency(dialect: Dialect) -> str:
    """Ask for the 95 % quantile of how long the dashboards' own statements took, in milliseconds."""
    return f"""
SELECT toString(user) AS role, quantile(0.95)(query_duration_ms) AS value
FROM system.query_log
WHERE type = 'QueryFinish' AND startsWith(user, 'grafana_') AND event_time >= {dialect.start}
    AND event_time < {dialect.end} AND event_date >= toDate({dialect.start})
GROUP BY user
HAVING count() >= 20
ORDER BY role"""
