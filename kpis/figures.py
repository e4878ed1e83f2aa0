"""The first set of figures, those of the document's ``getDashboardData``: what to ask ClickHouse, not how.

Query figures come from the one-minute windows, so a range is read to the minute: from the minute that ``start`` is in
up to, not including, the minute that ``end`` is in. Everything reads with FINAL: nothing counts twice.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple
from uuid import UUID

from models.errors import SettingsError
from models.query import Query


class Scope(NamedTuple):
    """Which part of the data; ``None`` means all. Times carry an offset."""

    start: datetime
    end: datetime
    tenant: UUID | None = None
    provider: str | None = None
    query_type: str | None = None


# What figures can be split by, and the column behind it.
DIMENSIONS: Final = {"tenant": "user_id", "provider": "integration_provider", "query_type": "query_type"}
_OUTCOME_DIMENSIONS: Final = {"tenant": "user_id", "provider": "arrayJoin(integration_types_used)"}

_QUERY_FIGURES: Final = """
SELECT {dimensions}
    sum(queries) AS query_count,
    round(sum(successes) / sum(queries), 4) AS query_success_rate,
    round(romashka_quantile(merged, 0.5)) AS latency_p50_ms,
    round(romashka_quantile(merged, 0.95)) AS latency_p95_ms,
    round(romashka_quantile(merged, 0.99)) AS latency_p99_ms,
    round(sum(data_freshness_hours_sum) / nullIf(sum(data_freshness_hours_count), 0), 2) AS data_freshness_hours,
    round(sum(ai_confidence_score_sum) / nullIf(sum(ai_confidence_score_count), 0), 4) AS ai_confidence,
    round(sum(customer_satisfaction_impact_sum) / nullIf(sum(customer_satisfaction_impact_count), 0), 4)
        AS satisfaction_impact,
    sumMap(response_time_histogram.1, response_time_histogram.2) AS merged
FROM query_windows FINAL
WHERE window_start >= toStartOfMinute({start}) AND window_start < toStartOfMinute({end}) {filters}
{grouping}
HAVING query_count > 0
ORDER BY {order} query_count DESC
"""

_ERRORS: Final = """
SELECT {dimensions} error_kind, count() AS failures
FROM integration_query_metrics FINAL
WHERE NOT query_success AND created_at >= {start} AND created_at < {end} {filters}
GROUP BY {group} error_kind
ORDER BY {order} failures DESC
"""

_OUTCOME_FIGURES: Final = """
SELECT {dimensions}
    uniqExact(conversation_id) AS conversation_count,
    countIf(integration_data_used) / count() AS data_utilization_rate,
    avgIf(customer_satisfaction_score, integration_data_used) AS csat_with_data,
    avgIf(customer_satisfaction_score, NOT integration_data_used) AS csat_without_data,
    avg(resolution_time_minutes) AS resolution_time_minutes,
    sum(business_value_generated) AS value_generated
FROM conversation_outcomes FINAL
WHERE created_at >= {start} AND created_at < {end} {filters}
{grouping}
HAVING conversation_count > 0
ORDER BY {order} conversation_count DESC
"""

_CONFIDENCE: Final = """
SELECT {dimensions}
    avg(ai_confidence_with_data) AS confidence_with_data,
    avg(ai_confidence_without_data) AS confidence_without_data,
    count() AS conversations
FROM conversation_intelligence FINAL
WHERE created_at >= {start} AND created_at < {end} {filters}
{grouping}
HAVING conversations > 0
ORDER BY {order} conversations DESC
"""


def query_figures(scope: Scope, by: Sequence[str] = ()) -> Query:
    """Return volume, success, latency, freshness, confidence and satisfaction impact of queries."""
    return _query(_QUERY_FIGURES, scope, by, DIMENSIONS)


def errors_by_kind(scope: Scope, by: Sequence[str] = ()) -> Query:
    """Return how many queries failed, by kind of error."""
    return _query(_ERRORS, scope, by, DIMENSIONS)


def outcome_figures(scope: Scope, by: Sequence[str] = ()) -> Query:
    """Return conversations, satisfaction, resolution time and value; one counts for each provider it used."""
    return _query(_OUTCOME_FIGURES, scope, by, _OUTCOME_DIMENSIONS)


def confidence_figures(scope: Scope, by: Sequence[str] = ()) -> Query:
    """Return how sure the AI was with integration data, and without."""
    return _query(_CONFIDENCE, scope, by, {"tenant": "user_id"})


def _query(template: str, scope: Scope, by: Sequence[str], dimensions: dict[str, str]) -> Query:
    for name in by:
        if name not in dimensions:
            raise SettingsError(f"cannot split these figures by '{name}'; expected one of {', '.join(dimensions)}")
    filters, parameters = _filters(scope, dimensions)
    sql = template.format(
        dimensions="".join(f"{dimensions[name]} AS {name}, " for name in by).replace(
            "query_type AS query_type", "query_type"
        ),
        group="".join(f"{name}, " for name in by),
        grouping=f"GROUP BY {', '.join(by)}" if by else "",
        order="".join(f"{name}, " for name in by[:-1]),
        filters=filters,
        start="{start:DateTime64(3, 'UTC')}",
        end="{end:DateTime64(3, 'UTC')}",
    )
    return Query(sql, parameters)


def _filters(scope: Scope, dimensions: dict[str, str]) -> tuple[str, dict[str, Any]]:
    parameters: dict[str, Any] = {"start": scope.start, "end": scope.end}
    conditions = []
    for name, kind in (("tenant", "UUID"), ("provider", "String"), ("query_type", "String")):
        value = getattr(scope, name)
        if value is None or name not in dimensions:
            continue
        parameters[name] = str(value)
        bound = f"{{{name}:{kind}}}"
        column = dimensions[name]
        conditions.append(
            f"AND has(integration_types_used, {bound})" if column.startswith("arrayJoin") else f"AND {column} = {bound}"
        )
    return " ".join(conditions), parameters


def last_days(days: int, now: datetime) -> Scope:
    """Return the scope of the last ``days`` days, the current minute included."""
    end = now.replace(second=0, microsecond=0) + timedelta(minutes=1)
    return Scope(end - timedelta(days=days), end)
