"""How roll-ups are brought up to date: the statements, without anyone to run them (that is jobs/roll_ups.py).

Each recomputes what was touched from deduplicated rows and writes it with a higher version: running one twice, or
two at once, ends in the same rows.
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
    insert = _SQL.render("hours", windows=windows(_MEASURES, where), **_COLUMNS)
    return RollUp("query_hours", weeks("query_hours", _TOUCHES), (insert,))


def _query_days() -> RollUp:
    touched = freshness.query_days("true", "query_days")
    insert = _SQL.render("days", in_week=in_week("hour_start"), touched=touched, **_COLUMNS)
    return RollUp("query_days", weeks("query_days", _TOUCHES), (insert,))


QUERY_HOURS: Final = _query_hours()
QUERY_DAYS: Final = _query_days()

# In this order: days are made of hours. Those of a group reflect the same moment; that of the second group is after the
# first has written the facts which touch its hours.
GROUPS: Final = (
    (QUERY_HOURS, QUERY_DAYS, CONVERSATION_PLACES, CONVERSATION_FACTS, CONVERSATION_SALES),
    (CONVERSATION_HOURS, CONVERSATION_DAYS),
)
