"""Business impact by period: each metric with an integration's data against without any, month by month, week by week.

| metric | value | better |
|---|---|---|
| ``sales_conversion`` | share of conversations that converted | up |
| ``support_efficiency`` | minutes to a resolution | down |
| ``customer_retention`` | share of customers who did not cancel | up |
| ``upsell_opportunity`` | share of conversations that ended in an upsell | up |

``current_value`` is that of conversations in which the integration took part. ``baseline_value`` is that of the same
tenant's conversations of the same period without any data, weighted to the same mix of stages and channels (of customer
segments, for retention). A positive ``improvement_percentage`` is always better. With fewer than ``ENOUGH`` comparable
conversations there is no row. A row of a completed period changes only with late events; it is then marked as restated.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any, Final, NamedTuple
from uuid import UUID, uuid5

from kpis.sources import conversations
from kpis.sql.query_context import QueryContext
from kpis.statistics import ENOUGH

LOWER_IS_BETTER: Final = frozenset({"support_efficiency"})
MONTHS, WEEKS = 3, 6
"""Number of months and weeks, including the current one, that are recomputed for late events."""

_NAMESPACE: Final = UUID("c1d5a3b8-5f0f-5a86-9d31-4c7a4c7e9b52")
_PLACES: Final = Decimal("0.0001")

_MEASURED: Final = """
WITH known AS (SELECT * FROM {facts} AS facts),
customers AS
(
    SELECT
        user_id,
        customer_id,
        any(customer_segment) AS segment,
        max(outcome = 'cancelled') AS cancelled,
        -- The conversation in which a customer cancels says nothing about what came before.
        maxIf(data_used, outcome != 'cancelled') AS used,
        groupUniqArrayArrayIf(providers, outcome != 'cancelled') AS with_providers,
        countIf(outcome != 'cancelled') AS others
    FROM known
    WHERE customer_id != ''
    GROUP BY user_id, customer_id
),
observed AS
(
    SELECT user_id, toString(stage) AS first, toString(channel) AS second,
        arrayJoin(if(data_used, arrayMap(one -> toString(one), providers), [''])) AS provider,
        arrayJoin([
            ('sales_conversion', toFloat64(converted)),
            ('upsell_opportunity', toFloat64(outcome = 'upsold')),
            ('support_efficiency', ifNull(toFloat64(resolution_minutes), nan))
        ]) AS measured
    FROM known
    UNION ALL
    SELECT user_id, toString(segment) AS first, '' AS second,
        arrayJoin(if(used, arrayMap(one -> toString(one), with_providers), [''])) AS provider,
        ('customer_retention', toFloat64(NOT cancelled)) AS measured
    FROM customers
    WHERE others > 0
),
cells AS
(
    SELECT user_id, first, second, provider, measured.1 AS metric, count() AS n, sum(measured.2) AS total
    FROM observed
    WHERE NOT isNaN(measured.2)
    GROUP BY user_id, first, second, provider, metric
    HAVING n >= 2
)
SELECT
    user_id,
    metric AS metric_type,
    provider AS integration_provider,
    sum(n) AS treated,
    sum(control_n) AS control,
    sum(n * control_total / control_n) / treated AS baseline,
    sum(total) / treated AS current
FROM
(
    SELECT *, sumIf(n, provider = '') OVER alike AS control_n, sumIf(total, provider = '') OVER alike AS control_total
    FROM cells
    WINDOW alike AS (PARTITION BY user_id, first, second, metric)
)
WHERE provider != '' AND control_n > 0
GROUP BY user_id, metric_type, integration_provider
HAVING least(treated, control) >= {enough}
ORDER BY user_id, metric_type, integration_provider
"""

_STORED: Final = """
SELECT user_id, metric_type, integration_provider, baseline_value, current_value, improvement_percentage,
    treated, control, period_start, period_end, revision, restated_at, created_at
