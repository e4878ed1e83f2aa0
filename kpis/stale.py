"""What roll-ups do not know yet: whatever was touched since they were last brought up to date.

A reader takes stale parts from the events (or windows) themselves, so a figure is the same whether the roll-ups are up
to date, hours behind or empty; only its cost differs.
"""

from __future__ import annotations

from typing import Final

# An insert notes its touch a moment before its rows can be read. This is longer than any insert may take.
MARGIN_SECONDS: Final = 60


def since(rollup: str) -> str:
    """Return the moment from which on touches are not in a roll-up."""
    return f"(SELECT max(reflects) - INTERVAL {MARGIN_SECONDS} SECOND FROM rollup_progress WHERE rollup = '{rollup}')"


def query_hours(tenant: str, rollup: str) -> str:
    """Return a subquery of the (tenant, hour) that a roll-up of queries does not know; ``tenant`` is a predicate."""
    return f"(SELECT user_id, hour_start FROM touched_query_hours WHERE touched_at >= {since(rollup)} AND {tenant})"


def query_days(tenant: str, rollup: str) -> str:
    """Return a subquery of the (tenant, day) that a roll-up of queries does not know."""
    return (
        "(SELECT user_id, toDateTime(toDate(hour_start), 'UTC') FROM touched_query_hours "
        f"WHERE touched_at >= {since(rollup)} AND {tenant})"
    )


def conversations(tenant: str, rollup: str = "conversation_facts") -> str:
    """Return a subquery of the ids of conversations that the facts do not know.

    Without their tenant: of two tenants whose conversations have the same id, both are taken from the events, and one
    id is found in half the time of two.
    """
    return f"(SELECT conversation_id FROM touched_conversations WHERE touched_at >= {since(rollup)} AND {tenant})"


def conversation_hours(tenant: str) -> str:
    """Return a subquery of the (tenant, hour) whose facts were written anew since hours of conversations were made.

    Without the margin: facts are inserted by the job itself, which waits for its insert before it makes the hours.
    """
    return (
        "(SELECT user_id, hour_start FROM touched_conversation_hours "
        f"WHERE touched_at >= {_reflects('conversation_hours')} AND {tenant})"
    )


def conversation_days(tenant: str) -> str:
    """Return a subquery of the (tenant, day) with an hour that the days of conversations do not know."""
    return (
        "(SELECT user_id, toDateTime(toDate(hour_start), 'UTC') FROM touched_conversation_hours "
        f"WHERE touched_at >= {_reflects('conversation_days')} AND {tenant})"
    )


def _reflects(rollup: str) -> str:
    return f"(SELECT max(reflects) FROM rollup_progress WHERE rollup = '{rollup}')"
