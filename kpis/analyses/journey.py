"""Customer journey: transitions between stages, integrations involved, and drop-off.

A step is a conversation and the same customer's next one within ``WITHIN_DAYS``; an edge aggregates the steps between
two stages. A customer whose conversation was not followed by another in that time ``stopped``; it is a drop-off where
the conversation had no good end either. Only conversations whose follow-up time is over count there, so that the newest
days do not appear as drop-off. Conversations without a customer count as volume, never as a step.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from kpis.analyses.steps import either
from kpis.sources import conversations
from kpis.sql.query_context import QueryContext
from kpis.statistics import wilson

WITHIN_DAYS: Final = 14
UNKNOWN: Final = "unknown"
"""The stage of conversations that none is given for."""

# The final node of a path: the customer did not return.
STOPPED, SATISFIED = "dropped off", "done"

# Conversations of the range with the next of their customer, which counts at its first one.
_STORED: Final = """
(
    SELECT
        user_id, stage AS source, next_stage, next_stage != '' AS followed, named, data_used, providers, converted,
        resolved, named AND entered_at + INTERVAL {within} DAY <= {now} AS seen_out,
        named AND stage_before < {start} AS first_of_stage, named AND step_before < {start} AS first_of_step
    FROM conversation_steps FINAL
    WHERE {tenant} AND {range} AND {{chosen}}
)
"""
_OF_FACTS: Final = """
(
    SELECT *, customer_id != '' AS named, named AND entered_at + INTERVAL {within} DAY <= {now} AS seen_out
    FROM
    (
        SELECT
            *,
            if(stage = '', '{unknown}', stage) AS source,
            leadInFrame(entered_at) OVER person AS next_at,
            leadInFrame(source) OVER person AS next_stage,
            customer_id != '' AND next_at > toDateTime64(0, 3, 'UTC')
                AND next_at <= entered_at + INTERVAL {within} DAY AS followed
        FROM {facts}
        WHERE {{chosen}}
        WINDOW person AS
        (
            PARTITION BY user_id, customer_id ORDER BY entered_at, conversation_id
            ROWS BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING
        )
    )
    WHERE entered_at < {until}
)
"""

# Integrations are added up after conversations of the same ones are counted.
_EDGES: Final = """
SELECT
    user_id,
    source,
    target,
    sum(many) AS conversations,
    {customers} AS customers,
    sum(with_data) AS data_used,
    arrayMap(pair -> pair.1, arraySort(pair -> (-pair.2, pair.1), arrayZip(touched.1, touched.2))) AS integrations,
    arrayMap(pair -> pair.2, arraySort(pair -> (-pair.2, pair.1), arrayZip(touched.1, touched.2))) AS touches,
    sumMap(providers, arrayMap(one -> many, providers)) AS touched
FROM
(
    SELECT
        user_id,
        source,
        multiIf(followed, next_stage, resolved, '{done}', '{stopped}') AS target,
        providers,
        count() AS many,
        {people} AS people,
        countIf(data_used) AS with_data
    FROM {visits} AS visits
    WHERE followed OR seen_out
    GROUP BY user_id, source, target, providers
)
GROUP BY user_id, source, target
"""

_NODES: Final = """
SELECT
    user_id,
    source AS stage,
    count() AS conversations,
    {customers} AS customers,
    countIf(v.data_used) AS data_used,
    countIf(resolved) AS good_ends,
    countIf(converted) AS conversions,
    countIf(seen_out) AS followed_up,
    countIf(seen_out AND followed) AS went_on,
    countIf(seen_out AND NOT followed AND NOT resolved) AS dropped_off
FROM {visits} AS v
GROUP BY user_id, stage
"""


def edges(asked: QueryContext) -> str:
    """Return the steps between stages: ``source``, ``target``, count, and the integrations involved."""
    stored = {"people": "countIf(first_of_step)", "customers": "sum(people)"}
    of_facts = {"people": "uniqExactState(customer_id)", "customers": "uniqExactMerge(people)"}
    return _sql(asked, _EDGES, stored, of_facts, "source, target")


def nodes(asked: QueryContext) -> str:
    """Return the stages: number of conversations, of those continued and of drop-offs."""
    stored = {"customers": "countIf(first_of_stage)"}
    of_facts = {"customers": "uniqExactIf(customer_id, named)"}
    return _sql(asked, _NODES, stored, of_facts, "stage")


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


def _sql(asked: QueryContext, select: str, stored: Mapping[str, str], of_facts: Mapping[str, str], keys: str) -> str:
    dialect = asked.dialect
    facts = conversations.facts(
        replace(asked, dialect=dialect.over(dialect.start, f"({dialect.end} + INTERVAL {WITHIN_DAYS} DAY)"))
    )
    given = {
        "within": WITHIN_DAYS,
        "now": dialect.now,
        "start": dialect.start,
        "until": dialect.end,
        "tenant": dialect.tenant("user_id"),
        "range": asked.between("entered_at"),
        "unknown": UNKNOWN,
        "facts": facts,
    }
    ends = {"done": SATISFIED, "stopped": STOPPED}
    rows = either(
        asked,
        select.format(visits=_STORED.format(**given), **ends, **stored),
        select.format(visits=_OF_FACTS.format(**given), **ends, **of_facts),
    )
    return f"SELECT * FROM ({rows}) ORDER BY user_id, conversations DESC, {keys}"
