"""Counts of conversations from days and hours of the roll-ups; single conversations only for the ends of a range.

The roll-ups follow the events within half a minute (docs/adr/0011-roll-ups.md). Events are never read here.
"""

from __future__ import annotations

from typing import Final, NamedTuple, Self

from kpis.kpi import Source
from kpis.rollups import conversation_measures as measures
from kpis.scope import Interval
from kpis.sources.conversations import DIMENSIONS, facts
from kpis.sql.predicates import all_of
from kpis.sql.query_context import QueryContext

# Dimensions of a cell (migration 0017): all of these, or one of the parts with a few of them.
_BESIDE_A_PART: Final = frozenset({"tenant", "channel", "data_used"})
_TOGETHER: Final = _BESIDE_A_PART | {"stage"}
AT_A_STAGE: Final = frozenset({"data_type", "gap"})
"""The parts whose cells tell stages apart too."""
PARTS: Final = ("provider", "country", "segment", "data_type", "gap", "outcome", "handled_by", "handoff_reason")

# Column of a dimension -> column of a cell. Columns that map to "value" are read only from cells of their part.
_LABELS: Final = {
    "user_id": "user_id",
    "channel": "channel",
    "country": "value",
    "customer_segment": "value",
    "stage": "stage",
    "data_used": "data_used",
    "providers": "[value]",
    "queried_providers": "[]",  # in no cell: read from single conversations
    "data_types": "[value]",
    "gaps": "arrayFilter(one -> one != '', [value])",
    "outcome": "value",
    "handled_by": "value",
    "handoff_reason": "value",
}
_NO_PART: Final = "none"
COLUMNS: Final = measures.COLUMNS | _LABELS.keys()
"""What a query may read: the measures, and the columns of the dimensions."""
# Days before this time are read from the daily roll-up. It is updated once a minute; an hour leaves a margin.
_DAYS_ARE_MADE: Final = "toStartOfDay(now('UTC') - INTERVAL 1 HOUR)"


class _Columns(NamedTuple):
    """The columns that a query reads, splits or filters by."""

    labels: tuple[str, ...]
    names: tuple[str, ...]

    @classmethod
    def of(cls, asked: QueryContext) -> Self:
        """Return the columns of ``asked.reads``, of the split and of the filters; the tenant's is always one."""
        labels = {"user_id", *asked.reads, *(DIMENSIONS[name].column for name in (*asked.by, *asked.filters))}
        return cls(tuple(label for label in _LABELS if label in labels), measures.stored(asked.reads))

    @property
    def of_one(self) -> str:
        """Return the columns of a row of facts."""
        return ", ".join([*self.labels, "toDateTime(entered_at, 'UTC') AS at", measures.of_one(self.names)])

    def of_cell(self, at: str) -> str:
        """Return the columns of a row of a roll-up."""
        return ", ".join([*(f"{_LABELS[one]} AS {one}" for one in self.labels), f"{at} AS at", *self.names])


def counts(asked: QueryContext) -> str:
    """Return rows with ``at``, and the columns that are read, split by or filtered by (``COLUMNS``)."""
    if not asked.reads <= COLUMNS:
        raise ValueError(f"conversations have no column {', '.join(sorted(asked.reads - COLUMNS))}")
    columns, chosen = _Columns.of(asked), _part(asked)
    # Looked up once where it is not certain: planning its long expression for each table takes as long as the rest.
    part = chosen if chosen is None or "(" not in chosen else "cells_of"
    found = "" if part == chosen else f"WITH assumeNotNull((SELECT {chosen})) AS {part} "
    ones = f"SELECT {columns.of_one} FROM {facts(asked)}"
    if part is None:
        rows = ones
    elif part.startswith("'") and asked.dialect.ends_on_hours and not asked.cut:
        rows = " UNION ALL ".join(_cells(asked, part, columns))
    else:
        rows = " UNION ALL ".join([*_cells(asked, part, columns), f"{ones} WHERE {_beside(asked, part)}"])
    derived = measures.derived(asked.dialect, asked.reads)
    where = f" WHERE {asked.where(DIMENSIONS)}" if asked.filters else ""  # the tenant's is in every part
    return (
        f"({found}SELECT {', '.join(['*', *derived])} FROM ({rows}){where})" if derived or where else f"({found}{rows})"
    )


