"""Facts about a customer at a time, from events strictly before it (SQL), and features made of them (Python)."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta
from math import log, log1p
from typing import Any, Final, NamedTuple
from uuid import UUID

from kpis.currency import of_those
from models.query import Query
from models.tenant_slice import ALL, PART, TENANTS, TenantSlice

# Customers who were silent for longer have left by the definition of the label and are not scored.
ACTIVE: Final = timedelta(days=30)
# Prior of the usual gap between visits in days; a customer's own gaps replace it gradually.
_TYPICAL_GAP_DAYS: Final = 30.0
_TYPICAL_MINUTES: Final = 15.0
_DAY: Final = timedelta(days=1)

# Sums and means use decimals and integers: floats would make runs differ in the last bit.
# A tenant without customer ids is scored as a whole: its rows have an empty customer_id.
# No tenants means all of the slice. A part of the customers is chosen last: what is usual is of the whole tenant.
_TEMPLATE: Final = """
SELECT facts.*, currency FROM
(
WITH {at:DateTime64(3, 'UTC')} AS at,
failed AS
(
    SELECT user_id, customer_id, count() AS failures
    FROM integration_query_metrics FINAL
    WHERE created_at >= at - INTERVAL 90 DAY AND created_at < at AND NOT query_success AND error_kind != 'not_found'
        AND [tenants] AND user_id NOT IN {behind:Array(UUID)}
        AND (empty({tenants:Array(UUID)}) OR user_id IN {tenants:Array(UUID)})
    GROUP BY user_id, customer_id
),
thoughts AS
(
    SELECT user_id, customer_id, avg(conversion_probability) AS conversion_probability
    FROM conversation_intelligence FINAL
    WHERE created_at >= at - INTERVAL 30 DAY AND created_at < at
        AND [tenants] AND user_id NOT IN {behind:Array(UUID)}
        AND (empty({tenants:Array(UUID)}) OR user_id IN {tenants:Array(UUID)})
    GROUP BY user_id, customer_id
)
SELECT
    user_id,
    customer_id,
    min(created_at) AS first_at,
    max(created_at) AS last_at,
    uniqExact(conversation_id) AS visits,
    uniqExactIf(conversation_id, created_at >= at - INTERVAL 30 DAY) AS visits_30d,
    uniqExactIf(conversation_id, created_at >= at - INTERVAL 60 DAY AND created_at < at - INTERVAL 30 DAY)
        AS visits_before_30d,
    uniqExactIf(conversation_id, created_at >= at - INTERVAL 90 DAY) AS visits_90d,
    sum(coalesce(business_value_generated, 0)) AS money,
    toFloat64(money) AS value,
    toFloat64(sum(money) OVER (PARTITION BY user_id))
        / sum(visits) OVER (PARTITION BY user_id) AS usual_value_per_visit,
    toFloat64(avgIf(customer_satisfaction_score, created_at >= at - INTERVAL 30 DAY)) AS satisfaction,
    toFloat64(avgIf(customer_satisfaction_score, created_at < at - INTERVAL 30 DAY)) AS satisfaction_before,
    countIf(created_at >= at - INTERVAL 90 DAY AND outcome_type IN ('unresolved', 'abandoned', 'escalated', 'reopened'))
        AS unresolved_90d,
    toFloat64(avgIf(resolution_time_minutes, created_at >= at - INTERVAL 90 DAY)) AS resolution_minutes,
    countIf(outcome_type = 'upsold') AS upsells,
    countIf(outcome_type = 'converted') AS conversions,
    any(failed.failures) AS failures_90d,
    any(thoughts.conversion_probability) AS conversion_probability,
    maxIf(created_at, outcome_type = 'cancelled') AS cancelled_at
FROM
(
    SELECT * FROM conversation_outcomes FINAL
    WHERE created_at < at
        AND [tenants] AND user_id NOT IN {behind:Array(UUID)}
        AND (empty({tenants:Array(UUID)}) OR user_id IN {tenants:Array(UUID)})
) AS ends
LEFT JOIN failed USING (user_id, customer_id)
LEFT JOIN thoughts USING (user_id, customer_id)
WHERE customer_id != ''
    OR user_id NOT IN
    (SELECT user_id FROM conversation_outcomes WHERE customer_id != '' AND created_at < at AND [tenants])
GROUP BY user_id, customer_id
HAVING last_at >= at - toIntervalSecond({active:UInt64}) AND cancelled_at < last_at
) AS facts
LEFT JOIN [currencies] AS currencies USING (user_id)
WHERE [part]
ORDER BY user_id, customer_id
"""
_FACTS: Final = (
    _TEMPLATE.replace("[tenants]", TENANTS)
    .replace("[part]", PART)
    .replace("[currencies]", of_those(TENANTS, "{at:DateTime64(3, 'UTC')}"))
)


class CustomerFacts(NamedTuple):
    """Facts about a customer before a time; columns of ``facts_query``.

    ``value`` is in the tenant's ``currency`` (ISO 4217, empty where none is set); ``satisfaction`` (of the last 30
    days), ``satisfaction_before`` (1 to 5), ``resolution_minutes`` and ``conversion_probability`` are ``None`` where
    not given.
    """

    user_id: UUID
    customer_id: str
    first_at: datetime
    last_at: datetime
    visits: int
    visits_30d: int
    visits_before_30d: int
    visits_90d: int
    value: float
    usual_value_per_visit: float
    satisfaction: float | None = None
    satisfaction_before: float | None = None
    unresolved_90d: int = 0
    resolution_minutes: float | None = None
    upsells: int = 0
    conversions: int = 0
    failures_90d: int = 0
    conversion_probability: float | None = None
    currency: str = ""

    @classmethod
    def of_row(cls, row: dict[str, Any]) -> CustomerFacts:
        """Return the facts of a row of ``facts_query``; a NaN mean becomes ``None``."""
        values = {name: row[name] for name in cls._fields}
        known: dict[str, Any] = {name: None if value != value else value for name, value in values.items()}  # noqa: PLR0124
        return cls(**known)

    @property
    def usual_gap_days(self) -> float:
        """Days between visits, shrunk towards 30 while there are few."""
        return ((self.last_at - self.first_at) / _DAY + _TYPICAL_GAP_DAYS) / self.visits

    def silent_days(self, at: datetime) -> float:
        """Days since the last visit."""
        return (at - self.last_at) / _DAY


def facts_query(
    at: datetime,
    active: timedelta = ACTIVE,
    *,
    within: TenantSlice = ALL,
    behind: Collection[UUID] = (),
    tenants: Collection[UUID] = (),
) -> Query:
    """Return the query of facts of a slice's customers at a time, seen within ``active`` before it and not cancelled.

    Those of the tenants ``behind`` are left out: ingestion is behind with them (``storage.backlog``). With ``tenants``
    only theirs are read.
    """
    left_out, only = sorted(within.among(behind)), sorted(tenants)
    times = {"at": at, "active": int(active.total_seconds())}
    return Query(_FACTS, {**times, **within.parameters, "behind": left_out, "tenants": only})


def common_features(facts: CustomerFacts, at: datetime) -> dict[str, float]:
    """Return the features common to churn and upsell: recency, frequency, age, value, satisfaction, failures."""
    relative = facts.value / facts.visits / facts.usual_value_per_visit if facts.usual_value_per_visit > 0 else 0.0
    return {
        "recency": log1p(facts.silent_days(at)),
        "frequency": log(facts.visits),
        "age": log1p((at - facts.first_at) / _DAY),
        "value": log1p(relative),
        "overdue": log1p(facts.silent_days(at) / facts.usual_gap_days),
        "visits_30d": log1p(facts.visits_30d),
        "visits_90d": log1p(facts.visits_90d),
        "satisfaction_trend": _trend(facts.satisfaction, facts.satisfaction_before),
        "unresolved": (facts.unresolved_90d + 0.25) / (facts.visits_90d + 1.0),
        "resolution": log1p(_TYPICAL_MINUTES if facts.resolution_minutes is None else facts.resolution_minutes),
        "failures": log1p(facts.failures_90d / (facts.visits_90d + 1.0)),
    }


def _trend(now: float | None, before: float | None) -> float:
    return 0.0 if now is None or before is None else now - before
