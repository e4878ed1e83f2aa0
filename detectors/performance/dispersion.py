"""Estimates overdispersion of a series from its own windows.

A clustered Poisson count with mean ``m`` and an uncertain level has the variance ``within * m + between * m²``. Error
rates and mean latencies follow the same law with their own measure of size, so one estimator serves every channel.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

# Half-life in windows.
_HALF_LIFE: Final = 400
_DECAY: Final = 0.5 ** (1.0 / _HALF_LIFE)
# Cap of one window's squared deviation, as a multiple of the expected one.
_MOST: Final = 12.0
# Weight of the prior: this many windows of each of these sizes.
_PRIOR_WINDOWS: Final = 12.0
_PRIOR_SIZES: Final = (1.0, 100.0)
_LESS_BY_SIZE: Final = 0.05


class Dispersion:
    """Regression of squared deviations (over their size) on size, online and robust.

    Parameters
    ----------
    within, between
        The prior; ``within`` is at least 1.
    """

    __slots__ = ("_sums", "between", "within")

    def __init__(self, within: float, between: float) -> None:
        self.within = within
        self.between = between
        self._sums = [0.0, 0.0, 0.0, 0.0, 0.0]
        for size in _PRIOR_SIZES:
            self._add(size, within + between * size, _PRIOR_WINDOWS)

    def learn(self, size: float, squared: float, weight: float) -> None:
        """Learn from a window of ``size`` that deviated by ``squared / size`` (squared deviation over size)."""
        scatter = self.within + self.between * size
        self._sums = [part * _DECAY for part in self._sums]
        self._add(size, min(squared, _MOST * scatter), weight)
        self._solve()

    def _add(self, size: float, squared: float, weight: float) -> None:
        # The variance of a squared deviation grows with the window.
        weight /= (1.0 + _LESS_BY_SIZE * size) ** 2
        sums = self._sums
        sums[0] += weight
        sums[1] += weight * size
        sums[2] += weight * size * size
        sums[3] += weight * squared
        sums[4] += weight * size * squared

    def _solve(self) -> None:
        one, size, square, scatter, product = self._sums
        spread = one * square - size * size
        between = (one * product - size * scatter) / spread if spread > 1e-12 * one * square else 0.0
        within = (scatter - between * size) / one
        if between < 0.0:
            between, within = 0.0, scatter / one
        if within < 1.0:
            within, between = 1.0, max((product - size) / square, 0.0)
        self.within, self.between = within, between

    def to_state(self) -> list[float]:
        """Return the state as plain numbers."""
        return [self.within, self.between, *self._sums]

    def restore(self, state: Sequence[float]) -> None:
        """Restore the state of ``to_state``."""
        self.within, self.between, *self._sums = state
