"""Predicates that several statements share: what connectors say of a sync, and which findings need attention."""

from __future__ import annotations

from collections.abc import Callable

from models.sync_status import Condition, words_of
from models.words import squashed, squashed_sql


def is_one_of(column: str, *conditions: Condition) -> str:
    """Return the predicate that a status means one of some conditions, however it is spelled."""
    words = ", ".join(f"'{word}'" for word in sorted({squashed(word) for word in words_of(*conditions)}))
    return f"{squashed_sql(column)} IN ({words})"


def needs_attention(table: str, is_open: Callable[[str], str]) -> str:
    """Return the predicate of the findings that need attention: the same set in alerts, tiles, tables and reports.

    These are open findings of severity ``warning`` or ``critical`` that are not part of a wider one: an outage at many
    tenants is one finding, not one for each of them.

    Parameters
    ----------
    table
        The name or alias of ``predictive_insights`` in the statement.
    is_open
        Returns the predicate that a finding of a table, by its name, is open at the end of the range.
    """
    return (
        f"{is_open(table)} AND {table}.severity IN ('critical', 'warning') AND {table}.id NOT IN (SELECT "
        f"arrayJoin(whole.members) FROM predictive_insights AS whole FINAL WHERE {is_open('whole')} "
        "AND notEmpty(whole.members))"
    )
