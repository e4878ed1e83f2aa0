"""A channel of the series detector: a deviation from an expectation, relative to the usual deviations."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from detectors.series.scale import RunningScale
from detectors.series.tail import MARGIN, ValueTail

_MEMORY_POINTS: Final = 400
_TRUSTED: Final = 10
# Cap of a deviation after a constant stretch.
_FAR: Final = 1e3
# With few large deviations and most near 0 the tail has few values, and bursts vary more.
_SPARSE_TARGET: Final = 1.3
_SPARSE_MARGIN: Final = 1.5
ROUNDING: Final = 1e-12
"""Relative size below which a deviation is rounding."""


class Deviation(NamedTuple):
    """One view of a value: observed, expected, deviation, and relative noise.

    ``sparse`` says that most values are equal, so that the tail has few values.
    """

    observed: float
    expected: float
    factor: float
    deviation: float
    sparse: bool


def look_at(observed: float, expected: float, factor: float, size: float, *, sparse: bool) -> Deviation:
    """Return a view; the deviation is 0 where it may be rounding of the inputs (``size``)."""
    apart = observed - expected
    if abs(apart) <= ROUNDING * max(size, abs(observed)):
        apart = 0.0
    return Deviation(observed, expected, factor, apart, sparse)


class ValueChannel:
    """Deviations in units of their running mean size, and their tail probability by earlier ones.

    ``target`` is the -log10 p of an alarm.
    """

    __slots__ = ("_above", "_below", "_scale", "scale", "seen")

    def __init__(self) -> None:
        self._scale = RunningScale()
        self.scale = 0.0
        self.seen = 0
        self._above = ValueTail()
        self._below = ValueTail()

    def score(self, look: Deviation, shown: float, target: float) -> float:
        """Return the score of a deviation, scaled by ``shown``; the alarm is at 1."""
        z = self._standardised(shown * look.deviation, look.factor)
        target, margin = self._asked(target, sparse=look.sparse)
        return self._above.score(z, target, margin) if z >= 0.0 else self._below.score(-z, target, margin)

    def bounds(self, look: Deviation, target: float) -> tuple[float, float]:
        """Return the deviations, below and above, that would be alarms."""
        unit = self.scale * look.factor
        target, margin = self._asked(target, sparse=look.sparse)
        return -self._below.alarm_at(target, margin) * unit, self._above.alarm_at(target, margin) * unit

    def _asked(self, target: float, *, sparse: bool) -> tuple[float, float]:
        """Return the required -log10 p and the margin above known bursts."""
        return (_SPARSE_TARGET * target, _SPARSE_MARGIN) if sparse or self._scale.is_sparse else (target, MARGIN)

    def learn(self, look: Deviation, target: float) -> None:
        """Learn a deviation after it was scored."""
        deviation, factor = look.deviation, look.factor
        self.seen += 1
        if self.seen > _TRUSTED:
            z = self._standardised(deviation, factor)
            self._above.learn(z if z > 0.0 else 0.0, target)
            self._below.learn(-z if z < 0.0 else 0.0, target)
        self._scale.learn(abs(deviation) / factor, _MEMORY_POINTS)
        self.scale = self._scale.unit

    def forget_below(self) -> None:
        """Begin the lower tail anew."""
        self._below = ValueTail()

    def forget_bursts(self) -> None:
        """Forget the highest deviations of both tails."""
        self._above.forget_bursts()
        self._below.forget_bursts()

    def _standardised(self, deviation: float, factor: float) -> float:
        unit = self.scale * factor
        if unit > 0.0:
            z = deviation / unit
            return z if -_FAR < z < _FAR else math.copysign(_FAR, z)
        return 0.0 if deviation == 0.0 else (_FAR if deviation > 0.0 else -_FAR)

    def to_state(self) -> list[Any]:
        """Return the state as plain JSON values."""
        return [self._scale.to_state(), self.seen, self._above.to_state(), self._below.to_state()]

    def restore(self, state: Sequence[Any]) -> None:
        """Restore the state of ``to_state``."""
        self._scale.restore(state[0])
        self.scale = self._scale.unit
        self.seen = state[1]
        self._above.restore(state[2])
        self._below.restore(state[3])
