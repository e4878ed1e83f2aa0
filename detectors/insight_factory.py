"""The one place where detectors build an insight: its id, status and times follow from the episode it is about."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final, NamedTuple
from uuid import UUID

from models.insights import Insight, InsightType, Severity, insight_id


class InsightPeriod(NamedTuple):
    """The subject and the period of an insight.

    ``insight_type``, ``user_id``, ``subject`` and ``started_at`` make the id, so that the same episode found again
    replaces its insight. ``updated_at`` is ``ended_at`` or ``started_at`` where it is not given. An episode without
    ``ended_at`` is open.
    """

    insight_type: InsightType
    user_id: UUID
    subject: str
    started_at: datetime
    updated_at: datetime | None = None
    ended_at: datetime | None = None
    provider: str = ""
    customer_id: str = ""


class Values(NamedTuple):
    """Numbers of an insight, all in ``unit``: observed, expected and its range, predicted."""

    observed: float | None = None
    expected: float | None = None
    lower: float | None = None
    upper: float | None = None
    unit: str = ""
    predicted: float | None = None


_NO_VALUES: Final = Values()


def new_insight(
    episode: InsightPeriod,
    *,
    kind: str,
    severity: Severity,
    title: str,
    summary: str,
    confidence: float | None,
    model_version: str,
    values: Values = _NO_VALUES,
    factors: Sequence[str] = (),
    actions: Sequence[str] = (),
    members: Sequence[UUID] = (),
) -> Insight:
    """Return the insight of an episode as it is known at ``episode.updated_at``.

    ``confidence`` is 0 to 1, or ``None`` where no model states one; ``members`` are the ids of the insights that this
    one summarises.
    """
    return Insight(
        id=insight_id(episode.insight_type, episode.user_id, episode.subject, episode.started_at),
        user_id=episode.user_id,
        insight_type=episode.insight_type,
        kind=kind,
        severity=severity,
        status="open" if episode.ended_at is None else "closed",
        started_at=episode.started_at,
        ended_at=episode.ended_at,
        updated_at=episode.updated_at or episode.ended_at or episode.started_at,
        title=title,
        summary=summary,
        confidence_score=confidence,
        integration_provider=episode.provider,
        customer_id=episode.customer_id,
        predicted_value=values.predicted,
        observed=values.observed,
        expected=values.expected,
        lower=values.lower,
        upper=values.upper,
        unit=values.unit,
        contributing_factors=tuple(factors),
        recommended_actions=tuple(actions),
        members=tuple(members),
        model_version=model_version,
    )
