"""How facts, sales, hours and days of conversations are brought up to date: the statements.

Everything follows the facts as those follow the events: a fact that is written anew tells its customer's sales and its
hour (migration 0017) to be made again. A row that no longer holds is marked as deleted.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from kpis.analyses.sales import CONVERSATION, CUSTOMER, MATTERS, SALE, sales_of
from kpis.rollups import conversation_measures as measures
from kpis.rollups import freshness
from kpis.rollups.conversation_fold import folded
from kpis.rollups.roll_up import VERSION, RollUp, in_portion, in_week, portions, weeks
from kpis.sources.conversation_counts import PARTS
from kpis.sources.conversations import DIMENSIONS, FACTS

_KEY: Final = "user_id, conversation_id, entered_at"
_PLACES: Final = "conversation_places"
_TOUCHES: Final = "touched_conversation_hours"
_CELL: Final = "part, value, channel, stage, data_used"
_NAMES: Final = ", ".join(measures.NAMES)
# Readers take conversations from these alone, so they are made again whenever the job runs.
_SOON: Final = timedelta(0)
# Conversations, or customers, of one portion: each of a few hundred bytes while it is folded.
_AT_A_TIME: Final = 200_000


def _conversation_places() -> RollUp:
    """Return where the facts are that were written before anyone noted it: once, before they are folded anew."""
    once = f"SELECT 1 AS once WHERE (SELECT count() FROM rollup_progress WHERE rollup = '{_PLACES}') = 0"
    insert = (
        f"INSERT INTO conversation_places ({_KEY}, customer, version) "
        f"SELECT {_KEY}, {CUSTOMER} AS customer, version FROM conversation_facts FINAL"
    )
    return RollUp(_PLACES, once, (insert,))


def _conversation_facts() -> RollUp:
    """Return facts, and where they are by conversation and by customer.

    What is found at another place than the fact that was just written is deleted there, and last of all it is forgotten
    that it was there: whoever dies in between begins again.
    """
    touched = (
        "(SELECT user_id, conversation_id FROM touched_conversations "
        f"WHERE touched_at >= {freshness.since(freshness.CONVERSATION_FACTS)} AND {in_portion('conversation_id')})"
    )
    written = (
        f"SELECT *, {CUSTOMER} AS customer FROM conversation_facts "
        f"WHERE version = {VERSION} AND is_deleted = 0 AND {in_portion('conversation_id')}"
    )
    # Of those that were written, not of those that were touched: some were touched a moment ago.
    elsewhere = (
        f"SELECT {_KEY}, customer FROM conversation_places FINAL "
        f"PREWHERE (user_id, conversation_id) IN (SELECT user_id, conversation_id FROM ({written})) "
        f"WHERE ({_KEY}, customer) NOT IN (SELECT {_KEY}, customer FROM ({written}))"
    )
    # Found once and then read back: another leader may note a place at any moment.
    gone = (
        f"(SELECT {_KEY}, customer FROM customer_conversations "
        f"WHERE version = {VERSION} AND is_deleted AND {in_portion('conversation_id')})"
    )
    fold = (
        f"INSERT INTO conversation_facts ({FACTS}, version) SELECT {FACTS}, {VERSION} AS version "
        f"FROM {folded(f'(user_id, conversation_id) IN {touched}')}"
    )
    to_customers = (
        f"INSERT INTO customer_conversations ({CONVERSATION}, version) SELECT {CONVERSATION}, {VERSION} AS version "
        f"FROM ({written}) WHERE {MATTERS}"
    )
    forget_gone = (
        f"INSERT INTO customer_conversations ({_KEY}, customer, version, is_deleted) "
        f"SELECT {_KEY}, customer, {VERSION}, 1 FROM ({elsewhere})"
    )
    forget_moved = (
        f"INSERT INTO conversation_facts ({_KEY}, version, is_deleted) SELECT {_KEY}, {VERSION}, 1 FROM {gone} "
        f"WHERE ({_KEY}) NOT IN (SELECT {_KEY} FROM ({written}))"
    )
    note_places = (
        f"INSERT INTO conversation_places ({_KEY}, customer, version, is_deleted) "
        f"SELECT {_KEY}, customer, {VERSION} AS version, 0 FROM ({written}) "
        f"UNION ALL SELECT {_KEY}, customer, {VERSION}, 1 FROM {gone}"
    )
    slices = portions(
        f"SELECT uniq(conversation_id) FROM touched_conversations "
        f"WHERE touched_at >= {freshness.since(freshness.CONVERSATION_FACTS)}",
        _AT_A_TIME,
    )
    statements = (fold, to_customers, forget_gone, forget_moved, note_places)
    return RollUp(freshness.CONVERSATION_FACTS, slices, statements, every=_SOON)


def _conversation_sales() -> RollUp:
    """Return the sales of customers of whom something was written anew."""
    since = f"version > {freshness.since('conversation_sales')}"
    touched = f"(SELECT user_id, customer FROM customer_conversations WHERE {since} AND {in_portion('customer')})"
    theirs = f"SELECT * FROM customer_conversations FINAL PREWHERE (user_id, customer) IN {touched}"
    key = "user_id, entered_at, conversation_id, customer"
    insert = (
        f"INSERT INTO conversation_sales ({SALE}, version) SELECT {SALE}, {VERSION} AS version "
        f"FROM {sales_of(f'({theirs})')}"
    )
    forget_gone = (
        f"INSERT INTO conversation_sales ({key}, version, is_deleted) SELECT {key}, {VERSION}, 1 "
        f"FROM (SELECT {key}, argMax(is_deleted, version) AS gone FROM customer_conversations "
        f"PREWHERE (user_id, customer) IN {touched} GROUP BY {key}) WHERE gone"
    )
    slices = portions(f"SELECT uniq(user_id, customer) FROM customer_conversations WHERE {since}", _AT_A_TIME)
    return RollUp("conversation_sales", slices, (insert, forget_gone), every=_SOON)


def _conversation_hours() -> RollUp:
    touched = _touched(freshness.CONVERSATION_HOURS, "user_id, hour_start")
    known = (
        "SELECT * FROM conversation_facts FINAL "
        f"PREWHERE {in_week('entered_at')} AND (user_id, toStartOfHour(entered_at)) IN {touched}"
    )
    ones = (
        f"SELECT user_id, entered_at, channel, stage, data_used, cell, {measures.of_one()} "
        f"FROM ({known}) ARRAY JOIN {_cells_of_one()} AS cell"
    )
    in_cells = (
        "SELECT user_id, toStartOfHour(entered_at) AS hour_start, cell.1 AS part, cell.2 AS value, channel, "
        f"if(cell.1 = '', o.stage, '') AS stage, data_used, {_NAMES} FROM ({ones}) AS o"
    )
    before = f"{_days_of_hours(freshness.CONVERSATION_HOURS)} AND (user_id, hour_start) IN {touched}"
    statements = (_made_again("hour", in_cells, before),)
    return RollUp(freshness.CONVERSATION_HOURS, weeks(freshness.CONVERSATION_HOURS, _TOUCHES), statements, every=_SOON)


def _touched(rollup: str, columns: str) -> str:
    return f"(SELECT {columns} FROM {_TOUCHES} WHERE touched_at >= {freshness.since(rollup)})"


def _days_of_hours(rollup: str) -> str:
    """Return the predicate of hours in touched days, in the order that they are sorted by."""
    days = _touched(rollup, "toDate(hour_start), user_id")
    return f"{in_week('hour_start')} AND (toDate(hour_start), user_id) IN {days}"


def _cells_of_one() -> str:
    """Return the cells that a conversation is in, as (part, value): that of all together, and one for each value."""
    parts = [
        f"arrayMap(one -> ('{part}', toString(one)), {column if DIMENSIONS[part].many else f'[{column}]'})"
        for part in PARTS
        for column in [DIMENSIONS[part].column]
    ]
    return f"arrayConcat([('', '')], {', '.join(parts)})"


def _conversation_days() -> RollUp:
    hours = (
        f"SELECT user_id, toStartOfDay(hour_start) AS day_start, {_CELL}, {measures.in_days('h')} "
        f"FROM conversation_hours AS h FINAL PREWHERE {_days_of_hours(freshness.CONVERSATION_DAYS)}"
    )
    touched = _touched(freshness.CONVERSATION_DAYS, "user_id, toDate(hour_start)")
    before = f"{in_week('day_start')} AND (user_id, toDate(day_start)) IN {touched}"
    return RollUp(
        freshness.CONVERSATION_DAYS, weeks(freshness.CONVERSATION_DAYS, _TOUCHES), (_made_again("day", hours, before),)
    )


def _made_again(unit: str, rows: str, before: str) -> str:
    """Return what adds ``rows`` up to cells, and marks those as deleted that were there ``before`` and are empty now.

    In one statement: a conversation that went from one cell to another must not be seen in both.
    """
    table, columns = f"conversation_{unit}s", f"user_id, {unit}_start, {_CELL}"
    return (
        f"INSERT INTO {table} ({columns}, {_NAMES}, version, is_deleted) "
        f"SELECT {columns}, {measures.added_up('o')}, {VERSION}, sum(o.conversations) = 0 "
        f"FROM (SELECT {columns}, {_NAMES} FROM ({rows}) "
        f"UNION ALL SELECT {columns}, {measures.NOTHING} FROM {table} FINAL PREWHERE {before}) AS o GROUP BY {columns}"
    )


CONVERSATION_PLACES: Final = _conversation_places()
CONVERSATION_FACTS: Final = _conversation_facts()
CONVERSATION_SALES: Final = _conversation_sales()
CONVERSATION_HOURS: Final = _conversation_hours()
CONVERSATION_DAYS: Final = _conversation_days()
