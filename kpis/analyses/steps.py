"""Rows from stored steps of customers (``conversation_steps``), or from single conversations where these do not fit."""

from __future__ import annotations

from kpis.sql.predicates import all_of
from kpis.sql.query_context import QueryContext

CHOSEN = "{chosen}"
"""Stands for the predicate that a way is chosen."""


def either(asked: QueryContext, of_steps: str, of_facts: str) -> str:
    """Return the SELECT of the rows of stored steps where no filter is active, else of those of single conversations.

    Both have the predicate ``CHOSEN``. A filter changes which conversation is a customer's next one. Where it is known
    only later whether there is one, both ways are in the statement, and ClickHouse reads the tables of one.
    """
    no_filter = all_of(*(asked.dialect.unnarrowed(name) for name in asked.filters))
    if not asked.rolled_up or no_filter == "false" or "false" in no_filter.split(" AND "):
        return of_facts.replace(CHOSEN, "true")
    if no_filter == "true":
        return of_steps.replace(CHOSEN, "true")
    return f"{of_steps.replace(CHOSEN, f'({no_filter})')} UNION ALL {of_facts.replace(CHOSEN, f'NOT ({no_filter})')}"
