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

_GAPS: Final = """
WITH {facts},
usual AS
(
    SELECT user_id, stage, avg(durable) AS durable_rate, avg(toFloat64(value)) AS earned
    FROM conversations
    WHERE empty(gaps) AND entered_at >= {since}
    GROUP BY user_id, stage
),
touched AS
(
    SELECT c.*, arrayJoin(c.gaps) AS label, extractGroups(label, '{label}') AS parts, entered_at >= {since} AS now,
        usual.durable_rate AS usual_rate, usual.earned AS usual_value
    FROM conversations AS c LEFT JOIN usual USING (user_id, stage)
    WHERE notEmpty(c.gaps)
)
SELECT
    user_id,
    label,
    if(empty(parts), 'other', parts[3]) AS gap_type,
    if(empty(parts), '', parts[1]) AS integration,
    if(empty(parts), label, parts[2]) AS subject,
    countIf(now) AS conversations,
    uniqExactIf(customer_id, now AND customer_id != '') AS customers,
    countIf(now AND handed_over) AS handed_over,
    countIf(now AND NOT durable) AS not_durable,
    sumIf(value, now) AS brought_in,
    greatest(0, sumIf(usual_rate, now) - countIf(now AND durable)) AS lost_resolutions,
    greatest(0, sumIf(usual_value, now) - toFloat64(sumIf(value, now))) AS lost_value,
    countIf(NOT now) AS conversations_before
FROM touched
GROUP BY user_id, label, parts
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
