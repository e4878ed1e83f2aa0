"""Insights as rows of ``models.rows.INSIGHTS``."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any, Final

import pyarrow as pa

from models.insights import Insight
from models.rows import INSIGHTS

_STEP: Final = Decimal("0.0001")


def insight_rows(insights: Sequence[Insight]) -> pa.RecordBatch:
    """Return one row per insight, in the same order."""
    return pa.RecordBatch.from_pylist([_row(insight) for insight in insights], schema=INSIGHTS)


def latest(insights: Iterable[Insight]) -> list[Insight]:
    """Return the newest version of each insight, in order of first occurrence; of equal versions the last one."""
    newest: dict[Any, Insight] = {}
    for insight in insights:
        known = newest.get(insight.id)
        if known is None or insight.updated_at >= known.updated_at:
            newest[insight.id] = insight
    return list(newest.values())


def _row(insight: Insight) -> dict[str, object]:
    return insight._asdict() | {
        "id": insight.id.bytes,
        "user_id": insight.user_id.bytes,
        "members": [member.bytes for member in insight.members],
        "confidence_score": None if insight.confidence_score is None else _decimal(insight.confidence_score),
        "predicted_value": None if insight.predicted_value is None else _decimal(insight.predicted_value),
        # Part of the table's sorting key: it must not change while the insight develops.
        "created_at": _whole(insight.started_at),
        "started_at": _whole(insight.started_at),
        "ended_at": None if insight.ended_at is None else _whole(insight.ended_at),
        "updated_at": _whole(insight.updated_at),
    }


def _decimal(value: float) -> Decimal:
    return Decimal(repr(value)).quantize(_STEP, ROUND_HALF_EVEN)


def _whole(moment: datetime) -> datetime:
    """Return a time in whole milliseconds, as the table stores it."""
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)
