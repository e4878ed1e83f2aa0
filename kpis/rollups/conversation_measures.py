"""Additive measures of conversations: the columns of the roll-ups, and their values for a single conversation.

All are additive, so a sum over days, hours and single conversations is exact.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Final

from kpis.sql.dialect import Dialect

# Conditions on a row of facts; each becomes a count column.
_COUNTED: Final = {
    "conversations": "true",
    "ended_count": "ended",
    "contained_count": "ended AND NOT handed_over",
    "handed_over_count": "handed_over",
    "autonomous_count": "autonomous",
    "resolved_count": "resolved",
    "abandoned_count": "outcome = 'abandoned'",
    "converted_count": "converted",
    "gap_count": "notEmpty(gaps)",
}
# Nullable numbers; each becomes three columns: count, sum and sum of squares.
_MEASURED: Final = {
    "satisfaction": "satisfaction",
    "minutes": "resolution_minutes",
    "handed_minutes": "if(handed_over, resolution_minutes, NULL)",
    "with_data": "confidence_with_data",
    "without_data": "confidence_without_data",
    "gained": "confidence_with_data - confidence_without_data",
    "expected": "conversion_probability",
}
# Map (two arrays) from days until the return to the number of such conversations.
_RETURNED: Final = {"ended_returns": "ended", "autonomous_returns": "autonomous"}
MAX_RETURN_DAYS: Final = 90
"""The maximum of the number of days within which a return counts."""

# The smallest number of days within which it came back: the second day means within 2 days, not within 1.
_DAYS_AWAY: Final = (
    f"toUInt8(least({MAX_RETURN_DAYS + 1}, intDiv(dateDiff('millisecond', assumeNotNull(ended_at), "
    "assumeNotNull(returned_at)), 86400000) + 1))"
)

# End hour and days until the return of conversations that the AI resolved: a map of ``_ENDED``.
_ENDS: Final = "autonomous_ends"
# Hours from the cell's start to the end hour, and days until the return (0: none), in one number.
_HOUR_OF_END: Final = 128
_ENDED: Final = (
    f"toUInt32({_HOUR_OF_END} * dateDiff('hour', entered_at, assumeNotNull(ended_at)) "
    f"+ if(returned_at IS NULL, 0, {_DAYS_AWAY}))"
)
_MAPS: Final = {**dict.fromkeys(_RETURNED, "UInt8"), _ENDS: "UInt32"}

NAMES: Final = (
    *_COUNTED,
    "value_sum",
    "value_squares",
    *_MAPS,
    *(f"{name}_{what}" for name in _MEASURED for what in ("count", "sum", "squares")),
)


NOTHING: Final = ", ".join(
    f"([] :: Array({_MAPS[name]}), [] :: Array(Int64))" if name in _MAPS else "0" for name in NAMES
)
"""The columns of no conversation."""

# Columns derived at query time, and the stored columns that each needs.
_DERIVED: Final = {
    "durable_count": ("autonomous_count", "autonomous_returns"),
    "confirmed_count": (_ENDS,),
    "returned_count": ("ended_returns",),
}


COLUMNS: Final = frozenset({*NAMES, *_DERIVED})
"""Every column that a figure can read."""
SETTLING: Final = frozenset(_DERIVED)
"""Those that change until the durable days after a conversation's end are over."""


def stored(reads: Collection[str]) -> tuple[str, ...]:
    """Return the stored columns that some of ``COLUMNS`` need, in the order of ``NAMES``."""
    needed = {*reads, *(name for derived_ in _DERIVED if derived_ in reads for name in _DERIVED[derived_])}
    return tuple(name for name in NAMES if name in needed)


def of_one(names: Collection[str] = NAMES) -> str:
    """Return columns of a row of facts."""
    return ", ".join(f"{expression} AS {name}" for name, expression in _expressions() if name in names)


def _expressions() -> Iterator[tuple[str, str]]:
    for name, what in _COUNTED.items():
        yield name, f"toInt64({what})"
    yield "value_sum", "value"
    yield "value_squares", "value * value"
    for name, which in _RETURNED.items():
        came_back = f"{which} AND returned_at IS NOT NULL"
        yield name, f"(if({came_back}, [{_DAYS_AWAY}], []), if({came_back}, [toInt64(1)], []))"
    yield _ENDS, f"(if(autonomous, [{_ENDED}], []), if(autonomous, [toInt64(1)], []))"
    for name, what in _MEASURED.items():
        number = f"toDecimal128(ifNull({what}, 0), 4)"
        yield f"{name}_count", f"toInt64(({what}) IS NOT NULL)"
        yield f"{name}_sum", number
        yield f"{name}_squares", f"{number} * {number}"


def in_days(hours: str) -> str:
    """Return the columns of rows of ``hours`` as parts of their days."""
    ends = f"{hours}.{_ENDS}"
    later = f"(arrayMap(one -> one + {_HOUR_OF_END} * toHour(hour_start), {ends}.1), {ends}.2) AS {_ENDS}"
    return ", ".join(later if name == _ENDS else name for name in NAMES)


def added_up(rows: str) -> str:
    """Return the columns of several rows of ``rows`` together."""
    return ", ".join(
        f"sumMap({rows}.{name}.1, {rows}.{name}.2) AS {name}" if name in _MAPS else f"sum({rows}.{name}) AS {name}"
        for name in NAMES
    )


def derived(dialect: Dialect, reads: Collection[str]) -> list[str]:
    """Return the expressions of the derived columns among ``reads``; they depend on the number of durable days."""
    days = dialect.durable_days
    came_back = "arraySum((day, many) -> if(day <= {days}, many, 0), {name}.1, {name}.2)"
    over = f"toStartOfHour(at) + 3600 * (intDiv(one, {_HOUR_OF_END}) + 1) + 86400 * {days} <= {dialect.now}"
    stayed = f"(one % {_HOUR_OF_END} = 0 OR one % {_HOUR_OF_END} > {days})"
    columns = {
        "durable_count": f"autonomous_count - {came_back.format(days=days, name='autonomous_returns')}",
        "confirmed_count": f"arraySum((one, many) -> if({stayed} AND {over}, many, 0), {_ENDS}.1, {_ENDS}.2)",
        "returned_count": came_back.format(days=days, name="ended_returns"),
    }
    return [f"{expression} AS {name}" for name, expression in columns.items() if name in reads]
