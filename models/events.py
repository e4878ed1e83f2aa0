"""The four events that producers publish, as validated dictionaries.

They are ``TypedDict`` rather than classes because the hot path turns them into columns at once; building an object for
each event would only cost time (docs/adr/0002-decoding.md).
"""

from __future__ import annotations

from typing import Annotated, Any, Final, Required

from pydantic import ConfigDict, Field, with_config
from pydantic.config import JsonDict
from typing_extensions import TypedDict

from models.fields import (
    ArmName,
    ConversationId,
    Count,
    Country,
    CustomerId,
    ErrorKind,
    EventId,
    EventTime,
    ExperimentName,
    HandledBy,
    Hours,
    Impact,
    JobId,
    Label,
    Milliseconds,
    Minutes,
    Moment,
    Money,
    Provider,
    Ratio,
    Stars,
    TenantId,
)

MAX_EVENT_BYTES: Final = 64 * 1024

# Strict: "true" is not true and 1.0 is not 1. Unknown fields are kept separately and counted.
_CONTRACT: Final = ConfigDict(strict=True, extra="allow", allow_inf_nan=False)

# Neither makes sense without the other.
EXPERIMENT_FIELDS: Final = ("experiment", "arm")
_GIVEN: Final[JsonDict] = {name: {"type": "string"} for name in EXPERIMENT_FIELDS}
_NOT_GIVEN: Final[JsonDict] = {name: {"type": "null"} for name in EXPERIMENT_FIELDS}
_IN_EXPERIMENTS: Final = ConfigDict(
    **_CONTRACT,
    json_schema_extra={
        "anyOf": [
            {"required": list(EXPERIMENT_FIELDS), "properties": _GIVEN},
            {"properties": _NOT_GIVEN},
        ]
    },
)

_Providers = Annotated[list[Provider], Field(max_length=64, description="At most 64 integrations")]
_Labels = Annotated[list[Label], Field(max_length=256, description="At most 256 labels")]


class Event(TypedDict, total=False):
    """Fields common to all events."""

    event_id: Required[EventId]
    user_id: Required[TenantId]
    created_at: Required[EventTime]
    customer_id: CustomerId | None
    channel: Label | None
    country: Country | None
    customer_segment: Label | None


@with_config(_CONTRACT)
class QueryEvent(Event, total=False):
    """The AI asked an integration for data: what it asked, whether it got an answer, how long that took."""

    conversation_id: Required[ConversationId]
    integration_provider: Required[Provider]
    query_type: Required[Label]
    query_success: Required[bool]
    response_time_ms: Required[Milliseconds]
    data_freshness_hours: Hours | None
    ai_confidence_score: Ratio | None
    customer_satisfaction_impact: Impact | None
    data_type: Label | None
    error_kind: ErrorKind | None


@with_config(_IN_EXPERIMENTS)
class OutcomeEvent(Event, total=False):
    """How a conversation ended, or that it was reopened, and what it was worth.

    Common values of ``outcome_type``: resolved, escalated, abandoned, converted, upsold, reopened, unresolved.
    """

    conversation_id: Required[ConversationId]
    integration_data_used: Required[bool]
    integration_types_used: _Providers | None
    outcome_type: Required[Label]
    resolution_time_minutes: Minutes | None
    customer_satisfaction_score: Stars | None
    business_value_generated: Money | None
    handled_by: HandledBy | None
    handoff_reason: Label | None
    opened_at: Moment | None
    experiment: ExperimentName | None
    arm: ArmName | None


@with_config(_CONTRACT)
class HealthEvent(Event, total=False):
    """The state of one integration of one tenant, and the facts of its last sync job."""

    integration_provider: Required[Provider]
    sync_status: Required[Label]
    last_sync_at: Moment | None
    sync_success_rate: Ratio | None
    error_rate: Ratio | None
    data_freshness_score: Ratio | None
    api_rate_limit_usage: Ratio | None
    sync_job_id: JobId | None
    records_synced: Count | None
    records_failed: Count | None
    duration_ms: Milliseconds | None
    error_kind: ErrorKind | None


@with_config(_IN_EXPERIMENTS)
class IntelligenceEvent(Event, total=False):
    """What the conversation needed: the data it touched, the data that was missing, how sure the AI was."""

    conversation_id: Required[ConversationId]
    data_types_accessed: _Labels | None
    knowledge_gaps_identified: _Labels | None
    ai_confidence_with_data: Ratio | None
    ai_confidence_without_data: Ratio | None
    customer_journey_stage: Label | None
    conversion_probability: Ratio | None
    experiment: ExperimentName | None
    arm: ArmName | None


# Any of the four events.
AnyEvent = dict[str, Any]
