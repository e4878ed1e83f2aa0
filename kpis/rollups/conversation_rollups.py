"""The statements that update facts, sales, hours and days of conversations.

A rewritten fact marks its customer's sales and its hour (migration 0017) for recomputation. An obsolete row is marked
as deleted.
"""

from __future__ import annotations

from typing import Final

from kpis.analyses.sales import CONVERSATION, CUSTOMER, MATTERS, SALE, sales_of
from kpis.rollups import conversation_measures as measures
from kpis.rollups import freshness
from kpis.rollups.conversation_fold import folded
from kpis.rollups.roll_up import AT_A_TIME, SOON, VERSION, RollUp, in_portion, in_week, portions, weeks
from kpis.sources.conversation_counts import AT_A_STAGE, PARTS
from kpis.sources.conversations import DIMENSIONS, FACTS
from kpis.sql.templates import Templates

_SQL: Final = Templates("kpis.rollups", "conversation_rollups.sql")
_KEY: Final = "user_id, conversation_id, entered_at"
_PLACES: Final = "conversation_places"
_TOUCHES: Final = "touched_conversation_hours"
_SALE_KEY: Final = "user_id, entered_at, conversation_id, customer"
_DAY_OF_HOUR: Final = "user_id, toDate(hour_start)"
_CELL: Final = "part, value, channel, stage, data_used"
_NAMES: Final = ", ".join(measures.NAMES)


def _conversation_places() -> RollUp:
    """Return the roll-up that records the places of facts written before places were recorded; it runs once."""
    insert = _SQL.render("places", key=_KEY, customer=CUSTOMER)
    return RollUp(_PLACES, _SQL.render("places_once", rollup=_PLACES), (insert,))


def _conversation_facts() -> RollUp:
    """Return the roll-up of facts, and of their places by conversation and by customer.

    A row at another place than the fact that was just written is deleted there, and only then is the place itself
    forgotten: a run that dies in between begins again.
    """
    since, portion = freshness.since(freshness.CONVERSATION_FACTS), in_portion("conversation_id")
    touched = _SQL.render("touched_conversations", since=since, in_portion=portion)
    written = _SQL.render("written", customer=CUSTOMER, version=VERSION, in_portion=portion)
    gone = _SQL.render("gone", key=_KEY, version=VERSION, in_portion=portion)
    elsewhere = _SQL.render("elsewhere", key=_KEY, written=written)
    common = {"key": _KEY, "version": VERSION, "written": written, "gone": gone}
    fold = folded(f"(user_id, conversation_id) IN {touched}")
    statements = (
        _SQL.render("fold", facts=FACTS, version=VERSION, folded=fold),
        _SQL.render("to_customers", conversation=CONVERSATION, **common),
        _SQL.render("forget_gone", elsewhere=elsewhere, **common),
        _SQL.render("forget_moved", **common),
        _SQL.render("note_places", **common),
    )
    slices = portions(_SQL.render("count_touched_conversations", since=since), AT_A_TIME)
    return RollUp(freshness.CONVERSATION_FACTS, slices, statements, every=SOON)


def _conversation_sales() -> RollUp:
    """Return the roll-up of the sales of customers with changed conversations."""
    since = freshness.since("conversation_sales")
    touched = _SQL.render("touched_customers", since=since, in_portion=in_portion("customer"))
    theirs = _SQL.render("conversations_of_touched_customers", touched=touched, matters=MATTERS)
    statements = (
        _SQL.render("sales", sale=SALE, version=VERSION, sales=sales_of(f"({theirs})")),
        _SQL.render("forget_sales", sale_key=_SALE_KEY, version=VERSION, touched=touched),
    )
    slices = portions(_SQL.render("count_touched_customers", since=since), AT_A_TIME)
    return RollUp("conversation_sales", slices, statements, every=SOON)


def _conversation_hours() -> RollUp:
    touched = _touched(freshness.CONVERSATION_HOURS, "user_id, hour_start")
    facts = _SQL.render("facts_of_touched_hours", in_week=in_week("entered_at"), touched=touched)
    with_stage = ", ".join(f"'{part}'" for part in ("", *sorted(AT_A_STAGE)))
    cells = _SQL.render(
        "cells",
        names=_NAMES,
        of_one=measures.of_one(),
        facts=facts,
        cells_of_one=_cells_of_one(),
        with_stage=with_stage,
    )
    before = f"{_days_of_hours(freshness.CONVERSATION_HOURS)} AND (user_id, hour_start) IN {touched}"
    statements = (_replace_cells("hour", cells, before),)
    return RollUp(freshness.CONVERSATION_HOURS, weeks(freshness.CONVERSATION_HOURS, _TOUCHES), statements, every=SOON)


def _conversation_days() -> RollUp:
    rollup = freshness.CONVERSATION_DAYS
    rows = _SQL.render("hours_in_days", cell=_CELL, in_days=measures.in_days("h"), touched_hours=_days_of_hours(rollup))
    before = f"{in_week('day_start')} AND (user_id, toDate(day_start)) IN {_touched(rollup, _DAY_OF_HOUR)}"
    return RollUp(rollup, weeks(rollup, _TOUCHES), (_replace_cells("day", rows, before),))


def _touched(rollup: str, columns: str) -> str:
    return _SQL.render("touched_hours", columns=columns, since=freshness.since(rollup))


def _days_of_hours(rollup: str) -> str:
    """Return the predicate of hours in touched days, in the order that they are sorted by."""
    days = _touched(rollup, "toDate(hour_start), user_id")
    return f"{in_week('hour_start')} AND (toDate(hour_start), user_id) IN {days}"


def _cells_of_one() -> str:
    """Return the cells of a conversation as (part, value): the total, and one for each value."""
    parts = [
        f"arrayMap(one -> ('{part}', toString(one)), {_values(part, column)})"
        for part in PARTS
        for column in [DIMENSIONS[part].column]
    ]
    return f"arrayConcat([('', '')], {', '.join(parts)})"


def _values(part: str, column: str) -> str:
    """Return the values of a conversation; '' of one without gaps, which others are compared with."""
    if part == "gap":
        return f"if(empty({column}), [''], {column})"
    return column if DIMENSIONS[part].many else f"[{column}]"


def _replace_cells(unit: str, rows: str, before: str) -> str:
    """Return the statement that replaces cells of hours or days; ``before`` is the predicate of the present cells."""
    return _SQL.render(
        "replace_cells",
        table=f"conversation_{unit}s",
        columns=f"user_id, {unit}_start, {_CELL}",
        names=_NAMES,
        added_up=measures.added_up("o"),
        nothing=measures.NOTHING,
        version=VERSION,
        rows=rows,
        before=before,
    )


CONVERSATION_PLACES: Final = _conversation_places()
CONVERSATION_FACTS: Final = _conversation_facts()
CONVERSATION_SALES: Final = _conversation_sales()
CONVERSATION_HOURS: Final = _conversation_hours()
CONVERSATION_DAYS: Final = _conversation_days()
