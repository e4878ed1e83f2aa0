"""Figures by country, channel and segment, for maps and tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from kpis.analyses.steps import CHOSEN, either
from kpis.sources.conversation_counts import counts
from kpis.sources.conversations import DIMENSIONS, facts
from kpis.sql.query_context import QueryContext
from kpis.statistics import wilson

_READS: Final = frozenset(
    {
        "data_used",
        "conversations",
        "durable_count",
        "handed_over_count",
        "converted_count",
        "satisfaction_count",
        "satisfaction_sum",
        "value_sum",
    }
)


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
    first = f"countIf(named AND {name}_before < {asked.dialect.start}) AS customers FROM conversation_steps FINAL"
    people = either(
        asked,
        f"SELECT user_id, {split}, {first} WHERE {asked.where({}, asked.filters)} AND {asked.between('entered_at')} "
        f"AND {CHOSEN} GROUP BY user_id, {name}",
        f"SELECT user_id, {split}, uniqExact(customer_id) AS customers FROM {facts(asked)} "
        f"WHERE customer_id != '' AND {CHOSEN} GROUP BY user_id, {name}",
    )
    return f"""WITH counted AS
(
    SELECT
        user_id,
        {split},
        sum(c.conversations) AS all_count,
        sumIf(c.conversations, data_used) AS with_data,
        sum(c.durable_count) AS durable_sum,
        sum(handed_over_count) AS handed,
        sum(converted_count) AS conversions,
        toFloat64(sum(satisfaction_sum)) / nullIf(sum(satisfaction_count), 0) AS stars,
        sum(value_sum) AS value
    FROM {counts(replace(asked, by=(name,), reads=_READS))} AS c
    GROUP BY user_id, {name}
),
people AS
({people})
SELECT
    c.user_id AS user_id,
    c.{name} AS {name},
    toUInt64(all_count) AS conversations,
    p.customers AS customers,
    with_data / all_count AS data_utilization_rate,
    toUInt64(durable_sum) AS durable,
    durable_sum / all_count AS durable_resolution_rate,
    handed / all_count AS handoff_rate,
    conversions / all_count AS conversion_rate,
    stars AS csat,
    value AS net_value
FROM counted AS c LEFT JOIN people AS p ON c.user_id = p.user_id AND c.{name} = p.{name}
ORDER BY user_id, conversations DESC, {name}
"""
