"""The confidence of intervals, and what makes a confidence sequence narrowest. No numpy: light commands import it."""

from __future__ import annotations

from functools import cache
from math import log, log1p
from typing import Final

ALPHA: Final = 0.05
"""One minus the confidence."""


@cache
def best_information(alpha: float = ALPHA) -> float:
    """Return the ``n ρ²`` at which the interval is narrowest: the root of x = log(1 + x) + 2 log(1 / alpha)."""
    x = 10.0
    for _ in range(100):  # a contraction: the slope of the right side is 1 / (1 + x)
        x = log1p(x) - 2 * log(alpha)
    return x