FROM business_impact_metrics FINAL
WHERE {tenant} AND period_start >= {start} AND period_start < {end}
ORDER BY user_id, period_start, period_end, metric_type, integration_provider
"""


class ImpactPeriod(NamedTuple):
    """From ``start`` up to ``end``, whole UTC days."""

    start: datetime
    end: datetime


class Impact(NamedTuple):
    """A row of ``business_impact_metrics``."""

    id: UUID
    user_id: UUID
    metric_type: str
    integration_provider: str
    baseline_value: Decimal
    current_value: Decimal
    improvement_percentage: Decimal | None
    period_start: datetime
    period_end: datetime
    created_at: datetime
    treated: int
    control: int
    revision: int
    restated_at: datetime | None


def measured(asked: QueryContext) -> str:
    """Return every metric of the range with its baseline, per tenant and integration."""
    return _MEASURED.format(facts=conversations.facts(asked), enough=ENOUGH)


def stored(asked: QueryContext) -> str:
    """Return the rows that were written for periods that begin in the range."""
    dialect = asked.dialect
    return _STORED.format(tenant=dialect.tenant("user_id"), start=dialect.start, end=dialect.end)


def periods(now: datetime) -> list[ImpactPeriod]:
    """Return the months and weeks (from Monday) to recompute, including the current ones."""
    today = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    monday = today - timedelta(days=today.weekday())
    weeks = [ImpactPeriod(monday - timedelta(weeks=back), monday - timedelta(weeks=back - 1)) for back in range(WEEKS)]
    return [*(_month(today, back) for back in range(MONTHS)), *weeks]


def changed(
    found: Sequence[Mapping[str, Any]], there: Sequence[Mapping[str, Any]], period: ImpactPeriod, now: datetime
) -> list[Impact]:
    """Return the rows to write: new ones, and those whose stored values changed.

    Parameters
    ----------
    found
        What ``measured`` returned for the period.
    there
        What ``stored`` returned for it; rows of other periods are ignored.
    """
    known = {_key(row): row for row in there if (_utc(row["period_start"]), _utc(row["period_end"])) == period}
    rows = (_row(one, known.get(_key(one)), period, now) for one in found)
    return [row for row in rows if row is not None]


def _row(
    one: Mapping[str, Any], before: Mapping[str, Any] | None, period: ImpactPeriod, now: datetime
) -> Impact | None:
    baseline, current = (Decimal(one[name]).quantize(_PLACES, ROUND_HALF_EVEN) for name in ("baseline", "current"))
    revision, restated_at = 1, None
    if before is not None:
        if _same(one, before, baseline, current):
            return None
        revision, restated_at = before["revision"], before["restated_at"]
        if _utc(before["created_at"]) >= period.end:  # it was already final when it was written
            revision, restated_at = revision + 1, now
    metric, provider = one["metric_type"], one["integration_provider"]
    subject = f"{one['user_id']}/{metric}/{provider}/{period.start.isoformat()}/{period.end.isoformat()}"
    return Impact(
        id=uuid5(_NAMESPACE, subject),
        user_id=one["user_id"],
        metric_type=metric,
        integration_provider=provider,
        baseline_value=baseline,
        current_value=current,
        improvement_percentage=_improvement(metric, baseline, current),
        period_start=period.start,
        period_end=period.end,
        created_at=now,
        treated=int(one["treated"]),
        control=int(one["control"]),
        revision=revision,
        restated_at=restated_at,
    )


def _same(one: Mapping[str, Any], before: Mapping[str, Any], baseline: Decimal, current: Decimal) -> bool:
    """Whether nothing changed, up to rounding in the last digit of floating-point sums."""
    return (
        (int(one["treated"]), int(one["control"])) == (before["treated"], before["control"])
        and abs(baseline - before["baseline_value"]) <= _PLACES
        and abs(current - before["current_value"]) <= _PLACES
    )


def _improvement(metric: str, baseline: Decimal, current: Decimal) -> Decimal | None:
    """Return the improvement in percent; ``None`` without a baseline."""
    if baseline == 0:
        return None
    gain = baseline - current if metric in LOWER_IS_BETTER else current - baseline
    return (gain / baseline * 100).quantize(_PLACES, ROUND_HALF_EVEN)


def _key(row: Mapping[str, Any]) -> tuple[str, str, str]:
    return str(row["user_id"]), row["metric_type"], row["integration_provider"]


def _utc(moment: datetime) -> datetime:
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment


def _month(today: datetime, back: int) -> ImpactPeriod:
    months = today.year * 12 + today.month - 1 - back
    start, end = (today.replace(year=one // 12, month=one % 12 + 1, day=1) for one in (months, months + 1))
    return ImpactPeriod(start, end)
