"""Formatting of figures: value with unit, and notes on how to read it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from kpis.currency import written
from kpis.kpi import Kpi, Unit
from kpis.scope import Scope, zone
from kpis.text import printable

NOTHING: Final = "-"
IN_ITS_CURRENCY: Final = " in the tenant's currency"
"""After an amount whose currency nobody has set."""
_FORMATS: Final = {
    Unit.COUNT: "{:,.0f}",
    Unit.RATIO: "{:.1%}",
    Unit.MONEY_RATIO: "{:,.0%}",
    Unit.SCORE: "{:.2f}",
    Unit.MILLISECONDS: "{:,.0f} ms",
    Unit.MINUTES: "{:,.1f} min",
    Unit.HOURS: "{:,.1f} h",
    Unit.STARS: "{:.2f}",
    Unit.MONEY: "{:,.2f}",
}


def shown(unit: Unit, value: float | Decimal | None, currency: str = "") -> str:
    """Return a formatted value, a dash where there is none; ``currency`` is that of amounts, empty where not known."""
    if value is None:
        return NOTHING
    return written(value, currency) if unit is Unit.MONEY and currency else _FORMATS[unit].format(value)


def of_one_tenant(value: float | Decimal, currency: str) -> str:
    """Return an amount of one tenant for a sentence: it says whose currency it is in where that is not known."""
    return f"{shown(Unit.MONEY, value, currency)}{'' if currency else IN_ITS_CURRENCY}"


def cell(value: Any, unit: Unit | None, currency: str = "") -> str:
    """Return a formatted cell: a number with its unit, a time, a list or a text."""
    match value:
        case None:
            return NOTHING
        case bool():
            return "yes" if value else "no"
        case int() | float() | Decimal():
            return _number(value, unit, currency)
        case datetime():
            return f"{value:%Y-%m-%d %H:%M}"
        case list() | tuple():
            return printable(", ".join(str(one) for one in value))
        case _:
            return printable(str(value))


def _number(value: float | Decimal, unit: Unit | None, currency: str) -> str:
    if not math.isfinite(value):
        return NOTHING
    if unit is not None:
        return shown(unit, value, currency)
    return f"{value:,.0f}" if isinstance(value, int) else f"{value:,.2f}"


def local(moment: datetime, time_zone: str, form: str = "%Y-%m-%d %H:%M") -> str:
    """Return a time in a time zone, with the zone's name."""
    return f"{moment.astimezone(zone(time_zone)):{form}} {time_zone}"


def interval(kpi: Kpi, row: Mapping[str, Any], currency: str = "") -> str:
    """Return the bounds of a figure in a row of an answer; empty where it has none."""
    low, high = row.get(f"{kpi.id}_low"), row.get(f"{kpi.id}_high")
    if low is None or high is None:
        return ""
    return f"{shown(kpi.unit, low, currency)} to {shown(kpi.unit, high, currency)}"


def notes(kpi: Kpi, row: Mapping[str, Any], scope: Scope) -> list[str]:
    """Return notes on a figure: too little data, a changed definition, what the statement itself says."""
    value, n = row[kpi.id], row[f"{kpi.id}_n"]
    found = [str(row[name])] if row.get(name := f"{kpi.id}_note") else []
    if value is None and not found:
        found.append("no data in this range" if not n else "nothing to compare with in this range")
    elif value is not None and kpi.unit is not Unit.COUNT and kpi.below_minimum_volume(n):
        found.append(f"too little data (n={n:,.0f}, needs {kpi.minimum_volume})")
    return found + (changes(kpi, scope) if value is not None and n else [])


def changes(kpi: Kpi, scope: Scope) -> list[str]:
    """Return the changes of a definition within the range."""
    return [
        f"defined anew on {change.since} (version {change.version}) and computed so for the whole range; "
        f"before, {change.what}"
        for change in kpi.changes
        if scope.start.date() < change.since <= scope.end.date()
    ]
