"""Shared predicates: conditions of a sync, and insights that need attention."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from kpis.sql.dialect import Dialect
from models.responses import CHANGES_STATUS
from models.sync_status import Condition, words_of
from models.words import squashed, squashed_sql

ATTENTION: Final = ("performance_anomaly", "kpi_change")
"""Types of insights that need attention: faults, not predictions or opportunities."""

_CHANGES_STATUS: Final = ", ".join(f"'{action}'" for action in CHANGES_STATUS)


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

    return f"{needs_attention(table, is_open)} AND {not_set_aside(table, dialect)}"


def open_at_end(table: str, dialect: Dialect) -> str:
    """Return the predicate that an insight was open at the end of the range."""
    end = dialect.end
    return f"{table}.started_at < {end} AND ifNull({table}.ended_at >= {end}, {table}.status = 'open')"


def not_set_aside(table: str, dialect: Dialect) -> str:
    """Return the predicate that nobody had resolved or snoozed an insight by the end of the range.

    One that has become critical since then is not set aside any more; see ``models.responses``.
    """
    end = dialect.end
    last = "(responded_at, id)"
    return (
        f"({table}.id, toString({table}.severity)) NOT IN (SELECT insight_id, "
        f"arrayJoin(if(argMax(severity, {last}) = 'critical', ['critical', 'warning', 'info'], ['warning', 'info'])) "
        f"FROM insight_responses FINAL WHERE responded_at < {end} AND action IN ({_CHANGES_STATUS}) "
        f"GROUP BY insight_id HAVING argMax(action, {last}) = 'resolve' "
        f"OR (argMax(action, {last}) = 'snooze' AND argMax(snoozed_until, {last}) > {end}))"
    )


def is_acknowledged(table: str, dialect: Dialect) -> str:
    """Return the predicate that somebody had an insight by the end of the range, at the severity that it has."""
    last = "(responded_at, id)"
    return (
        f"({table}.id, toString({table}.severity)) IN (SELECT insight_id, argMax(severity, {last}) "
        f"FROM insight_responses FINAL WHERE responded_at < {dialect.end} AND action IN ({_CHANGES_STATUS}) "
        f"GROUP BY insight_id HAVING argMax(action, {last}) = 'acknowledge')"
    )


def handling(table: str, dialect: Dialect) -> str:
    """Return the join that gives the column ``handling``: who took, snoozed or resolved an insight."""
    last = "(responded_at, id)"
    status = f"action IN ({_CHANGES_STATUS})"
    return f"""LEFT JOIN
(
    SELECT insight_id,
        argMaxIf(action, {last}, {status}) AS last_action,
        argMaxIf(actor, {last}, {status}) AS last_actor,
        argMaxIf(snoozed_until, {last}, {status}) AS last_until,
        argMaxIf(verdict, {last}, {status}) AS last_verdict,
        argMaxIf(assignee, {last}, action = 'assign') AS last_assignee,
        multiIf(
            last_action = 'acknowledge', concat('acknowledged by ', last_actor),
            last_action = 'snooze' AND last_until > {dialect.end},
            concat('snoozed by ', last_actor, ' until ', formatDateTime(last_until, '%F %H:%i', 'UTC'), ' UTC'),
            last_action = 'resolve',
            concat('resolved by ', last_actor, ' (', replaceOne(toString(last_verdict), '_', ' '), ')'),
            ''
        ) AS said,
        concat(said, if(said = '' OR last_assignee = '', '', ', '),
            if(last_assignee = '', '', concat('assigned to ', last_assignee))) AS handling
    FROM insight_responses FINAL
    WHERE {dialect.tenant("user_id")} AND responded_at < {dialect.end}
    GROUP BY insight_id
) AS responses ON responses.insight_id = {table}.id"""
