"""Tail probability of a deviation, learned from earlier ones without an assumed distribution.

Peaks over threshold: excesses over a high quantile, tracked online, are modelled as generalised Pareto, fitted by
moments (Siffer et al., "Anomaly detection in streams with extreme value theory", KDD 2017). A fitted tail is an
extrapolation, so a deviation must also clearly exceed recent bursts.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Final

_LN10: Final = math.log(10.0)
# The quantile beyond which the tail begins, as a share of values, and where it is believed to lie beforehand (in
# mean absolute deviations; a normal distribution has it at 2.35).
_SHARE: Final = 0.03
_START: Final = 2.3
# Prior of the tail: mean excess and shape, and its weight in observations.
_PRIOR_MEAN: Final = 0.7
_PRIOR_SHAPE: Final = 0.2
_PRIOR_WEIGHT: Final = 12.0
_MEMORY_EXCESSES: Final = 150.0
# Range of the shape: from a bounded tail to one with nearly infinite variance.
_MIN_SHAPE, _MAX_SHAPE = -0.5, 0.45
_MAX_SURPRISE: Final = 230.0
_MEMORY_POINTS: Final = 3000.0
# The rank of the recent burst that a deviation must exceed, and the factor.
_PEAKS: Final = 2
_RANK: Final = 1
MARGIN: Final = 1.3
_PEAK_DECAY: Final = 1.0 - 1.0 / 20_000.0
# Exceedances within this distance form one burst; only its first values count for the exceedance rate.
_SAME_BURST: Final = 12
_MAX_OF_BURST: Final = 3
# Cap of an excess, as a multiple of the alarm level: an outage must not set the scale.
_MAX_EXCESS: Final = 1.0


# The step of the quantile, relative, in the long run, the number of values until then, and its range.
_STEP: Final = 0.03
_SETTLED: Final = 400
_UP, _DOWN = math.exp(_STEP * (1.0 - _SHARE)), math.exp(_STEP * -_SHARE)
_LOWEST, _HIGHEST = 0.7, 1e6


class ValueTail:
    """One tail of a channel's deviations, in units of its scale. ``target`` is the -log10 p of an alarm."""

    __slots__ = (
        "_burst",
        "_decayed_at",
        "_last",
        "_length",
        "_mean",
        "_peaks",
        "_rate",
        "_seen",
        "_start",
        "_variance",
        "_weight",
    )

    def __init__(self) -> None:
        self._start = _START
        self._rate = _SHARE
        self._mean = _PRIOR_MEAN
        self._variance = _PRIOR_MEAN**2 / (1.0 - 2.0 * _PRIOR_SHAPE)
        self._weight = _PRIOR_WEIGHT
        self._seen = 0
        self._peaks = [0.0] * _PEAKS
        self._decayed_at = 0
        self._last = -_SAME_BURST - 1
        self._burst = 0.0
        self._length = 0

    def score(self, z: float, target: float, margin: float = MARGIN) -> float:
        """Return the score of a deviation ``z`` (0 or more).

        The alarm is at 1, and at ``margin`` times a known burst.
        """
        floor = -math.log10(max(self._rate, 1e-3))
        if z <= self._start:
            return min(floor / target, 1.0) * 0.9 * z / self._start
        fitted = (floor + self._log_survival(z - self._start) / _LN10) / target
        known = margin * self._peaks[_RANK] * float(_PEAK_DECAY ** (self._seen - self._decayed_at))
        return min(fitted, z / known) if known > 0.0 else fitted

    def alarm_at(self, target: float, margin: float = MARGIN) -> float:
        """Return the deviation whose score is 1."""
        floor = -math.log10(max(self._rate, 1e-3))
        known = margin * self._peaks[_RANK] * float(_PEAK_DECAY ** (self._seen - self._decayed_at))
        return max(self._start + self._excess_of(max(0.0, target - floor) * _LN10), known)

    def forget_bursts(self) -> None:
        """Forget the highest bursts."""
        self._peaks = [0.0] * _PEAKS

    def learn(self, z: float, target: float) -> None:
        """Learn a deviation; 0 where it was on the other side."""
        seen = self._seen = self._seen + 1
        if self._burst > 0.0 and seen - self._last > _SAME_BURST:
            self._end_burst(target)
        over = z > self._start
        begins = over and self._burst == 0.0
        self._rate += (begins - self._rate) / (seen + 300.0 if seen + 300.0 < _MEMORY_POINTS else _MEMORY_POINTS)
        if over:
            self._length = 1 if begins else self._length + 1
            self._burst = max(self._burst, z)
            self._last = seen
            if self._length > _MAX_OF_BURST:
                return
        start = self._start * (_factor(over, seen) if seen < _SETTLED else _UP if over else _DOWN)
        self._start = _LOWEST if start < _LOWEST else _HIGHEST if start > _HIGHEST else start

    def _end_burst(self, target: float) -> None:
        """Learn the peak of a burst: consecutive exceedances are one event."""
        peak, self._burst = self._burst, 0.0
        most = _MAX_EXCESS * self._excess_of(target * _LN10)
        excess = min(max(peak - self._start, 0.0), most)
        self._weight = min(self._weight + 1.0, _MEMORY_EXCESSES)
        error = excess - self._mean
        self._mean += error / self._weight
        self._variance += (error * (excess - self._mean) - self._variance) / self._weight
        decay = float(_PEAK_DECAY ** (self._seen - self._decayed_at))
        self._decayed_at = self._seen
        self._peaks = sorted([*(kept * decay for kept in self._peaks), peak], reverse=True)[:_PEAKS]

    def _shape(self) -> tuple[float, float]:
        """Return shape and scale of the generalised Pareto distribution with the excesses' mean and variance."""
        variance = max(self._variance, 1e-12)
        shape = min(max(0.5 * (1.0 - self._mean * self._mean / variance), _MIN_SHAPE), _MAX_SHAPE)
        return shape, max(self._mean * (1.0 - shape), 1e-6)

    def _log_survival(self, excess: float) -> float:
        shape, scale = self._shape()
        if abs(shape) < 1e-3:
            return min(excess / scale, _MAX_SURPRISE)
        inner = shape * excess / scale
        return min(math.log1p(inner) / shape, _MAX_SURPRISE) if inner > -1.0 else _MAX_SURPRISE

    def _excess_of(self, log_survival: float) -> float:
        shape, scale = self._shape()
        return scale * math.expm1(shape * log_survival) / shape if abs(shape) > 1e-3 else scale * log_survival

    def to_state(self) -> list[Any]:
        """Return the state as plain JSON values."""
        moments = [self._start, self._rate, self._mean, self._variance, self._weight]
        return [*moments, self._seen, self._decayed_at, self._last, self._burst, self._length, *self._peaks]

    def restore(self, state: Sequence[Any]) -> None:
        """Restore the state of ``to_state``."""
        self._start, self._rate, self._mean, self._variance, self._weight, *rest = state
        self._seen, self._decayed_at, self._last, self._burst, self._length, *self._peaks = rest


def _factor(over: bool, seen: int) -> float:
    return math.exp(max(_STEP, 0.5 / (1.0 + 0.05 * seen)) * (over - _SHARE))
