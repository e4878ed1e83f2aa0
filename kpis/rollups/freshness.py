"""Freshness of roll-ups: which hours changed since the last update.

Figures of queries read stale hours from the windows, so a figure is the same whether roll-ups are current, hours behind
or empty; only its cost differs.
"""

from __future__ import annotations

from typing import Final

from kpis.sql.predicates import all_of
from models.counting import counted

# An insert records its change just before its rows are readable. This is longer than any insert may take.
MARGIN_SECONDS: Final = 60
EXPECTED_SECONDS: Final = 60
"""The leader runs the roll-ups every half minute: a smaller delay is normal."""

# Rename a roll-up when its content changes: it is then rebuilt from the start.
CONVERSATION_FACTS: Final = "conversation_facts_2"
CONVERSATION_HOURS: Final = "conversation_hours_3"
CONVERSATION_DAYS: Final = "conversation_days_3"


def since(rollup: str) -> str:
    """Return the time since which changes are not in a roll-up."""
    return f"(SELECT max(reflects) - INTERVAL {MARGIN_SECONDS} SECOND FROM rollup_progress WHERE rollup = '{rollup}')"


def uncounted(seconds: int) -> str:
    """Return a text on how far figures of conversations are behind; empty where they are current.

    Parameters
    ----------
    seconds
        The result of ``CONVERSATIONS_BEHIND``.
    """
    if seconds <= 0:
        return ""
    span = counted(seconds, "second") if seconds <= EXPECTED_SECONDS else counted(-(-seconds // 60), "minute")
    return f"conversations stored in the last {span} are not counted yet"


def newest_minute(tenant: str) -> str:
    """Return the statement of the newest minute of queries of the last days; no row: there is none.

    Recent windows are in time order, so it reads their end alone. ``tenant`` is a predicate.
    """
    return f"SELECT window_start AS newest FROM recent_query_windows WHERE {tenant} ORDER BY window_start DESC LIMIT 1"


def newest_hour(tenant: str) -> str:
    """Return the statement of the newest hour of queries, read from the end too; no row: there is none."""
    day = f"(SELECT toDate(hour_start) FROM query_hours WHERE {tenant} ORDER BY toDate(hour_start) DESC LIMIT 1)"
    hours = f"SELECT hour_start FROM query_hours WHERE {tenant} AND toDate(hour_start) = {day}"
    return f"SELECT hour_start AS newest FROM ({hours}) ORDER BY newest DESC LIMIT 1"


def query_hours(tenant: str, rollup: str) -> str:
    """Return a subquery of the stale (tenant, hour) of a roll-up of queries; ``tenant`` is a predicate."""
    touched = all_of(f"touched_at >= {since(rollup)}", tenant)
    return f"(SELECT user_id, hour_start FROM touched_query_hours WHERE {touched})"


def query_days(tenant: str, rollup: str) -> str:
    """Return a subquery of the stale (tenant, day) of a roll-up of queries."""
    touched = all_of(f"touched_at >= {since(rollup)}", tenant)
    return f"(SELECT user_id, toDateTime(toDate(hour_start), 'UTC') FROM touched_query_hours WHERE {touched})"


CONVERSATIONS_BEHIND: Final = f"""
SELECT if(count() = 0, 0, dateDiff('second', min(touched_at), now64(3, 'UTC'))) AS seconds
FROM touched_conversations
WHERE touched_at >= {since(CONVERSATION_FACTS)} + INTERVAL {MARGIN_SECONDS} SECOND
"""
"""Age in seconds of the oldest change to a conversation that is not in the roll-ups yet; 0: none."""
