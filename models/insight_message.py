"""The value of a message on the insights topic: an insight as one JSON object."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Final, cast
from uuid import UUID

from pydantic import Field, TypeAdapter
from typing_extensions import TypedDict

from models.insights import ALL_TENANTS_ID, Insight, InsightType, Severity, Status


class InsightMessage(TypedDict):
    """Something that a person should know. It keeps its id while it develops; the newest ``updated_at`` counts."""

    id: Annotated[UUID, Field(description="Names the finding; a later message with the same id replaces it")]
    user_id: Annotated[UUID, Field(description="The tenant; all zeros where it is about a provider across tenants")]
    insight_type: InsightType
    kind: Annotated[str, Field(description="What it is within its type, for example provider_outage or stale_sync")]
    severity: Severity
    status: Status
    started_at: Annotated[datetime, Field(description="Start of the finding (event time)")]
    ended_at: Annotated[datetime | None, Field(description="When it ended; null while it is open")]
    updated_at: Annotated[datetime, Field(description="The moment up to which this message knows (event time)")]
    title: Annotated[str, Field(description="One line for people")]
    summary: Annotated[str, Field(description="What was seen against what was expected, in plain words")]
    confidence_score: Annotated[
        Annotated[float, Field(ge=0, le=1)] | None,
        Field(description="0 to 1; of a risk its calibrated probability, null where no model says any"),
    ]
    integration_provider: Annotated[str, Field(description="The integration, empty where it is about none")]
    customer_id: Annotated[str, Field(description="The customer's pseudonym, empty where it is about none")]
    predicted_value: Annotated[float | None, Field(description="The figure that is forecast, in unit")]
    observed: Annotated[float | None, Field(description="What was seen, in unit")]
    expected: Annotated[float | None, Field(description="What was to be expected, in unit")]
    lower: Annotated[float | None, Field(description="Where the range around expected begins")]
    upper: Annotated[float | None, Field(description="Where the range around expected ends")]
    unit: Annotated[str, Field(description="The unit of the figures above")]
    contributing_factors: Annotated[tuple[str, ...], Field(description="Why, most important first")]
    recommended_actions: Annotated[tuple[str, ...], Field(description="What to do, most useful first")]
    members: Annotated[tuple[UUID, ...], Field(description="Ids of the insights that this one sums up")]
    model_version: Annotated[str, Field(description="Which model said so")]


MESSAGE: Final[TypeAdapter[InsightMessage]] = TypeAdapter(InsightMessage)


def message_of(insight: Insight) -> InsightMessage:
    """Return an insight as a message: the same fields."""
    return cast("InsightMessage", insight._asdict())


def key_of(insight: Insight) -> str:
    """Return the message's key: the tenant, or the provider where it is about one across tenants.

    Messages about one subject stay in one partition and in order.
    """
    return insight.integration_provider if insight.user_id == ALL_TENANTS_ID else str(insight.user_id)


def value_of(insight: Insight) -> bytes:
    """Return the message's value: the insight as JSON in UTF-8."""
    return MESSAGE.dump_json(message_of(insight))
