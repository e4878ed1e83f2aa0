"""What is added up of conversations: the columns that the roll-ups keep, and their values for a single conversation.

Everything here adds up, so a sum over days, hours and single conversations is the figure itself, and a conversation can
be taken out again by counting it with the sign -1.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Final

# Of one row of facts; each becomes a column of its own.
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
# Numbers that may be missing; each becomes three columns: how many, their sum and the sum of their squares.
_MEASURED: Final = {
    "satisfaction": "satisfaction",
    "minutes": "resolution_minutes",
    "handed_minutes": "if(handed_over, resolution_minutes, NULL)",
    "with_data": "confidence_with_data",
    "without_data": "confidence_without_data",
    "gained": "confidence_with_data - confidence_without_data",
    "expected": "conversion_probability",
}
# How many of these came back after how many days, as a map in two arrays.
_RETURNED: Final = {"ended_returns": "ended", "autonomous_returns": "autonomous"}
LONGEST: Final = 90
"""The longest time, in days, for which it can be asked whether a conversation came back."""

# The smallest number of days within which it came back: on the second day is "within 2 days", and not within 1.
_DAYS_AWAY: Final = (
    f"toUInt8(least({LONGEST + 1}, intDiv(dateDiff('millisecond', assumeNotNull(ended_at), "
    "assumeNotNull(returned_at)), 86400000) + 1))"
)

NAMES: Final = (
    *_COUNTED,
    "value_sum",
    *_RETURNED,
    *(f"{name}_{what}" for name in _MEASURED for what in ("count", "sum", "squares")),
)


# What is not kept but follows from what is kept, and from which columns.
_DERIVED: Final = {"durable_count": ("autonomous_count", "autonomous_returns"), "returned_count": ("ended_returns",)}


def named_in(sql: str) -> tuple[str, ...]:
    """Return the columns that an expression needs: planning a statement with all of them takes twice as long."""
    needed = {kept for name, rest in _DERIVED.items() if name in sql for kept in rest}
    return tuple(name for name in NAMES if name in sql or name in needed)


def of_one(sign: str, names: Collection[str] = NAMES) -> str:
    """Return columns of a row of facts, counted ``sign`` times (an expression that is 1 or -1)."""
    return ", ".join(f"{expression} AS {name}" for name, expression in _expressions(sign) if name in names)


def _expressions(sign: str) -> Iterator[tuple[str, str]]:
    for name, what in _COUNTED.items():
        yield name, f"toInt64({sign} * ({what}))"
    yield "value_sum", f"{sign} * value"
    for name, which in _RETURNED.items():
        came_back = f"{which} AND returned_at IS NOT NULL"
        yield name, f"(if({came_back}, [{_DAYS_AWAY}], []), if({came_back}, [toInt64({sign})], []))"
    for name, what in _MEASURED.items():
        number = f"toDecimal128(ifNull({what}, 0), 4)"
        yield f"{name}_count", f"toInt64({sign} * (({what}) IS NOT NULL))"
        yield f"{name}_sum", f"{sign} * {number}"
        yield f"{name}_squares", f"{sign} * {number} * {number}"


def added_up(rows: str) -> str:
    """Return the columns of several rows of ``rows`` together."""
    return ", ".join(
        f"sumMap({rows}.{name}.1, {rows}.{name}.2) AS {name}" if name in _RETURNED else f"sum({rows}.{name}) AS {name}"
        for name in NAMES
    )


def derived(days: str, sql: str) -> list[str]:
    """Return the columns that an expression needs and that depend on the days which a resolution must last."""
    came_back = "arraySum((day, many) -> if(day <= {days}, many, 0), {name}.1, {name}.2)"
    columns = {
        "durable_count": f"autonomous_count - {came_back.format(days=days, name='autonomous_returns')}",
        "returned_count": came_back.format(days=days, name="ended_returns"),
    }
    return [f"{expression} AS {name}" for name, expression in columns.items() if name in sql]
