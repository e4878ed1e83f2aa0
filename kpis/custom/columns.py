"""The sources of user-defined figures, and the columns that a definition may name."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Final, NamedTuple

from kpis.kpi import Area, Source
from kpis.sources import conversations, health, queries
from kpis.sql.query_context import QueryContext
from models.measures import QUERY_MEASURES


class ColumnType(StrEnum):
    """What a column holds; error messages use these words."""

    TEXT = "text"
    NUMBER = "number"
    YES_NO = "yes or no"
    ID = "id"


class CustomSource(NamedTuple):
    """A source, the columns of its rows by name, and the area of its figures."""

    source: Source
    columns: Mapping[str, ColumnType]
    area: Area


def _query_events(asked: QueryContext) -> str:
    return (
        "(SELECT *, created_at AS at FROM integration_query_metrics FINAL "
        f"WHERE {asked.where(queries.DIMENSIONS)} AND {asked.between('created_at')})"
    )


_QUERY_EVENTS: Final = Source("query events", "query events, each counted once", queries.DIMENSIONS, _query_events)
_CONVERSATIONS: Final = Source(
    "single conversations",
    "conversations, each counted at its entry; up to date as of the last run of the job that folds them",
    conversations.DIMENSIONS,
    conversations.facts,
)
_TEXT, _NUMBER, _YES_NO, _ID = ColumnType.TEXT, ColumnType.NUMBER, ColumnType.YES_NO, ColumnType.ID

SOURCES: Final[Mapping[str, CustomSource]] = {
    "queries": CustomSource(
        _QUERY_EVENTS,
        {
            "integration_provider": _TEXT,
            "query_type": _TEXT,
            "channel": _TEXT,
            "country": _TEXT,
            "customer_segment": _TEXT,
            "data_type": _TEXT,
            "error_kind": _TEXT,
            "query_success": _YES_NO,
            "response_time_ms": _NUMBER,
            **dict.fromkeys(QUERY_MEASURES, _NUMBER),
            "conversation_id": _ID,
            "customer_id": _ID,
        },
        Area.AI_PERFORMANCE,
    ),
    "conversations": CustomSource(
        _CONVERSATIONS,
        {
            "channel": _TEXT,
            "country": _TEXT,
            "customer_segment": _TEXT,
            "stage": _TEXT,
            "outcome": _TEXT,
            "handled_by": _TEXT,
            "handoff_reason": _TEXT,
            "data_used": _YES_NO,
            "ended": _YES_NO,
            "resolved": _YES_NO,
            "autonomous": _YES_NO,
            "durable": _YES_NO,
            "returned": _YES_NO,
            "reopened": _YES_NO,
            "handed_over": _YES_NO,
            "converted": _YES_NO,
            "resolution_minutes": _NUMBER,
            "satisfaction": _NUMBER,
            "confidence_with_data": _NUMBER,
            "confidence_without_data": _NUMBER,
            "conversion_probability": _NUMBER,
            "customer_id": _ID,
        },
        Area.CONVERSATIONS,
    ),
    "syncs": CustomSource(
        health.HEALTH_REPORTS,
        {
            "integration_provider": _TEXT,
            "sync_status": _TEXT,
            "error_kind": _TEXT,
            "sync_success_rate": _NUMBER,
            "error_rate": _NUMBER,
            "data_freshness_score": _NUMBER,
            "api_rate_limit_usage": _NUMBER,
            "records_synced": _NUMBER,
            "records_failed": _NUMBER,
            "duration_ms": _NUMBER,
            "sync_job_id": _ID,
        },
        Area.MONITORING,
    ),
}
"""Sources by the name that a definition gives in ``source``."""
