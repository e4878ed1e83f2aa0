"""Knowledge gaps of the AI: classified, assigned to an integration, ranked by affected conversations, with trend.

A label reads ``provider: subject (reason)``, for example ``shopify: return_policy (missing content)``. Free text has
type ``other`` and no integration.

What a gap costs is an estimate: conversations with it against conversations of the same tenant and stage without any
gap. It is for ranking, not a forecast of the benefit.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from kpis.analyses.conversation_facts import period_before
from kpis.sources.conversation_counts import counts
from kpis.sources.conversations import facts
from kpis.sql.query_context import QueryContext

TYPES: Final = (
    "missing content",
    "field not synced",
    "permission missing",
    "write action missing",
    "not connected",
    "other",
)
WHAT_TO_DO: Final = {
    "missing content": "write the content and publish it where {where} serves it",
    "field not synced": "add the field to the sync of {where}",
    "permission missing": "grant the permission to the connection of {where}",
    "write action missing": "allow the action in {where}, or hand such requests to a person at once",
    "not connected": "connect {where}",
    "other": "read some of these conversations and name what is missing",
}
_LABEL: Final = rf"^([a-z][a-z0-9_-]*): (.+) \(({'|'.join(TYPES[:-1])})\)$"

# Counts of both periods by label and stage; label '' is conversations without gaps.
_GAPS: Final = """
WITH counted AS
(
    SELECT
        user_id,
        stage,
        arrayJoin(if(empty(gaps), [''], gaps)) AS label,
        sumIf(c.conversations, NOT earlier) AS now_count,
        sumIf(c.conversations, earlier) AS before_count,
        sumIf(c.handed_over_count, NOT earlier) AS handed_count,
        sumIf(c.durable_count, NOT earlier) AS durable_now,
        sumIf(c.value_sum, NOT earlier) AS value_now
    FROM (SELECT *, at < {since} AS earlier FROM {counts}) AS c
    GROUP BY user_id, stage, label
),
compared AS
(
    SELECT *,
        sumIf(now_count, label = '') OVER alike AS usual_count,
        if(usual_count = 0, 0, sumIf(durable_now, label = '') OVER alike / usual_count) AS usual_rate,
        if(usual_count = 0, 0, sumIf(toFloat64(value_now), label = '') OVER alike / usual_count) AS usual_value
    FROM counted
    WINDOW alike AS (PARTITION BY user_id, stage)
),
people AS
(
    SELECT user_id, arrayJoin(gaps) AS label, uniqExact(customer_id) AS customers
    FROM {facts}
    WHERE notEmpty(gaps) AND customer_id != ''
    GROUP BY user_id, label
)
SELECT
    c.user_id AS user_id,
    toString(c.label) AS label,
    if(empty(extractGroups(label, '{label}') AS parts), 'other', parts[3]) AS gap_type,
    if(empty(parts), '', parts[1]) AS integration,
    if(empty(parts), label, parts[2]) AS subject,
    toUInt64(sum(now_count)) AS conversations,
    any(p.customers) AS customers,
    toUInt64(sum(handed_count)) AS handed_over,
    toUInt64(sum(now_count) - sum(durable_now)) AS not_durable,
    sum(value_now) AS brought_in,
    greatest(0, sum(usual_rate * now_count) - sum(durable_now)) AS lost_resolutions,
    greatest(0, sum(usual_value * now_count) - toFloat64(brought_in)) AS lost_value,
    toUInt64(sum(before_count)) AS conversations_before
FROM compared AS c LEFT JOIN people AS p ON c.user_id = p.user_id AND c.label = p.label
WHERE c.label != ''
GROUP BY user_id, label
ORDER BY user_id, conversations DESC, lost_value DESC, label
"""
_READS: Final = frozenset({"stage", "gaps", "conversations", "handed_over_count", "durable_count", "value_sum"})


def gaps(asked: QueryContext) -> str:
    """Return the gaps of the range, one row each, with the number of affected conversations in the previous period."""
    dialect = asked.dialect
    both = replace(asked, dialect=dialect.over(period_before(dialect), dialect.end), by=("stage", "gap"), reads=_READS)
    return _GAPS.format(
        counts=counts(replace(both, cut=dialect.start)), facts=facts(asked), since=dialect.start, label=_LABEL
    )


def ranked(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return gaps with trend and action, sorted by affected conversations and then by cost."""
    made: list[dict[str, Any]] = []
    for row in rows:
        where = row["integration"] or "the integration"
        now, before = row["conversations"], row["conversations_before"]
        made.append(
            {
                **row,
                "trend": trend(now, before),
                "change": (now - before) / before if before else None,
                "what_to_do": WHAT_TO_DO[row["gap_type"]].format(where=where),
            }
        )
    return sorted(made, key=lambda row: (-row["conversations"], -row["lost_value"], row["label"]))


def trend(now: int, before: int) -> str:
    """Return new, gone, rising, falling or steady; a change within two standard errors is steady."""
    if before == 0 or now == 0:
        return "new" if now else "gone"
    if (now - before) ** 2 <= 4 * (now + before):  # two Poisson counts: the variance of their difference is their sum
        return "steady"
    return "rising" if now > before else "falling"
