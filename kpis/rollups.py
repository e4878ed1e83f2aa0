"""How roll-ups are brought up to date: the statements, without anyone to run them (that is streams/rollup_job.py).

Each recomputes what was touched from deduplicated rows and writes it with a higher version: running one twice, or
two at once, ends in the same rows.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from kpis import stale
from kpis.sources.conversations import FACTS
from kpis.sources.queries import windows

_VERSION: Final = "{reflects:DateTime64(3, 'UTC')}"
_KEYS: Final = "user_id, integration_provider, query_type"
_SUMS: Final = (
    "queries",
    "successes",
    "response_time_ms_sum",
    "data_freshness_hours_sum",
    "data_freshness_hours_count",
    "ai_confidence_score_sum",
    "ai_confidence_score_count",
    "customer_satisfaction_impact_sum",
    "customer_satisfaction_impact_count",
)
_MEASURES: Final = ", ".join((*_SUMS, "response_time_histogram"))
_ADDED_UP: Final = ", ".join(
    [
        *(f"sum(w.{name}) AS {name}" for name in _SUMS),
        "sumMap(w.response_time_histogram.1, w.response_time_histogram.2) AS response_time_histogram",
    ]
)
_SLICE: Final = "{slice:Date}"


class RollUp(NamedTuple):
    """One roll-up.

    ``slices`` returns in what portions to work, so that memory stays bounded after a long absence; each of
    ``statements`` runs once for each portion with the parameters ``reflects`` (the moment that the work is up to) and
    ``slice``.
    """

    name: str
    slices: str
    statements: tuple[str, ...]


def _slices(rollup: str) -> str:
    return (
        "SELECT DISTINCT toMonday(hour_start) AS slice FROM touched_query_hours "
        f"WHERE touched_at >= {stale.since(rollup)} ORDER BY slice"
    )


def _in_slice(column: str) -> str:
    monday = f"toDateTime({_SLICE}, 'UTC')"
    return f"{column} >= {monday} AND {column} < {monday} + INTERVAL 7 DAY"


def _query_hours() -> RollUp:
    touched = stale.query_hours("true", "query_hours")
    where = f"{_in_slice('window_start')} AND (user_id, toStartOfHour(window_start)) IN {touched}"
    insert = (
        f"INSERT INTO query_hours ({_KEYS}, hour_start, version, {_MEASURES}) "
        f"SELECT {_KEYS}, toStartOfHour(w.at) AS hour_start, {_VERSION} AS version, {_ADDED_UP} "
        f"FROM ({windows(_MEASURES, where)}) AS w GROUP BY {_KEYS}, hour_start"
    )
    return RollUp("query_hours", _slices("query_hours"), (insert,))


def _query_days() -> RollUp:
    touched = stale.query_days("true", "query_days")
    where = f"{_in_slice('hour_start')} AND (user_id, toDateTime(toDate(hour_start), 'UTC')) IN {touched}"
    insert = (
        f"INSERT INTO query_days ({_KEYS}, day_start, version, {_MEASURES}) "
        f"SELECT {_KEYS}, toStartOfDay(w.hour_start) AS day_start, {_VERSION} AS version, {_ADDED_UP} "
        f"FROM (SELECT * FROM query_hours FINAL WHERE {where}) AS w GROUP BY {_KEYS}, day_start"
    )
    return RollUp("query_days", _slices("query_days"), (insert,))


def _conversation_facts() -> RollUp:
    touched = (
        "(SELECT user_id, conversation_id FROM touched_conversations "
        f"WHERE touched_at >= {stale.since('conversation_facts')} AND toDate(touched_at) = {_SLICE})"
    )
    return RollUp(
        "conversation_facts",
        f"SELECT DISTINCT toDate(touched_at) AS slice FROM touched_conversations "
        f"WHERE touched_at >= {stale.since('conversation_facts')} ORDER BY slice",
        (_fold(touched), _forget_moved(touched)),
    )


def _fold(touched: str) -> str:
    return (
        f"INSERT INTO conversation_facts ({FACTS}, version) SELECT {FACTS}, {_VERSION} AS version "
        f"FROM conversation_folded WHERE (user_id, conversation_id) IN {touched}"
    )


def _forget_moved(touched: str) -> str:
    """Return what deletes the rows at moments that are no longer the entry: those that were not written anew."""
    oldest = f"(SELECT min(entered_at) FROM conversation_facts WHERE version = {_VERSION})"
    return (  # without aliases: they would hide the columns in WHERE
        "INSERT INTO conversation_facts (user_id, conversation_id, entered_at, version, is_deleted) "
        f"SELECT user_id, conversation_id, entered_at, {_VERSION}, 1 FROM conversation_facts FINAL "
        f"WHERE version < {_VERSION} AND entered_at > {oldest} AND (user_id, conversation_id) IN {touched}"
    )


QUERY_HOURS: Final = _query_hours()
QUERY_DAYS: Final = _query_days()
CONVERSATION_FACTS: Final = _conversation_facts()

# In this order: days are made of hours.
ALL: Final = (QUERY_HOURS, QUERY_DAYS, CONVERSATION_FACTS)
