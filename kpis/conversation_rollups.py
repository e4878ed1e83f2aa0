"""How facts, hours and days of conversations are brought up to date: the statements.

Hours follow the facts as those follow the events: a fact that is written anew touches its hour (migration 0017), and
the touched hours are counted again. Cells of them that nobody is in any more are marked as deleted.
"""

from __future__ import annotations

from typing import Final

from kpis import conversation_measures as measures
from kpis import stale
from kpis.conversation_fold import folded
from kpis.rollup import SLICE, VERSION, RollUp, in_week, weeks
from kpis.sources.conversation_counts import PARTS
from kpis.sources.conversations import DIMENSIONS, FACTS

_TOUCHES: Final = "touched_conversation_hours"
_CELL: Final = "part, value, channel, stage, data_used"
_NAMES: Final = ", ".join(measures.NAMES)


def _conversation_facts() -> RollUp:
    touched = (
        "(SELECT conversation_id FROM touched_conversations "
        f"WHERE touched_at >= {stale.since('conversation_facts')} AND toDate(touched_at) = {SLICE})"
    )
    return RollUp(
        "conversation_facts",
        f"SELECT DISTINCT toDate(touched_at) AS slice FROM touched_conversations "
        f"WHERE touched_at >= {stale.since('conversation_facts')} ORDER BY slice",
        (_fold(touched), _forget_moved(touched)),
    )


def _fold(touched: str) -> str:
    return (
        f"INSERT INTO conversation_facts ({FACTS}, version) SELECT {FACTS}, {VERSION} AS version "
        f"FROM {folded(f'conversation_id IN {touched}')}"
    )


def _forget_moved(touched: str) -> str:
    """Return what deletes the rows at moments that are no longer the entry: those that were not written anew."""
    oldest = f"(SELECT min(entered_at) FROM conversation_facts WHERE version = {VERSION})"
    return (  # without aliases: they would hide the columns in WHERE
        "INSERT INTO conversation_facts (user_id, conversation_id, entered_at, version, is_deleted) "
        f"SELECT user_id, conversation_id, entered_at, {VERSION}, 1 FROM conversation_facts FINAL "
        f"WHERE version < {VERSION} AND entered_at > {oldest} AND conversation_id IN {touched}"
    )


def _conversation_hours() -> RollUp:
    touched = f"(SELECT user_id, hour_start FROM {_TOUCHES} WHERE touched_at >= {stale.since('conversation_hours')})"
    known = (
        "SELECT * FROM conversation_facts FINAL "
        f"PREWHERE {in_week('entered_at')} AND (user_id, toStartOfHour(entered_at)) IN {touched}"
    )
    ones = (
        f"SELECT user_id, entered_at, channel, stage, data_used, cell, {measures.of_one('1')} "
        f"FROM ({known}) ARRAY JOIN {_cells_of_one()} AS cell"
    )
    columns = f"user_id, hour_start, {_CELL}"
    insert = (
        f"INSERT INTO conversation_hours ({columns}, {_NAMES}, version) "
        "SELECT user_id, toStartOfHour(o.entered_at) AS hour_start, o.cell.1 AS part, o.cell.2 AS value, channel, "
        f"if(o.cell.1 = '', o.stage, '') AS stage, data_used, {measures.added_up('o')}, {VERSION} "
        f"FROM ({ones}) AS o GROUP BY {columns}"
    )
    forget = _forget("conversation_hours", columns, f"{in_week('hour_start')} AND (user_id, hour_start) IN {touched}")
    return RollUp("conversation_hours", weeks("conversation_hours", _TOUCHES), (insert, forget))


def _cells_of_one() -> str:
    """Return the cells that a conversation is in, as (part, value): that of all together, and one for each value."""
    parts = [
        f"arrayMap(one -> ('{part}', toString(one)), {column if DIMENSIONS[part].many else f'[{column}]'})"
        for part in PARTS
        for column in [DIMENSIONS[part].column]
    ]
    return f"arrayConcat([('', '')], {', '.join(parts)})"


def _conversation_days() -> RollUp:
    touched = (
        f"(SELECT user_id, toDateTime(toDate(hour_start), 'UTC') FROM {_TOUCHES} "
        f"WHERE touched_at >= {stale.since('conversation_days')})"
    )
    hours = (
        "SELECT *, toStartOfDay(hour_start) AS day_start FROM conversation_hours FINAL "
        f"WHERE {in_week('hour_start')} AND (user_id, toDateTime(toDate(hour_start), 'UTC')) IN {touched}"
    )
    columns = f"user_id, day_start, {_CELL}"
    insert = (
        f"INSERT INTO conversation_days ({columns}, {_NAMES}, version) "
        f"SELECT {columns}, {measures.added_up('o')}, {VERSION} FROM ({hours}) AS o GROUP BY {columns}"
    )
    forget = _forget("conversation_days", columns, f"{in_week('day_start')} AND (user_id, day_start) IN {touched}")
    return RollUp("conversation_days", weeks("conversation_days", _TOUCHES), (insert, forget))


def _forget(table: str, columns: str, touched: str) -> str:
    """Return what deletes the cells that were not written anew."""
    return (
        f"INSERT INTO {table} ({columns}, version, is_deleted) SELECT {columns}, {VERSION}, 1 "
        f"FROM {table} FINAL WHERE version < {VERSION} AND {touched}"
    )


CONVERSATION_FACTS: Final = _conversation_facts()
CONVERSATION_HOURS: Final = _conversation_hours()
CONVERSATION_DAYS: Final = _conversation_days()
