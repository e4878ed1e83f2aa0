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
from models.measures import WINDOW_SUMS

_TOUCHES: Final = "touched_query_hours"
_KEYS: Final = "user_id, integration_provider, query_type"
_MEASURES: Final = ", ".join((*WINDOW_SUMS, "response_time_histogram"))
_ADDED_UP: Final = ", ".join(
    [
        *(f"sum(w.{name}) AS {name}" for name in WINDOW_SUMS),
        "sumMap(w.response_time_histogram.1, w.response_time_histogram.2) AS response_time_histogram",
    ]
)


def _query_hours() -> RollUp:
    touched = freshness.query_hours("true", "query_hours")
    where = f"{in_week('window_start')} AND (user_id, toStartOfHour(window_start)) IN {touched}"
    insert = (
        f"INSERT INTO query_hours ({_KEYS}, hour_start, version, {_MEASURES}) "
        f"SELECT {_KEYS}, toStartOfHour(w.at) AS hour_start, {VERSION} AS version, {_ADDED_UP} "
        f"FROM ({windows(_MEASURES, where)}) AS w GROUP BY {_KEYS}, hour_start"
    )
    return RollUp("query_hours", weeks("query_hours", _TOUCHES), (insert,))


def _query_days() -> RollUp:
    touched = freshness.query_days("true", "query_days")
    where = f"{in_week('hour_start')} AND (user_id, toDateTime(toDate(hour_start), 'UTC')) IN {touched}"
    insert = (
        f"INSERT INTO query_days ({_KEYS}, day_start, version, {_MEASURES}) "
        f"SELECT {_KEYS}, toStartOfDay(w.hour_start) AS day_start, {VERSION} AS version, {_ADDED_UP} "
        f"FROM (SELECT * FROM query_hours FINAL WHERE {where}) AS w GROUP BY {_KEYS}, day_start"
    )
    return RollUp("query_days", weeks("query_days", _TOUCHES), (insert,))


QUERY_HOURS: Final = _query_hours()
QUERY_DAYS: Final = _query_days()

# In this order: days are made of hours. Those of a group reflect the same moment; that of the second group is after the
# first has written the facts which touch its hours.
GROUPS: Final = (
    (QUERY_HOURS, QUERY_DAYS, CONVERSATION_PLACES, CONVERSATION_FACTS, CONVERSATION_SALES),
    (CONVERSATION_HOURS, CONVERSATION_DAYS),
)
