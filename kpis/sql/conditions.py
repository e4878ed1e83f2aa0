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
    return (
        f"({table}.id, toString({table}.severity)) NOT IN (SELECT insight_id, "
        "arrayJoin(if(last_severity = 'critical', ['critical', 'warning', 'info'], ['warning', 'info'])) "
        f"FROM ({_last_responses(dialect)}) WHERE last_action = 'resolve' "
        f"OR (last_action = 'snooze' AND last_snoozed_until > {dialect.end}))"
    )


def is_acknowledged(table: str, dialect: Dialect) -> str:
    """Return the predicate that somebody had an insight by the end of the range, at the severity that it has."""
    return (
        f"({table}.id, toString({table}.severity)) IN (SELECT insight_id, last_severity "
        f"FROM ({_last_responses(dialect)}) WHERE last_action = 'acknowledge')"
    )


def handling_join(table: str, dialect: Dialect) -> str:
    """Return the join that ``handling`` needs: the last responses to the insights of a table."""
    return f"LEFT JOIN ({_last_responses(dialect)}) AS responses ON responses.insight_id = {table}.id"


def handling(table: str, dialect: Dialect) -> str:
    """Return who took, snoozed or resolved an insight, as text; empty where nobody did.

    As ``models.responses.handling_of``: nothing counts that was said of a warning which is critical now.
    """
    end = dialect.end
    status = (
        f"multiIf({table}.severity = 'critical' AND responses.last_severity != 'critical', '', "
        "responses.last_action = 'acknowledge', concat('acknowledged by ', responses.last_actor), "
        f"responses.last_action = 'snooze' AND responses.last_snoozed_until > {end}, concat('snoozed by ', "
        "responses.last_actor, ' until ', formatDateTime(responses.last_snoozed_until, '%F %H:%i', 'UTC'), ' UTC'), "
        "responses.last_action = 'resolve', concat('resolved by ', responses.last_actor, "
        "' (', replaceOne(toString(responses.last_verdict), '_', ' '), ')'), '')"
    )
    assigned = "if(responses.last_assignee = '', '', concat('assigned to ', responses.last_assignee))"
    return f"arrayStringConcat(arrayFilter(text -> text != '', [{status}, {assigned}]), ', ')"


def _last_responses(dialect: Dialect) -> str:
    """Return a SELECT of the last response to each insight that changed its status, and of its assignee."""
    last = f"(responded_at, id), action IN ({_CHANGES_STATUS})"
    columns = ("action", "actor", "severity", "snoozed_until", "verdict")
    shown = ", ".join(f"argMaxIf({name}, {last}) AS last_{name}" for name in columns)
    return (
        f"SELECT insight_id, {shown}, argMaxIf(assignee, (responded_at, id), action = 'assign') AS last_assignee "
        f"FROM insight_responses FINAL WHERE {dialect.tenant('user_id')} AND responded_at < {dialect.end} "
        "GROUP BY insight_id"
    )
