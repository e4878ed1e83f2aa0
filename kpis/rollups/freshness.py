"""What roll-ups do not know yet: whatever was touched since they were last brought up to date.

A reader of queries takes stale hours from the windows themselves, so a figure is the same whether the roll-ups are up
to date, hours behind or empty; only its cost differs.
"""

from __future__ import annotations

from typing import Final

from models.counting import counted

# An insert notes its touch a moment before its rows can be read. This is longer than any insert may take.
MARGIN_SECONDS: Final = 60
EXPECTED_SECONDS: Final = 60
"""The leading worker rolls up every half minute: less than this is nothing to repair."""

# Who changes what a roll-up keeps gives it another name: then it is made again from nothing, whoever made it before.
CONVERSATION_FACTS: Final = "conversation_facts_2"
CONVERSATION_HOURS: Final = "conversation_hours_2"
CONVERSATION_DAYS: Final = "conversation_days_2"


def since(rollup: str) -> str:
    """Return the moment from which on touches are not in a roll-up."""
    return f"(SELECT max(reflects) - INTERVAL {MARGIN_SECONDS} SECOND FROM rollup_progress WHERE rollup = '{rollup}')"


def uncounted(seconds: int) -> str:
    """Return in words how far figures of conversations are behind; nothing where every stored one is counted.

    Parameters
    ----------
    seconds
        What ``CONVERSATIONS_BEHIND`` answers.
    """
    if seconds <= 0:
        return ""
    span = counted(seconds, "second") if seconds <= EXPECTED_SECONDS else counted(-(-seconds // 60), "minute")
    return f"conversations stored in the last {span} are not counted yet"


def query_hours(tenant: str, rollup: str) -> str:
    """Return a subquery of the (tenant, hour) that a roll-up of queries does not know; ``tenant`` is a predicate."""
    return f"(SELECT user_id, hour_start FROM touched_query_hours WHERE touched_at >= {since(rollup)} AND {tenant})"


def query_days(tenant: str, rollup: str) -> str:
    """Return a subquery of the (tenant, day) that a roll-up of queries does not know."""
    return (
        "(SELECT user_id, toDateTime(toDate(hour_start), 'UTC') FROM touched_query_hours "
        f"WHERE touched_at >= {since(rollup)} AND {tenant})"
    )


CONVERSATIONS_BEHIND: Final = f"""
SELECT if(count() = 0, 0, dateDiff('second', min(touched_at), now64(3, 'UTC'))) AS seconds
FROM touched_conversations
WHERE touched_at >= {since(CONVERSATION_FACTS)} + INTERVAL {MARGIN_SECONDS} SECOND
"""
"""How many seconds ago the first conversation was written to that facts, hours and days do not know yet; 0: none."""
