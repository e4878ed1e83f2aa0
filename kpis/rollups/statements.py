"""The statements that update the roll-ups; jobs/roll_ups.py runs them.

Each recomputes changed parts from deduplicated rows and writes them with a higher version: repeated or concurrent runs
end in the same rows.
"""

from __future__ import annotations

from typing import Final

from kpis.rollups import freshness
from kpis.rollups.conversation_rollups import (
    CONVERSATION_DAYS,
    CONVERSATION_FACTS,
    CONVERSATION_HOURS,
    CONVERSATION_PLACES,
    CONVERSATION_SALES,
)
from kpis.rollups.conversation_steps import CONVERSATION_STEPS, CUSTOMER_CONVERSATIONS
from kpis.rollups.roll_up import VERSION, RollUp, in_week, weeks
from kpis.sources.queries import windows
from kpis.sql.templates import Templates
from models.measures import WINDOW_SUMS

_SQL: Final = Templates("kpis.rollups", "query_rollups.sql")
_TOUCHES: Final = "touched_query_hours"
_KEYS: Final = "user_id, integration_provider, query_type"
_MEASURES: Final = ", ".join((*WINDOW_SUMS, "response_time_histogram"))
_ADDED_UP: Final = ", ".join(
    [
        *(f"sum(w.{name}) AS {name}" for name in WINDOW_SUMS),
        "sumMap(w.response_time_histogram.1, w.response_time_histogram.2) AS response_time_histogram",
    ]
)
_COLUMNS: Final = {"keys": _KEYS, "measures": _MEASURES, "version": VERSION, "added_up": _ADDED_UP}


def _query_hours() -> RollUp:
    touched = freshness.query_hours("true", "query_hours")
    where = _SQL.render("touched_windows", in_week=in_week("window_start"), touched=touched)
    insert = _SQL.render("hours", windows=windows(f"{_KEYS}, window_start AS at, {_MEASURES}", where), **_COLUMNS)
    return RollUp("query_hours", weeks("query_hours", _TOUCHES), (insert,))


def _query_days() -> RollUp:
    touched = freshness.query_days("true", "query_days")
    insert = _SQL.render("days", in_week=in_week("hour_start"), touched=touched, **_COLUMNS)
    return RollUp("query_days", weeks("query_days", _TOUCHES), (insert,))


QUERY_HOURS: Final = _query_hours()
QUERY_DAYS: Final = _query_days()

# Order of execution. Roll-ups of a group reflect the same time; the second group runs after the first has written the
# facts that mark its hours as changed.
GROUPS: Final = (
    (
        QUERY_HOURS,
        QUERY_DAYS,
        CONVERSATION_PLACES,
        CUSTOMER_CONVERSATIONS,
        CONVERSATION_FACTS,
        CONVERSATION_SALES,
        CONVERSATION_STEPS,
    ),
    (CONVERSATION_HOURS, CONVERSATION_DAYS),
)
