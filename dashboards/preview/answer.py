"""An answer's columns by what they are: time, labels, numbers."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, NamedTuple

from dashboards.panel import Column, Panel

Row = Mapping[str, Any]


class Shape(NamedTuple):
    """Names of an answer's columns; hidden ones are left out."""

    times: tuple[str, ...]
    labels: tuple[str, ...]
    numbers: tuple[str, ...]


def shape(rows: Sequence[Row], panel: Panel) -> Shape:
    """Return what each column is: a number where any row has one, else a time, else a label."""
    hidden = {column.name for column in panel.columns if column.hidden}
    names = [name for name in (rows[0] if rows else ()) if name not in hidden]
    numbers = tuple(name for name in names if any(_is_number(row[name]) for row in rows))
    times = tuple(name for name in names if any(isinstance(row[name], datetime) for row in rows))
    empty = {name for name in names if all(row[name] is None for row in rows)}
    labels = tuple(name for name in names if name not in {*numbers, *times, *empty})
    return Shape(times, labels, numbers)


def column_of(panel: Panel, name: str) -> Column:
    """Return how a column is shown; one that the panel says nothing about goes by its name."""
    found = next((column for column in panel.columns if column.name == name), None)
    return found or Column(name, name.replace("_", " "), panel.unit, panel.thresholds)


def number(cell: Any) -> float | None:
    """Return a cell as a number for a chart; ``None`` where there is none."""
    if not _is_number(cell):
        return None
    value = float(cell)
    return value if math.isfinite(value) else None


def label(row: Row, names: Sequence[str]) -> str:
    """Return a row's labels as one text."""
    return " · ".join(str(row[name]) or "(none)" for name in names)


def _is_number(cell: Any) -> bool:
    return isinstance(cell, int | float | Decimal) and not isinstance(cell, bool)
