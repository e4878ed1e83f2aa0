"""Insights: one insight is one finding of a detector, from its start to its end.

An insight keeps its ``id`` and ``started_at`` while it develops and is written again with a newer ``updated_at``; the
newest row counts. Id and times are derived from event times, never from the time of computation, so that processing the
same events again, after a restart or a repeat, writes the same insights.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final, Literal, NamedTuple, get_args
from uuid import UUID, uuid5

InsightType = Literal["performance_anomaly", "kpi_change", "churn_risk", "upsell_opportunity", "integration_need"]
Severity = Literal["info", "warning", "critical"]
Status = Literal["open", "closed"]

TYPES: Final[tuple[InsightType, ...]] = get_args(InsightType)
TRAINED_KINDS: Final = frozenset({"churn_risk", "likely_upsell"})
"""Kinds whose confidence is the probability of a trained model; the confidence of other kinds is no probability."""

ALL_TENANTS_ID: Final = UUID(int=0)

_NAMESPACE: Final = UUID("6b1f4f0e-0f0b-5c1e-9a53-8d6a0f7f2c11")


class Insight(NamedTuple):
    """One finding.

    ``kind`` is the sub-type within ``insight_type``, for example ``provider_outage`` or ``stale_sync``;
    ``confidence_score`` is 0 to 1: for a risk its calibrated probability, ``None`` where no model states one.
    ``predicted_value`` is the forecast value in ``unit``. ``observed`` is compared with ``expected``, whose range is
    ``lower`` to ``upper``. ``members`` are the ids of the insights that this one summarises.
    """

    id: UUID
    user_id: UUID
    insight_type: InsightType
    kind: str
    severity: Severity
    status: Status
    started_at: datetime
    ended_at: datetime | None
    updated_at: datetime
    title: str
    summary: str
    confidence_score: float | None
    integration_provider: str = ""
    customer_id: str = ""
    predicted_value: float | None = None
    observed: float | None = None
    expected: float | None = None
    lower: float | None = None
    upper: float | None = None
    unit: str = ""
    contributing_factors: tuple[str, ...] = ()
    recommended_actions: tuple[str, ...] = ()
    members: tuple[UUID, ...] = ()
    model_version: str = ""


def insight_id(insight_type: InsightType, user_id: UUID, subject: str, started_at: datetime) -> UUID:
    """Return the id of a finding of a tenant that began at ``started_at``.

    ``subject`` is the provider, customer or figure.
    """
    return uuid5(_NAMESPACE, f"{insight_type}/{user_id}/{subject}/{started_at.isoformat()}")
