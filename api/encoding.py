"""Rows of ClickHouse as JSON."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from pydantic_core import to_json


def plain(cell: Any) -> Any:
    """Return a cell as a JSON value: numbers as numbers, times with their offset, null for NaN."""
    if isinstance(cell, Decimal):
        return float(cell)
    if isinstance(cell, float):
        return cell if math.isfinite(cell) else None
    if isinstance(cell, datetime):
        return (cell if cell.tzinfo else cell.replace(tzinfo=UTC)).isoformat()
    if isinstance(cell, list | tuple):
        return [plain(one) for one in cell]
    return cell


def plain_rows(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return rows with JSON values."""
    return [{name: plain(cell) for name, cell in row.items()} for row in rows]


def encoded(value: Any) -> bytes:
    """Return JSON in UTF-8."""
    return to_json(value, inf_nan_mode="null")
