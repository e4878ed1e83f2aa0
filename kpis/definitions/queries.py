"""Queries of the AI to integrations: volume, success, response time, data age, confidence."""

from __future__ import annotations

from typing import Final

from kpis.kpi import Area, Kpi, Unit
from kpis.sources.queries import QUERIES, RESPONSE_TIMES
from kpis.sql.formulas import Formula, quotient, share, summed, total
from models.measures import count_of, sum_of

_COUNT: Final = summed("queries")
_FAILED: Final = _COUNT - summed("successes")


def _quantile(q: float) -> Formula:
    merged = "sumMap([bucket], [counted])"
    return Formula(f"romashka_quantile({merged}, {q})", "sum(counted)", columns=frozenset({"bucket", "counted"}))


def _mean(measure: str) -> Formula:
    return quotient(summed(sum_of(measure)), summed(count_of(measure)))


KPIS: Final = (
    Kpi(
        id="query_count",
        title="Queries",
        meaning="Number of queries of the AI to an integration.",
        unit=Unit.COUNT,
        direction="neutral",
        area=Area.MONITORING,
        computed=total(_COUNT, _COUNT).over(QUERIES),
    ),
    Kpi(
        id="query_success_rate",
        title="Query success rate",
        meaning="Share of queries that succeeded.",
        unit=Unit.RATIO,
        direction="up",
        area=Area.AI_PERFORMANCE,
        computed=share(summed("successes"), _COUNT).over(QUERIES),
        minimum_volume=30,
        warning=0.95,
        critical=0.85,
    ),
    Kpi(
        id="error_rate",
        title="Query error rate",
        meaning="Share of queries that failed, for any reason. Success and error rate add up to 100 %.",
        unit=Unit.RATIO,
        direction="down",
        area=Area.MONITORING,
        computed=share(_FAILED, _COUNT).over(QUERIES),
        minimum_volume=30,
        warning=0.05,
        critical=0.15,
    ),
    Kpi(
        id="failed_queries",
        title="Failed queries",
        meaning="Number of failed queries; split by error_kind for the causes.",
        unit=Unit.COUNT,
        direction="down",
        area=Area.MONITORING,
        computed=total(_FAILED, _COUNT).over(QUERIES),
    ),
    Kpi(
        id="latency_p50_ms",
        title="Response time p50",
        meaning="Median response time of queries, to within 0.5 %.",
        unit=Unit.MILLISECONDS,
        direction="down",
        area=Area.MONITORING,
        computed=_quantile(0.5).over(RESPONSE_TIMES),
        minimum_volume=10,
        warning=800,
        critical=2_000,
    ),
    Kpi(
        id="latency_p95_ms",
        title="Response time p95",
        meaning="95th percentile of the response time of queries, to within 0.5 %.",
        unit=Unit.MILLISECONDS,
        direction="down",
        area=Area.MONITORING,
        computed=_quantile(0.95).over(RESPONSE_TIMES),
        minimum_volume=100,
        warning=2_000,
        critical=5_000,
    ),
    Kpi(
        id="latency_p99_ms",
        title="Response time p99",
        meaning="99th percentile of the response time of queries, to within 0.5 %.",
        unit=Unit.MILLISECONDS,
        direction="down",
        area=Area.MONITORING,
        computed=_quantile(0.99).over(RESPONSE_TIMES),
        minimum_volume=500,
        warning=4_000,
        critical=10_000,
    ),
    Kpi(
        id="data_freshness_hours",
        title="Data freshness",
        meaning="Mean age of the data that queries returned; queries that do not report it are excluded.",
        unit=Unit.HOURS,
        direction="down",
        area=Area.MONITORING,
        computed=_mean("data_freshness_hours").over(QUERIES),
        minimum_volume=10,
        warning=24,
        critical=72,
    ),
    Kpi(
        id="query_confidence",
        title="AI confidence per query",
        meaning="Mean confidence of the AI in its answer when it queried an integration, 0 to 100 %.",
        unit=Unit.RATIO,
        direction="up",
        area=Area.AI_PERFORMANCE,
        computed=_mean("ai_confidence_score").over(QUERIES),
        minimum_volume=30,
        warning=0.7,
        critical=0.5,
    ),
    Kpi(
        id="satisfaction_impact",
        title="Satisfaction impact",
        meaning="Mean effect of the answer on the customer's mood as rated by the chat system, from -1 to 1.",
        unit=Unit.SCORE,
        direction="up",
        area=Area.AI_PERFORMANCE,
        computed=_mean("customer_satisfaction_impact").over(QUERIES),
        minimum_volume=30,
        warning=0.0,
        critical=-0.3,
    ),
)
