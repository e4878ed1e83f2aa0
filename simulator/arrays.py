"""Array types and shared random draws."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]


def cumulative(weights: Sequence[float] | Floats) -> Floats:
    """Return the running share of the weights; the last one is exactly 1."""
    sums = np.cumsum(np.asarray(weights, dtype=np.float64))
    shares: Floats = sums / sums[-1]
    shares[-1] = 1.0
    return shares


def pick(shares: Floats, uniform: Floats) -> Ints:
    """Return, for uniform draws in [0, 1), the index that the cumulative ``shares`` give each."""
    return np.searchsorted(shares, uniform, side="right").astype(np.int64)


def sigmoid(log_odds: Floats) -> Floats:
    """Return the probabilities of log-odds."""
    result: Floats = 1.0 / (1.0 + np.exp(-log_odds))
    return result
