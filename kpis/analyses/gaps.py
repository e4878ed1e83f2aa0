"""Knowledge gaps of the AI: classified, assigned to an integration, ranked by affected conversations, with trend.

A label reads ``provider: subject (reason)``, for example ``shopify: return_policy (missing content)``. Free text has
type ``other`` and no integration.

What a gap costs is an estimate: conversations with it against conversations of the same tenant and stage without any
gap. It is for ranking, not a forecast of the benefit.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from kpis.analyses.conversation_facts import conversations_of, period_before
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

# One pass, aggregated before anything is compared: a label is taken apart once, not for each conversation.
_GAPS: Final = """
WITH {facts},
counted AS
(
    SELECT
        c.user_id AS user_id,
        c.stage AS stage,
        complete,
        arrayJoin(if(complete, [''], arrayMap(one -> toString(one), c.gaps))) AS label,
        countIf(is_now) AS now_count,
        countIf(NOT is_now) AS before_count,
        countIf(is_now AND c.handed_over) AS handed_count,
        countIf(is_now AND c.durable) AS durable_count,
        sumIf(c.value, is_now) AS value_sum,
        sumIf(toFloat64(c.value), is_now) AS float_sum,
        uniqExactStateIf(c.customer_id, is_now AND NOT complete AND c.customer_id != '') AS people
    FROM (SELECT *, entered_at >= {since} AS is_now, empty(gaps) AS complete FROM conversations) AS c
    WHERE is_now OR NOT complete
    GROUP BY user_id, stage, complete, label
),
compared AS
(
    SELECT *,
        sumIf(now_count, complete) OVER alike AS usual_count,
        if(usual_count = 0, 0, sumIf(durable_count, complete) OVER alike / usual_count) AS usual_rate,
        if(usual_count = 0, 0, sumIf(float_sum, complete) OVER alike / usual_count) AS usual_value
    FROM counted
    WINDOW alike AS (PARTITION BY user_id, stage)
)
SELECT
    user_id,
    label,
    if(empty(extractGroups(label, '{label}') AS parts), 'other', parts[3]) AS gap_type,
    if(empty(parts), '', parts[1]) AS integration,
    if(empty(parts), label, parts[2]) AS subject,
    sum(now_count) AS conversations,
    uniqExactMerge(people) AS customers,
    sum(handed_count) AS handed_over,
    toUInt64(sum(now_count) - sum(durable_count)) AS not_durable,
    sum(value_sum) AS brought_in,
    greatest(0, sum(usual_rate * now_count) - sum(durable_count)) AS lost_resolutions,
    greatest(0, sum(usual_value * now_count) - toFloat64(brought_in)) AS lost_value,
    sum(before_count) AS conversations_before
FROM compared
WHERE NOT complete
GROUP BY user_id, label
ORDER BY user_id, conversations DESC, lost_value DESC, label
"""


def gaps(asked: QueryContext) -> str:
    """Return the gaps of the range, one row each, with the number of affected conversations in the previous period."""
    dialect = asked.dialect
    known = conversations_of(asked, dialect.over(period_before(dialect), dialect.end))
    return _GAPS.format(facts=known, since=dialect.start, label=_LABEL)


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
