"""Single conversations: one row of facts each, counted at their entry."""

from __future__ import annotations

from typing import Final

from kpis.dimension import Dimension
from kpis.rollups.conversation_fold import folded
from kpis.sql.query_context import QueryContext

DIMENSIONS: Final = {
    "tenant": Dimension("user_id"),
    "provider": Dimension("providers", many=True),
    "queried_provider": Dimension("queried_providers", many=True),
    "channel": Dimension("channel"),
    "country": Dimension("country"),
    "segment": Dimension("customer_segment"),
    "stage": Dimension("stage"),
    "data_used": Dimension("data_used"),
    "data_type": Dimension("data_types", many=True),
    "gap": Dimension("gaps", many=True),
    "outcome": Dimension("outcome", result=True),
    "handled_by": Dimension("handled_by", result=True),
    "handoff_reason": Dimension("handoff_reason", result=True),
}
# Queries of a conversation come after its entry; those later than this are not looked for.
_QUERIES_FOLLOW_DAYS: Final = 1
FACTS: Final = (
    "user_id, conversation_id, entered_at, last_event_at, customer_id, channel, country, customer_segment, stage, "
    "data_used, providers, data_types, gaps, confidence_with_data, confidence_without_data, conversion_probability, "
    "ended, outcome, handled_by, ended_at, resolved, autonomous, resolution_minutes, handed_over, handoff_reason, "
    "returned_at, reopened, converted, satisfaction, value, sales, refunds"
)


def facts(asked: QueryContext) -> str:
    """Return the conversations of the range: ``FACTS``, ``at`` and columns derived at query time.

    ``durable``: autonomous, and did not return within N days of its end. ``returned``: it ended, and did.
    """
    where = f"{asked.where(DIMENSIONS)} AND {asked.between('entered_at')}"
    rows = "conversation_facts FINAL" if asked.rolled_up else folded(asked.dialect.tenant("user_id"))
    if "queried_provider" in asked.by:
        rows = _with_queried_providers(asked, f"(SELECT * FROM {rows} WHERE {where})")
    days = f"toIntervalDay({asked.dialect.durable_days})"
    returned_in_time = f"(returned_at IS NOT NULL AND returned_at < ended_at + {days})"
    return (
        f"(SELECT *, entered_at AS at, autonomous AND NOT {returned_in_time} AS durable, "
        f"ended AND {returned_in_time} AS returned FROM {rows} WHERE {where})"
    )


def _with_queried_providers(asked: QueryContext, rows: str) -> str:
    """Return conversations with ``queried_providers``: those that their queries went to, answered or not.

    ``providers`` are those whose data was used, so a conversation leaves them when an integration fails.
    """
    end = f"{asked.dialect.end} + INTERVAL {_QUERIES_FOLLOW_DAYS} DAY"
    return (
        f"(SELECT one.*, of_queries.queried AS queried_providers FROM {rows} AS one LEFT JOIN (SELECT user_id, "
        "conversation_id, arraySort(groupUniqArray(toString(integration_provider))) AS queried "
        f"FROM integration_query_metrics WHERE {asked.dialect.tenant('user_id')} "
        f"AND created_at >= {asked.dialect.start} AND created_at < {end} GROUP BY user_id, conversation_id) "
        "AS of_queries USING (user_id, conversation_id))"
    )
