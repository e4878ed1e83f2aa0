"""Tail probabilities as -log10 p ("surprise").

Counts are overdispersed, and no library computes a tail fast enough for every minute of every series: the signed root
of the deviance is nearly normal for counts of all sizes, and costs a few logarithms.
"""

from __future__ import annotations

import math
from functools import lru_cache
from statistics import NormalDist
from typing import Final

_LOG10_E: Final = math.log10(math.e)
_ROOT_HALF: Final = math.sqrt(0.5)
# Beyond this, ``erfc`` comes near to underflow and the first term of its expansion is exact enough.
_FAR: Final = 20.0


def surprise(z: float) -> float:
    """Return -log10 of the probability that a standard normal exceeds ``z``."""
    if z < _FAR:
        return -math.log10(0.5 * math.erfc(z * _ROOT_HALF))
    return _LOG10_E * 0.5 * z * z + math.log10(z * math.sqrt(2.0 * math.pi))


@lru_cache(maxsize=64)  # thresholds, again and again
def deviation_of(score: float) -> float:
    """Return the ``z`` whose ``surprise`` is ``score`` (above 0.31 and at most 300)."""
    return -NormalDist().inv_cdf(10.0**-score)


def count_deviation(observed: float, expected: float, excess: float) -> float:
    """Return the number of standard deviations of a count above (or, negative, below) the expected one.

    Parameters
    ----------
    observed, expected
        Counts; ``expected`` above 0. A continuity correction of one half is applied towards ``expected``.
    excess
        Variance beyond Poisson: variance = expected + excess * expected², as the negative binomial has it.
    """
    if observed > expected:
        corrected, sign = max(observed - 0.5, expected), 1.0
    else:
        corrected, sign = min(observed + 0.5, expected), -1.0
    half = corrected * math.log(corrected / expected) if corrected > 0.0 else 0.0
    if excess > 1e-9:
        size = 1.0 / excess
        half -= (corrected + size) * math.log((corrected + size) / (expected + size))
    else:
        half -= corrected - expected
    return sign * math.sqrt(max(2.0 * half, 0.0))


def count_bound(expected: float, excess: float, z: float) -> float:
    """Return the count ``z`` deviations above the expected one (below for a negative ``z``), at least 0."""
    near, far = expected, 0.0
    if z > 0.0:
        far = 2.0 * expected + 1.0
        while count_deviation(far, expected, excess) < z:
            far *= 2.0
    for _ in range(40):
        middle = 0.5 * (near + far)
        if abs(count_deviation(middle, expected, excess)) < abs(z):
            near = middle
        else:
            far = middle
    return far
