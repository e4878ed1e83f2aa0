"""Validation of observations: missing, non-finite and absurd values count as unknown."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

# Upper bounds of plausible values: times end with the year 9999, and no response takes e^50 ms.
_LARGEST: Final = 1e15
_LATEST: Final = 253_402_300_800.0 - 86_400.0
_LARGEST_LOG: Final = 50.0


def known(value: Any) -> float | None:
    """Return a value as a number, ``None`` where it is missing, NaN or out of bounds."""
    if value is None:
        return None
    number = float(value)
    return number if -_LARGEST <= number <= _LARGEST else None  # NaN compares false


def index_of(x: Mapping[Any, Any], seconds: float) -> int | None:
    """Return the number of the interval that ``x["time"]`` lies in, counted from 1970."""
    time = known(x.get("time"))
    return None if time is None or not 0.0 <= time < _LATEST else int(time // seconds)


def errors_of(x: Mapping[Any, Any], count: float) -> tuple[float, float]:
    """Return the number of calls with a known result (all or none), and the number of failures."""
    errors = known(x.get("errors"))
    return (0.0, 0.0) if errors is None else (count, min(max(errors, 0.0), count))


def latency_of(x: Mapping[Any, Any], count: float, variance: float) -> tuple[float, float, float]:
    """Return the number of timed calls (all or none), with the sum and the sum of squares of their logarithms.

    Missing squares are estimated from ``variance``.
    """
    log_sum = known(x.get("log_latency_sum"))
    if log_sum is None or abs(log_sum) > _LARGEST_LOG * count:
        return 0.0, 0.0, 0.0
    squares, least = known(x.get("log_latency_squares")), log_sum * log_sum / count
    if squares is None:
        return count, log_sum, least + variance * max(count - 1.0, 0.0)
    return count, log_sum, max(squares, least)
