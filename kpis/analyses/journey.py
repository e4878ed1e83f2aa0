"""Customer journey: transitions between stages, integrations involved, and drop-off.

A step is a conversation and the same customer's next one within ``WITHIN_DAYS``; an edge aggregates the steps between
two stages. A customer whose conversation was not followed by another in that time ``stopped``; it is a drop-off where
the conversation had no good end either. Only conversations whose follow-up time is over count there, so that the newest
days do not appear as drop-off. Conversations without a customer count as volume, never as a step.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from kpis.analyses.conversation_facts import conversations_of
from kpis.sql.query_context import QueryContext
from kpis.statistics import wilson

WITHIN_DAYS: Final = 14

# The final node of a path: the customer did not return.
STOPPED, SATISFIED = "dropped off", "done"

_STEPS: Final = """
WITH {facts},
steps AS
(
    SELECT
        *,
        if(stage = '', 'unknown', stage) AS source,
        leadInFrame(entered_at) OVER person AS next_at,
        leadInFrame(if(stage = '', 'unknown', stage)) OVER person AS next_stage,
        customer_id != '' AND next_at > toDateTime64(0, 3, 'UTC')
            AND next_at <= entered_at + INTERVAL {within} DAY AS followed
    FROM conversations
    WINDOW person AS
    (
        PARTITION BY user_id, customer_id ORDER BY entered_at, conversation_id
        ROWS BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING
    )
),
visits AS
(
    SELECT *, customer_id != '' AND entered_at + INTERVAL {within} DAY <= {now} AS seen_out
    FROM steps
    WHERE entered_at < {until}
)
"""

_EDGES: Final = """
SELECT
    user_id,
    source,
    multiIf(followed, next_stage, resolved, '{done}', '{stopped}') AS target,
    count() AS conversations,
    uniqExact(customer_id) AS customers,
    countIf(data_used) AS data_used,
    arrayMap(pair -> pair.1, arraySort(pair -> (-pair.2, pair.1), arrayZip(touched.1, touched.2))) AS integrations,
    arrayMap(pair -> pair.2, arraySort(pair -> (-pair.2, pair.1), arrayZip(touched.1, touched.2))) AS touches,
    sumMap(providers, arrayMap(one -> toUInt64(1), providers)) AS touched
FROM visits
WHERE followed OR seen_out
GROUP BY user_id, source, target
ORDER BY user_id, conversations DESC, source, target
"""

_NODES: Final = """
SELECT
    user_id,
    source AS stage,
    count() AS conversations,
    uniqExactIf(customer_id, customer_id != '') AS customers,
    countIf(data_used) AS data_used,
    countIf(resolved) AS good_ends,
    countIf(converted) AS conversions,
    countIf(seen_out) AS followed_up,
    countIf(seen_out AND followed) AS went_on,
    countIf(seen_out AND NOT followed AND NOT resolved) AS dropped_off
FROM visits
GROUP BY user_id, stage
ORDER BY user_id, conversations DESC, stage
"""


def edges(asked: QueryContext) -> str:
    """Return the steps between stages: ``source``, ``target``, count, and the integrations involved."""
    return _sql(asked, _EDGES)


def nodes(asked: QueryContext) -> str:
    """Return the stages: number of conversations, of those continued and of drop-offs."""
    return _sql(asked, _NODES)


def sankey(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return edges with each integration's share of touches as text."""
    made = []
    for row in rows:
        touches = ", ".join(f"{name} {count}" for name, count in zip(row["integrations"], row["touches"], strict=True))
        share = row["data_used"] / row["conversations"]
        kept = {key: row[key] for key in ("user_id", "source", "target", "conversations", "customers")}
        made.append({**kept, "data_used_rate": share, "touchpoints": touches})
    return made


def drop_off(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return stages with the drop-off rate of conversations whose follow-up time is over, and its interval."""
    made = []
    for row in rows:
        count = row["followed_up"]
        bounds = wilson(row["dropped_off"], count)
        made.append(
            {
                **row,
                "drop_off_rate": row["dropped_off"] / count if count else None,
                "lower": bounds.lower,
                "upper": bounds.upper,
            }
        )
    return made


def _sql(asked: QueryContext, select: str) -> str:
    dialect = asked.dialect
    known = conversations_of(asked, dialect.over(dialect.start, f"({dialect.end} + INTERVAL {WITHIN_DAYS} DAY)"))
    steps = _STEPS.format(facts=known, within=WITHIN_DAYS, now=dialect.now, until=dialect.end)
    return steps + select.format(done=SATISFIED, stopped=STOPPED)
