"""Scale of a series' deviations: a running mean of their size, robust to outliers and to many zeros."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Final

# Cap of one size, in means, or in large sizes once there are some.
_MOST, _MAX_LARGE = 6.0, 3.0
# The mean of sizes above the mean is 1.8 means for a normal distribution, and more than this for a sparse one.
_SPARSE: Final = 2.5
# A whole number of equal sizes gives just this ratio: rounding must not decide.
_TIE: Final = 1.0 + 1e-9
_MEMORY: Final = 100
_TRUSTED: Final = 10


class RunningScale:
    """Running mean of sizes, clipped at a multiple of the typical *large* size: the mean of those above the mean.

    Clipped at a multiple of the mean itself, a series that is 0 five times of six would shrink to 0. ``unit`` is the
    unit of sizes: the mean, or more for sparse series, because the weight of one event must not depend on the number of
    recent events. ``most`` is the clipping size, infinite at first.
    """

    __slots__ = ("_large", "_seen", "_typical", "mean", "most", "unit")

    def __init__(self) -> None:
        self.mean = 0.0
        self._seen = 0
        self._typical = 0.0
        self._large = 0
        self._settle()

    def _settle(self) -> None:
        mean, large = self.mean, self._typical
        self.unit = mean if large <= _SPARSE * mean else large / _SPARSE
        if self._seen > _TRUSTED and large > 0.0:
            self.most = _MOST * mean if _MOST * mean > _MAX_LARGE * large else _MAX_LARGE * large
        else:
            self.most = math.inf

    @property
    def is_sparse(self) -> bool:
        """Whether the series is sparse: few large sizes, most near 0."""
        return self._typical > _SPARSE * _TIE * self.mean

    def learn(self, size: float, memory: float) -> None:
        """Add a size (0 or more); after ``memory`` sizes each new one has the weight ``1 / memory``."""
        size = self.most if size > self.most else size
        self._seen += 1
        mean = self.mean
        if size > mean:
            if self._large < _MEMORY:
                self._large += 1
            self._typical += (size - self._typical) / self._large
        self.mean = mean + (size - mean) / (self._seen if self._seen < memory else memory)
        self._settle()

    def to_state(self) -> list[Any]:
        """Return the state as plain JSON values."""
        return [self.mean, self._seen, self._typical, self._large]

    def restore(self, state: Sequence[Any]) -> None:
        """Restore the state of ``to_state``."""
        self.mean, self._seen, self._typical, self._large = state
        self._settle()
