"""How much more than pure chance a series scatters, learned from its own windows.

A count with mean ``m`` that is Poisson at heart, but comes in clusters and around a level that is never known exactly,
has the variance ``within * m + between * m²``. Rates of errors and means of latencies obey the same law with their own
measure of size, so one estimator serves every channel.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

# Half of what is known comes from the latest of this many windows.
_HALF_LIFE: Final = 400
_DECAY: Final = 0.5 ** (1.0 / _HALF_LIFE)
# One wild window counts as this many times what was expected of it, at most.
_MOST: Final = 12.0
# What is believed beforehand weighs as much as so many windows of each of these sizes.
_PRIOR_WINDOWS: Final = 12.0
_PRIOR_SIZES: Final = (1.0, 100.0)
_LESS_BY_SIZE: Final = 0.05


class Dispersion:
    """Regression of squared deviations (over their size) on size, online and robust.

    Parameters
    ----------
    within, between
        What is believed before anything was seen; ``within`` is never taken for less than 1.
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
        # The larger a window the more its squared deviation scatters itself.
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
        """Return everything it knows as plain numbers."""
        return [self.within, self.between, *self._sums]

    def restore(self, state: Sequence[float]) -> None:
        """Take over what ``to_state`` returned."""
        self.within, self.between, *self._sums = state
