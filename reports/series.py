"""Pivots a series with labels: a row for each time, a column for each label."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any

from dashboards.panel import Column
from reports.report import Exhibit

_TIME = "time"
_MAX_LABELS = 20


def side_by_side(exhibit: Exhibit) -> Exhibit:
    """Return a series by label in wide format, and any other table unchanged.

    A series by label has the columns ``time``, one of texts and one of numbers, and a row for each time and label.
    """
    names = _columns(exhibit.rows)
    if names is None:
        return exhibit
    label, value = names
    cells = {(row[_TIME], row[label]): row[value] for row in exhibit.rows}
    labels = list(dict.fromkeys(row[label] for row in exhibit.rows))
    if len(cells) < len(exhibit.rows) or not 1 < len(labels) <= _MAX_LABELS:
        return exhibit
    unit = next((column.unit for column in exhibit.columns if column.name == value), None)
    columns = (Column(_TIME, "Time"), *(Column(f"of {one}", one, unit) for one in labels))
    rows: list[dict[str, Any]] = [
        {_TIME: at, **{f"of {one}": cells.get((at, one)) for one in labels}}
        for at in dict.fromkeys(row[_TIME] for row in exhibit.rows)
    ]
    return exhibit._replace(columns=columns, rows=rows)


def _columns(rows: list[dict[str, Any]]) -> tuple[str, str] | None:
    """Return the label column and the number column; ``None`` for another table."""
    if not rows or _TIME not in rows[0] or len(rows[0]) != 3:
        return None
    one, other = (name for name in rows[0] if name != _TIME)
    for label, value in ((one, other), (other, one)):
        texts = all(isinstance(row[label], str) and row[label] for row in rows)
        numbers = all(row[value] is None or isinstance(row[value], int | float | Decimal) for row in rows)
        if texts and numbers and all(isinstance(row[_TIME], datetime) for row in rows):
            return label, value
    return None
