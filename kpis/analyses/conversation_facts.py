"""The conversations of an analysis.

Facts and derived states (durable, returned) are those of the figures (``kpis.sources.conversations``), so that a table
and a tile agree. Everything about a conversation counts at its entry: a later refund lowers the revenue of the day of
the conversation.
"""

from __future__ import annotations

from dataclasses import replace

from kpis.sources import conversations
from kpis.sql.dialect import Dialect
from kpis.sql.query_context import QueryContext


def period_before(dialect: Dialect) -> str:
    """Return the start of the period of the same length just before the range."""
    return f"({dialect.start} - toIntervalSecond(dateDiff('second', {dialect.start}, {dialect.end})))"


def conversations_of(asked: QueryContext, over: Dialect | None = None, name: str = "conversations") -> str:
    """Return a common table expression: the facts of conversations.

    Parameters
    ----------
    over
        A dialect with another range than that of the analysis.
    name
        Name of the expression.
    """
    return f"{name} AS (SELECT * FROM {conversations.facts(replace(asked, dialect=over or asked.dialect))})"
