"""Scale of a series' deviations: a running mean of their size, robust to outliers and to many zeros."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Final

# One wild size counts as at most this many means, or large ones, once there are some.
_MOST, _MAX_LARGE = 6.0, 3.0
# The mean of the sizes above the mean is 1.8 means of a normal distribution, and more than this of a sparse one.
_SPARSE: Final = 2.5
_MEMORY: Final = 100
_TRUSTED: Final = 10


class RunningScale:
    """Running mean of sizes, cut at a multiple of the typical *large* size: the mean of those above the mean.

    Cut at a multiple of the mean itself, the mean of a series that is 0 five times of six would shrink to nothing.

    ``unit`` is what sizes are measured in: the mean, or more where few are large and most are 0 or nearly so, because
    what one event is worth must not depend on how many came of late. ``most`` is the size at which one is cut, infinite
    before anything is known.
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
        known = self._seen > _TRUSTED and large > 0.0
        self.most = max(_MOST * mean, _MAX_LARGE * large) if known else math.inf

    @property
    def is_sparse(self) -> bool:
        """Whether few sizes are large and most are 0 or nearly so."""
        return self._typical > _SPARSE * self.mean

    def learn(self, size: float, memory: float) -> None:
        """Take in a size (0 or more); from ``memory`` sizes on each new one weighs ``1 / memory``."""
        size = min(size, self.most)
        self._seen += 1
        if size > self.mean:
            self._large = min(self._large + 1, _MEMORY)
            self._typical += (size - self._typical) / self._large
        self.mean += (size - self.mean) / min(self._seen, memory)
        self._settle()

    def to_state(self) -> list[Any]:
        """Return everything learned as plain JSON values."""
        return [self.mean, self._seen, self._typical, self._large]

    def restore(self, state: Sequence[Any]) -> None:
        """Take over what ``to_state`` returned."""
        self.mean, self._seen, self._typical, self._large = state
        self._settle()
