"""Figures by country, channel and segment, for maps and tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from kpis.analyses.conversation_facts import conversations_of
from kpis.sources.conversations import DIMENSIONS
from kpis.sql.query_context import QueryContext
from kpis.statistics import wilson


def geography(asked: QueryContext) -> str:
    """Return the figures of conversations by country (ISO 3166-1 alpha-2; '' where not given)."""
    return _by(asked, "country")


def channels(asked: QueryContext) -> str:
    """Return the figures of conversations by channel."""
    return _by(asked, "channel")


def segments(asked: QueryContext) -> str:
    """Return the figures of conversations by customer segment."""
    return _by(asked, "segment")


def with_bounds(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return the rows with 95 % bounds of the durable resolution rate, so that small samples are recognisable."""
    made = []
    for row in rows:
        bounds = wilson(int(row["durable"]), int(row["conversations"]))
        made.append({**row, "durable_lower": bounds.lower, "durable_upper": bounds.upper})
    return made


def _by(asked: QueryContext, name: str) -> str:
    split = replace(asked, by=(name,)).split(DIMENSIONS).removesuffix(", ")
    return f"""WITH {conversations_of(asked)}
SELECT
    c.user_id AS user_id,
    {split},
    count() AS conversations,
    uniqExactIf(c.customer_id, c.customer_id != '') AS customers,
    countIf(c.data_used) / count() AS data_utilization_rate,
    countIf(c.durable) AS durable,
    countIf(c.durable) / count() AS durable_resolution_rate,
    countIf(c.handed_over) / count() AS handoff_rate,
    countIf(c.converted) / count() AS conversion_rate,
    avg(toFloat64(c.satisfaction)) AS csat,
    sum(c.value) AS net_value
FROM conversations AS c
GROUP BY user_id, {name}
ORDER BY user_id, conversations DESC, {name}
"""
