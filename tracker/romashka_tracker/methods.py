"""The four events, as methods with the argument order of the chat system's service."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Literal, TypedDict, Unpack
from uuid import UUID

from romashka_tracker.contract import HEALTH, INTELLIGENCE, OUTCOMES, QUERIES

Id = UUID | str
Number = float | Decimal
Labels = list[str] | tuple[str, ...]
# auth, permission, rate_limit, timeout, not_found, schema, provider_down, unknown, or the provider's own word.
ErrorKind = str
HandledBy = Literal["ai", "human", "mixed"]


class Context(TypedDict, total=False):
    """Optional fields of every event, by keyword.

    ``customer_id`` is the tenant's own customer (it is pseudonymised on arrival), ``country`` an ISO 3166-1 alpha-2
    code such as DE. ``event_id`` and ``created_at`` are made when they are left out: give them when the same event may
    be reported twice, or when it happened earlier than now.
    """

    customer_id: str | None
    channel: str | None
    country: str | None
    customer_segment: str | None
    event_id: Id | None
    created_at: datetime | None


class EventMethods(ABC):
    """One method per event. Each returns the event's id, and raises ``InvalidEvent`` where an argument is wrong.

    Ids are UUIDs or their text, money and scores floats or Decimals, times datetimes with a time zone. Ratios and
    confidences are 0 to 1, the satisfaction impact is -1 to 1, the satisfaction score 1 to 5 stars.
    """

    async def track_integration_query(  # noqa: PLR0917 - the order of the chat system's calls
        self,
        user_id: Id,
        conversation_id: Id,
        integration_provider: str,
        query_type: str,
        query_success: bool,
        response_time_ms: int,
        data_freshness_hours: Number | None = None,
        ai_confidence_score: Number | None = None,
        customer_satisfaction_impact: Number | None = None,
        *,
        data_type: str | None = None,
        error_kind: ErrorKind | None = None,
        **context: Unpack[Context],
    ) -> UUID:
        """Report that the AI asked an integration for data: what, whether it got an answer, and how long that took."""
        fields = {
            "user_id": user_id,
            "conversation_id": conversation_id,
            "integration_provider": integration_provider,
            "query_type": query_type,
            "query_success": query_success,
            "response_time_ms": response_time_ms,
            "data_freshness_hours": data_freshness_hours,
            "ai_confidence_score": ai_confidence_score,
            "customer_satisfaction_impact": customer_satisfaction_impact,
            "data_type": data_type,
            "error_kind": error_kind,
        }
        return self._publish(QUERIES, fields, context)

    async def record_conversation_outcome(  # noqa: PLR0917 - the order of the chat system's calls
        self,
        conversation_id: Id,
        user_id: Id,
        integration_data_used: bool,
        integration_types_used: Labels | None,
        outcome_type: str,
        resolution_time_minutes: int | None = None,
        customer_satisfaction_score: Number | None = None,
        business_value_generated: Number | None = None,
        *,
        handled_by: HandledBy | None = None,
        handoff_reason: str | None = None,
        opened_at: datetime | None = None,
        experiment: str | None = None,
        arm: str | None = None,
        **context: Unpack[Context],
    ) -> UUID:
        """Report how a conversation ended, or that it was reopened. Mind the order: the conversation comes first.

        ``experiment`` and ``arm`` are given together, where the conversation takes part in an experiment.
        """
        fields = {
            "user_id": user_id,
            "conversation_id": conversation_id,
            "integration_data_used": integration_data_used,
            "integration_types_used": integration_types_used,
            "outcome_type": outcome_type,
            "resolution_time_minutes": resolution_time_minutes,
            "customer_satisfaction_score": customer_satisfaction_score,
            "business_value_generated": business_value_generated,
            "handled_by": handled_by,
            "handoff_reason": handoff_reason,
            "opened_at": opened_at,
            "experiment": experiment,
            "arm": arm,
        }
        return self._publish(OUTCOMES, fields, context)

    async def update_integration_health(  # noqa: PLR0917 - the order of the chat system's calls
        self,
        user_id: Id,
        integration_provider: str,
        sync_status: str,
        last_sync_at: datetime | None = None,
        sync_success_rate: Number | None = None,
        error_rate: Number | None = None,
        data_freshness_score: Number | None = None,
        api_rate_limit_usage: Number | None = None,
        *,
        sync_job_id: str | None = None,
        records_synced: int | None = None,
        records_failed: int | None = None,
        duration_ms: int | None = None,
        error_kind: ErrorKind | None = None,
        **context: Unpack[Context],
    ) -> UUID:
        """Report the state of one integration and, by keyword, the facts of its last sync job."""
        fields = {
            "user_id": user_id,
            "integration_provider": integration_provider,
            "sync_status": sync_status,
            "last_sync_at": last_sync_at,
            "sync_success_rate": sync_success_rate,
            "error_rate": error_rate,
            "data_freshness_score": data_freshness_score,
            "api_rate_limit_usage": api_rate_limit_usage,
            "sync_job_id": sync_job_id,
            "records_synced": records_synced,
            "records_failed": records_failed,
            "duration_ms": duration_ms,
            "error_kind": error_kind,
        }
        return self._publish(HEALTH, fields, context)

    async def record_conversation_intelligence(  # noqa: PLR0917 - the order of the chat system's calls
        self,
        conversation_id: Id,
        user_id: Id,
        data_types_accessed: Labels | None,
        knowledge_gaps_identified: Labels | None,
        ai_confidence_with_data: Number | None = None,
        ai_confidence_without_data: Number | None = None,
        customer_journey_stage: str | None = None,
        conversion_probability: Number | None = None,
        *,
        experiment: str | None = None,
        arm: str | None = None,
        **context: Unpack[Context],
    ) -> UUID:
        """Report what a conversation needed: the data it touched, the data it lacked. The conversation comes first.

        ``experiment`` and ``arm`` are given together, where the conversation takes part in an experiment.
        """
        fields = {
            "user_id": user_id,
            "conversation_id": conversation_id,
            "data_types_accessed": data_types_accessed,
            "knowledge_gaps_identified": knowledge_gaps_identified,
            "ai_confidence_with_data": ai_confidence_with_data,
            "ai_confidence_without_data": ai_confidence_without_data,
            "customer_journey_stage": customer_journey_stage,
            "conversion_probability": conversion_probability,
            "experiment": experiment,
            "arm": arm,
        }
        return self._publish(INTELLIGENCE, fields, context)

    @abstractmethod
    def _publish(self, topic: str, fields: Mapping[str, object], context: Context) -> UUID: ...