def _part(asked: QueryContext) -> str | None:
    """Return the part whose cells can be used, as a constant expression; ``None`` where none can."""
    fits = asked.every is None or (asked.every is not Interval.MINUTE and asked.dialect.hours_fit)
    if not (asked.rolled_up and fits) or (asked.apart and any(DIMENSIONS[name].many for name in asked.by)):
        return None
    choices: list[tuple[str, str]] = []
    answered: list[set[str]] = []
    for part in ("", *PARTS):
        told_apart = _told_apart(part)
        if not set(asked.by) <= told_apart:
            continue
        conditions = [asked.dialect.unnarrowed(name) for name in asked.filters if name not in told_apart]
        if (
            part in asked.filters and DIMENSIONS[part].many
        ):  # a conversation with two of the values must not count twice
            conditions.append(asked.dialect.by_one_value(part))
        # What holds only where an earlier choice holds, too, is never chosen.
        if "false" not in conditions and not any(earlier <= set(conditions) for earlier in answered):
            answered.append(set(conditions))
            choices.append((" AND ".join(one for one in conditions if one != "true") or "true", part))
    if not choices:
        return None
    if choices[0][0] == "true":
        return f"'{choices[0][1]}'"
    return f"multiIf({', '.join(f'{condition}, {part!r}' for condition, part in choices)}, '{_NO_PART}')"


def _told_apart(part: str) -> frozenset[str]:
    """Return the dimensions that the cells of a part tell apart."""
    if part == "":
        return _TOGETHER
    return (_TOGETHER if part in AT_A_STAGE else _BESIDE_A_PART) | {part}


def _cells(asked: QueryContext, part: str, columns: _Columns) -> list[str]:
    """Return whole days and the remaining whole hours; only hours where the steps of a series are shorter than days."""
    tenant, start, end = asked.dialect.tenant("user_id"), asked.dialect.start, asked.dialect.end
    first_hour, last_hour = _whole_hours(asked)
    first_day, last_day = f"toStartOfDay({start} + 86399)", f"least(toStartOfDay({end}), {_DAYS_ARE_MADE})"
    with_days = asked.every is None or (asked.every is not Interval.HOUR and asked.dialect.days_fit)
    day_apart, hour_apart, of_day = _cut(asked)
    not_in_days = f"AND (hour_start < {first_day} OR hour_start >= {last_day}{of_day})" if with_days else ""
    cell = all_of(f"part = {part}", tenant)
    hours = (
        f"SELECT {columns.of_cell('hour_start')} FROM conversation_hours FINAL PREWHERE {cell} "
        f"AND hour_start >= {first_hour} AND hour_start < {last_hour} {not_in_days}{hour_apart}"
    )
    days = (
        f"SELECT {columns.of_cell('day_start')} FROM conversation_days FINAL PREWHERE {cell} "
        f"AND day_start >= {first_day} AND day_start < {last_day}{day_apart}"
    )
    return [days, hours] if with_days else [hours]


def _cut(asked: QueryContext) -> tuple[str, str, str]:
    """Return what leaves out the day and the hour that a cut is within, and what takes that day's hours instead."""
    if not asked.cut:
        return "", "", ""
    day, hour = f"toStartOfDay({asked.cut})", f"toStartOfHour({asked.cut})"
    return (
        f" AND (day_start != {day} OR {day} = {asked.cut})",
        f" AND (hour_start != {hour} OR {hour} = {asked.cut})",
        f" OR ({day} < {asked.cut} AND toStartOfDay(hour_start) = {day})",
    )


def _beside(asked: QueryContext, part: str) -> str:
    """Return the predicate of single conversations that no cell covers.

    Each end is constant false where it is a whole hour, because the index alone would not exclude it.
    """
    start, end = asked.dialect.start, asked.dialect.end
    first_hour, last_hour = _whole_hours(asked)
    ends = (
        f"({start} < {first_hour} AND entered_at < {first_hour}) OR ({last_hour} < {end} AND entered_at >= {last_hour})"
    )
    if asked.cut:
        hour = f"toStartOfHour({asked.cut})"
        ends += f" OR ({hour} < {asked.cut} AND entered_at >= {hour} AND entered_at < {hour} + INTERVAL 1 HOUR)"
    return f"({ends})" if part.startswith("'") else f"({part} = '{_NO_PART}' OR {ends})"


def _whole_hours(asked: QueryContext) -> tuple[str, str]:
    return f"toStartOfHour({asked.dialect.start} + 3599)", f"toStartOfHour({asked.dialect.end})"


CONVERSATIONS: Final = Source(
    "conversations",
    "hours and days of conversations, and the facts of single ones beside them, up to half a minute behind the events",
    DIMENSIONS,
    counts,
    parts_at_cut=True,
    columns=COLUMNS,
)
