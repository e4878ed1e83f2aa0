"""An insight, to be changed field by field."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

from models.insights import Insight, insight_id

TENANT: Final = UUID("0a6f7d52-3c1e-4b7a-9f7e-5b0c1d2e3f01")
STARTED: Final = datetime(2026, 1, 15, 11, 0, tzinfo=UTC)


def insight(**fields: Any) -> Insight:
    """An open outage, with ``fields`` changed; its id follows from tenant, provider and start."""
    base = Insight(
        id=UUID(int=0),
        user_id=TENANT,
        insight_type="performance_anomaly",
        kind="provider_outage",
        severity="critical",
        status="open",
        started_at=STARTED,
        ended_at=None,
        updated_at=STARTED,
        title="HubSpot is down",
        summary="90 % of queries fail instead of 2 %.",
        confidence_score=0.98765,
        integration_provider="hubspot",
        observed=90.0,
        expected=2.0,
        lower=0.0,
        upper=5.0,
        unit="%",
        contributing_factors=("failures began at once",),
        recommended_actions=("look at the status page",),
        model_version="incidents-1",
    )._replace(**fields)
    name = insight_id(base.insight_type, base.user_id, base.integration_provider, base.started_at)
    return base if "id" in fields else base._replace(id=name)
