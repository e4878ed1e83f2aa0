"""Shared predicates: conditions of a sync, and insights that need attention."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from kpis.sql.dialect import Dialect
from models.sync_status import Condition, words_of
from models.words import squashed, squashed_sql

ATTENTION: Final = ("performance_anomaly", "kpi_change")
"""Types of insights that need attention: faults, not predictions or opportunities."""


def is_one_of(column: str, *conditions: Condition) -> str:
    """Return the predicate that a status has one of some conditions, ignoring case and separators."""
    words = ", ".join(f"'{word}'" for word in sorted({squashed(word) for word in words_of(*conditions)}))
    return f"{squashed_sql(column)} IN ({words})"


def needs_attention(table: str, is_open: Callable[[str], str]) -> str:
    """Return the predicate of insights that need attention; alerts, tiles, tables and reports share it.

    These are open findings of severity ``warning`` or ``critical`` that are not part of a wider one: an outage at many
    tenants is one finding, not one for each of them.

    Parameters
    ----------
    table
        Name or alias of ``predictive_insights``.
    is_open
        Returns the predicate that an insight of a table is open at the end of the range.
    """
    return (
        f"{is_open(table)} AND {table}.severity IN ('critical', 'warning') AND {table}.id NOT IN (SELECT "
        f"arrayJoin(whole.members) FROM predictive_insights AS whole FINAL WHERE {is_open('whole')} "
        "AND notEmpty(whole.members))"
    )


def attention(dialect: Dialect, table: str) -> str:
    """Return the predicate of the findings that need attention at the end of a dialect's range, within its tenants.

    For a single tenant a wider finding is not visible, and the tenant's own part of it counts.
    """
    types = ", ".join(f"'{type_}'" for type_ in ATTENTION)

    def is_open(name: str) -> str:
        return (
            f"{dialect.tenant(f'{name}.user_id')} AND {name}.insight_type IN ({types}) AND {open_at_end(name, dialect)}"
        )

    return needs_attention(table, is_open)


def open_at_end(table: str, dialect: Dialect) -> str:
    """Return the predicate that an insight was open at the end of the range."""
    end = dialect.end
    return f"{table}.started_at < {end} AND ifNull({table}.ended_at >= {end}, {table}.status = 'open')"
