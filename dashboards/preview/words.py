"""Cells as people read them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from kpis.kpi import Unit

_FORMATS: Final[dict[Unit | None, str]] = {
    Unit.RATIO: "{:.1%}",
    Unit.MILLISECONDS: "{:,.0f} ms",
    Unit.MINUTES: "{:,.1f} min",
    Unit.HOURS: "{:,.1f} h",
    Unit.MONEY: "{:,.0f}",
    Unit.COUNT: "{:,.0f}",
}
_YES_NO: Final = {True: "yes", False: "no"}


def cell_text(cell: Any, unit: Unit | None) -> str:
    """Return a cell with its unit; a dash where there is no value."""
    if cell is None or (isinstance(cell, float) and not math.isfinite(cell)):
        return "-"
    if isinstance(cell, datetime):
        return f"{cell:%Y-%m-%d %H:%M}"
    if isinstance(cell, bool):
        return _YES_NO[cell]
    if isinstance(cell, int | float | Decimal):
        return _number(float(cell), unit, whole=isinstance(cell, int))
    if isinstance(cell, Sequence) and not isinstance(cell, str):
        return ", ".join(str(one) for one in cell)
    return str(cell)


def _number(value: float, unit: Unit | None, *, whole: bool) -> str:
    default = "{:,.0f}" if whole else "{:,.2f}"
    return _FORMATS.get(unit, default).format(value)
