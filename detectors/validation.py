"""What a detector is told, taken with care: what is missing, not finite or absurd is not known."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

# What is larger was not measured: it is a mistake. Times end with the year 9999, and no answer takes e^50 ms.
_LARGEST: Final = 1e15
_LATEST: Final = 253_402_300_800.0 - 86_400.0
_LARGEST_LOG: Final = 50.0


def known(value: Any) -> float | None:
    """Return a value as a number, ``None`` where it is missing, NaN or out of all bounds."""
    if value is None:
        return None
    number = float(value)
    return number if abs(number) <= _LARGEST else None  # nor is NaN


def index_of(x: Mapping[Any, Any], seconds: float) -> int | None:
    """Return the number of the interval that ``x["time"]`` lies in, counted from 1970."""
    time = known(x.get("time"))
    return None if time is None or not 0.0 <= time < _LATEST else int(time // seconds)


def errors_of(x: Mapping[Any, Any], count: float) -> tuple[float, float]:
    """Return how many of the calls say whether they failed (all or none), and how many did."""
    errors = known(x.get("errors"))
    return (0.0, 0.0) if errors is None else (count, min(max(errors, 0.0), count))


def latency_of(x: Mapping[Any, Any], count: float, variance: float) -> tuple[float, float, float]:
    """Return how many of the calls were timed (all or none), with the sum and the squares of their logarithms.

    Where the squares are not told, the times scatter as they usually do: with ``variance``.
    """
    log_sum = known(x.get("log_latency_sum"))
    if log_sum is None or abs(log_sum) > _LARGEST_LOG * count:
        return 0.0, 0.0, 0.0
    squares, least = known(x.get("log_latency_squares")), log_sum * log_sum / count
    if squares is None:
        return count, log_sum, least + variance * max(count - 1.0, 0.0)
    return count, log_sum, max(squares, least)
