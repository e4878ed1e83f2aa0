"""A mergeable log-bucket histogram: any quantile to within 0.5 %, merged by adding counts.

Bucket ``i`` holds values in ``(GAMMA**(i-1), GAMMA**i]``; ``ZERO_BUCKET`` holds zero. The value read back for a bucket
is the one whose relative error to either edge is equal, ``2 * GAMMA**i / (GAMMA + 1)``, which is at most
``(GAMMA - 1) / (GAMMA + 1)`` = 0.498 % off. Source: Masson, Rim, Lee, "DDSketch", VLDB 2019.

``sinks/schema`` defines the same reading in SQL as ``romashka_quantile``; a test keeps the two equal.
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np
import numpy.typing as npt

GAMMA: Final = 1.01
ZERO_BUCKET: Final = -1
_LOG_GAMMA: Final = math.log(GAMMA)


def buckets_of(values: npt.NDArray[np.int64]) -> npt.NDArray[np.int16]:
    """Return the bucket of every value; values are whole and not negative."""
    logs = np.log(np.maximum(values, 1)) / _LOG_GAMMA
    # log(GAMMA**i) / log(GAMMA) can come out slightly above i; without the slack the value would move up a bucket.
    ceiled = np.ceil(logs - 1e-9).astype(np.int16)
    return np.where(values == 0, np.int16(ZERO_BUCKET), ceiled)


def value_of(bucket: int) -> float:
    """Return the value that represents a bucket."""
    return 0.0 if bucket == ZERO_BUCKET else 2.0 * GAMMA**bucket / (GAMMA + 1.0)


def nearest_rank(q: float, n: int) -> int:
    """Return the rank, from 1, of the ``q`` quantile of ``n`` values: ``q * n`` rounded up."""
    return max(1, math.ceil(q * n - 1e-9))  # the slack is for products such as 0.07 * 100


def quantile(buckets: npt.NDArray[np.int16], counts: npt.NDArray[np.uint64], q: float) -> float | None:
    """Return the value at rank ``q * n``, rounded up, of the counted values; ``None`` where there are none.

    This is the nearest rank: of 10, 20 and 1000 the 95 % quantile is 1000, and the median is 20.

    ``buckets`` ascend and pair up with ``counts``.
    """
    total = int(counts.sum())
    if total == 0:
        return None
    position = int(np.searchsorted(np.cumsum(counts), nearest_rank(q, total), side="left"))
    return value_of(int(buckets[position]))
