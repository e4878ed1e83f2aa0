"""The latency channel: mean log latency against its usual value at this hour."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Final

from detectors.performance.dispersion import Dispersion
from detectors.performance.intervals import SCATTER, IntervalCounts, Window
from detectors.tail_probability import surprise

THRESHOLD: Final = 6.5
"""Alarm threshold, in -log10 p."""
HALF_LIFE_HOURS: Final = 48.0
FAST_HALF_LIFE_HOURS: Final = 3.0
_MIN_EVENTS: Final = 5.0
_WARM_EVENTS: Final = 150.0
# Minimum effect as a logarithm, by window from the shortest.
_GATES: Final = (math.log(1.6), math.log(1.5), math.log(1.25))
# Prior variance of a log response time, and its weight in responses.
_PRIOR_VARIANCE, _PRIOR_EVENTS = 0.4, 20.0
_MIN_VARIANCE: Final = 1e-4
# Weight of the prior for the recent level, in events.
_FAST_PRIOR: Final = 150.0
_HOUR_PRIOR: Final = 30.0
_DAYS: Final = 6
_WINSOR: Final = 4.0


class LatencyChannel:
    """Mean of ln(1 + ms) against the usual one at this hour of the day, with variance sigma²/n + tau².

    Parameters
    ----------
    decay, fast_decay
        Decay factors of the slow and the fast memory per interval.
    """

    __slots__ = (
        "_decay",
        "_events",
        "_fast",
        "_fast_decay",
        "_freedom",
        "_hour",
        "_hours",
        "_mean",
        "_open",
        "_scatter",
        "_seen",
        "_squares",
    )

    def __init__(self, decay: float, fast_decay: float) -> None:
        self._decay = decay
        self._fast_decay = fast_decay
        self._mean = 0.0
        self._events = 0.0
        self._squares = 0.0
        self._freedom = 0.0
        self._hours = [0.0] * 24
        self._seen = [0] * 24
        self._fast = [0.0, 0.0]
        self._open = [0.0, 0.0]
        self._hour: int | None = None
        self._scatter = (Dispersion(1.3, 0.01), Dispersion(1.3, 0.01))

    @property
    def warm(self) -> bool:
        """Whether it is warm."""
        return self._events >= _WARM_EVENTS

    @property
    def variance(self) -> float:
        """The variance of one response around the mean of its interval."""
        pooled = (self._squares + _PRIOR_VARIANCE * _PRIOR_EVENTS) / (self._freedom + _PRIOR_EVENTS)
        return max(pooled, _MIN_VARIANCE)

    def expected(self, hour: int) -> float:
        """Return the usual mean of ln(1 + ms) at this time."""
        return self._mean + self._hours[hour % 24] + self._fast[0] / (self._fast[1] + _FAST_PRIOR)

    def may_score(self, longest: Window) -> bool:
        """Whether any window can score above 0, by the longest one."""
        return longest.timed >= _MIN_EVENTS and self.warm

    def scores(self, windows: Sequence[Window], hour: int) -> list[tuple[int, float]]:
        """Return the index of each window that is unusually slow, from the shortest, and the surprise of its mean."""
        found = []
        expected = self.expected(hour)
        for which, window in enumerate(windows):
            timed = window.timed
            if timed < _MIN_EVENTS:
                continue
            slower = window.log_sum / timed - expected
            if slower >= _GATES[which] and (score := surprise(slower / self._deviation(window, which))) > 0.0:
                found.append((which, score))
        return found

    def bounds(self, window: Window, which: int, hour: int, z: float) -> tuple[float, float]:
        """Return the normal range of the window's mean."""
        expected, deviation = self.expected(hour), self._deviation(window, which)
        return expected - z * deviation, expected + max(z * deviation, _GATES[which])

    def learn(self, interval: IntervalCounts, steps: int, weight: float) -> None:
        """Learn from an interval, ``steps`` intervals after the one before."""
        decay = self._decay if steps == 1 else self._decay**steps
        self._events *= decay
        self._squares *= decay
        self._freedom *= decay
        fast_decay = self._fast_decay if steps == 1 else self._fast_decay**steps
        self._fast[0] *= fast_decay
        self._fast[1] *= fast_decay
        if interval.hour != self._hour:
            self._close_hour(interval.hour)
        if interval.timed > 0.0:
            self._learn_mean(interval, weight)

    def _learn_mean(self, interval: IntervalCounts, weight: float) -> None:
        count = interval.timed
        mean = interval.log_sum / count
        if self._events == 0.0:
            self._mean = mean
        scatter, variance = self._scatter[0], self.variance
        most = _WINSOR * math.sqrt(variance * (scatter.within / count + scatter.between))
        residual = min(max(mean - self.expected(interval.hour), -most), most)
        share = weight * count
        self._events += share
        self._mean += residual * share / (self._events + _HOUR_PRIOR)
        beyond_fast = residual + self._fast[0] / (self._fast[1] + _FAST_PRIOR)
        self._fast[0] += share * beyond_fast
        self._fast[1] += share
        self._open[0] += share * (beyond_fast + self._hours[interval.hour % 24])
        self._open[1] += share
        if count > 1.0:
            squares = max(interval.log_squares - interval.log_sum * mean, 0.0)
            self._squares += weight * min(squares, 9.0 * (count - 1.0) * variance)
            self._freedom += weight * (count - 1.0)

    def _close_hour(self, hour: int) -> None:
        total, count = self._open
        if self._hour is not None and count > 0.0:
            of_day = self._hour % 24
            gain = count / (count + _HOUR_PRIOR) / (self._seen[of_day] + 1)
            moved = self._hours[of_day] + gain * (total / count - self._hours[of_day])
            self._hours[of_day] = float(f"{moved:.4g}")
            self._seen[of_day] = min(self._seen[of_day] + 1, _DAYS)
        self._hour = hour
        self._open = [0.0, 0.0]

    def calibrate(self, window: Window, which: int, hour: int, weight: float) -> None:
        """Learn the dispersion of windows."""
        count = window.timed
        if count >= _MIN_EVENTS and self.warm:
            off = window.log_sum / count - self.expected(hour)
            self._scatter[SCATTER[which]].learn(count, off * off * count / self.variance, weight)

    def forget(self) -> None:
        """Accept a new normal: forget most of the old baseline."""
        self._events = min(self._events, _PRIOR_EVENTS)
        self._fast = [0.0, 0.0]

    def to_state(self) -> dict[str, Any]:
        """Return the state as plain values."""
        return {
            "mean": [self._mean, self._events, self._squares, self._freedom],
            "hours": self._hours,
            "seen": "".join(map(str, self._seen)),
            "fast": self._fast,
            "hour": self._hour,
            "open": self._open,
            "scatter": [one.to_state() for one in self._scatter],
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Restore the state of ``to_state``."""
        self._mean, self._events, self._squares, self._freedom = map(float, state["mean"])
        self._hours = [float(value) for value in state["hours"]]
        self._seen = [int(digit) for digit in state["seen"]]
        self._fast = [float(value) for value in state["fast"]]
        self._hour = state["hour"]
        self._open = [float(value) for value in state["open"]]
        for one, numbers in zip(self._scatter, state["scatter"], strict=True):
            one.restore(numbers)

    def _deviation(self, window: Window, which: int) -> float:
        scatter = self._scatter[SCATTER[which]]
        count = window.timed
        # A few time-outs raise the mean and the variance; when all responses are slower, the variance stays the same.
        own = (window.log_squares - window.log_sum * window.log_sum / count) / (count - 1.0)
        doubt = 1.0 / (self._events + 1.0)
        return math.sqrt(max(self.variance, own) * (scatter.within / count + scatter.between + doubt))
