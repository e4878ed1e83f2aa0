"""The measures of a query event: the one list that columns, windows, roll-ups, sources, exports and totals follow.

A measure is an optional number of ``models.events.QueryEvent``, kept to four decimals. Windows and roll-ups hold its
sum and how many events gave it.
"""

from __future__ import annotations

from typing import Final

QUERY_MEASURES: Final = ("data_freshness_hours", "ai_confidence_score", "customer_satisfaction_impact")


def sum_of(measure: str) -> str:
    """Return the column that holds the sum of a measure."""
    return f"{measure}_sum"


def count_of(measure: str) -> str:
    """Return the column that holds the number of events that gave a measure."""
    return f"{measure}_count"


WINDOW_SUMS: Final = (
    *("queries", "successes", "response_time_ms_sum"),
    *(column(measure) for measure in QUERY_MEASURES for column in (sum_of, count_of)),
)
"""Columns of a window, an hour or a day of queries that add up; beside them only ``response_time_histogram`` does."""
