"""The error channel: errors against the usual error rate of days and of the last hours."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from detectors.performance.dispersion import Dispersion
from detectors.performance.intervals import SCATTER, IntervalCounts, Window
from detectors.performance.leniency import Leniency
from detectors.tail_probability import count_bound, count_deviation, surprise

HALF_LIFE_HOURS: Final = 48.0
FAST_HALF_LIFE_HOURS: Final = 3.0
THRESHOLD: Final = 5.4
"""Alarm threshold, in -log10 p."""
_MIN_EVENTS, _MIN_ERRORS = 5.0, 3.0
# Prior: 2 % of calls fail, with the weight of this many calls.
_PRIOR_ERRORS, _PRIOR_CALLS = 0.6, 30.0
_WARM_CALLS: Final = 150.0
# Weight of the prior for the level of the last hours, in errors: the level of calm series moves by a quarter or so.
_LEVEL_ERRORS: Final = 20.0
# Cap of an interval's errors when learning, in standard deviations.
_WINSOR: Final = 4.0
# By chance alone so many errors are hardly ever doubled.
_LENIENCY: Final = Leniency(60.0, 100.0, 1.5)
# Minimum effect by window, from the shortest: (multiple of the usual rate, or increase over it).
_GATES: Final = ((2.0, 0.10), (2.0, 0.08), (2.0, 0.03))


class ErrorChannel:
    """Errors against a slow error rate times the level of the last hours, as an overdispersed Poisson tail.

    Parameters
    ----------
    decay, fast_decay
        Decay factors of the slow and the fast memory per interval.
    """

    __slots__ = ("_calls", "_decay", "_errors", "_fast", "_fast_decay", "_rate", "_scatter")

    def __init__(self, decay: float, fast_decay: float) -> None:
        self._decay = decay
        self._fast_decay = fast_decay
        # Errors and calls of the last hours.
        self._fast = [0.0, 0.0]
        # The usual error rate, until something is learned.
        self._rate: float | None = None
        self._errors = 0.0
        self._calls = 0.0
        self._scatter = (Dispersion(1.2, 0.05), Dispersion(1.3, 0.05))

    @property
    def warm(self) -> bool:
        """Whether it is warm."""
        return self._calls >= _WARM_CALLS

    @property
    def rate(self) -> float:
        """The usual error rate."""
        if self._rate is None:
            slow = (self._errors + _PRIOR_ERRORS) / (self._calls + _PRIOR_CALLS)
            self._rate = slow * (self._fast[0] + _LEVEL_ERRORS) / (slow * self._fast[1] + _LEVEL_ERRORS)
        return self._rate

    def may_score(self, longest: Window) -> bool:
        """Whether any window can score above 0, by the longest one."""
        return longest.errors >= _MIN_ERRORS and longest.known >= _MIN_EVENTS and self.warm

    def scores(self, windows: Sequence[Window]) -> list[tuple[int, float]]:
        """Return the index of each window with unusually many errors, from the shortest, and their surprise."""
        found = []
        rate = self.rate
        for which, window in enumerate(windows):
            known, errors = window.known, window.errors
            if known < _MIN_EVENTS or errors < _MIN_ERRORS or errors < _gate(rate, known, which):
                continue
            expected = rate * known
            within, excess = self._spread(which)
            score = surprise(count_deviation(errors / within, expected / within, excess * within))
            if score > 0.0:
                found.append((which, score * _LENIENCY.factor(expected)))
        return found

    def bounds(self, window: Window, which: int, z: float) -> tuple[float, float]:
        """Return the normal range of the window's number of errors."""
        expected = self.rate * window.known
        within, excess = self._spread(which)
        above = within * count_bound(expected / within, excess * within, _LENIENCY.eased(z, expected))
        return 0.0, max(above, _gate(self.rate, window.known, which))

    def learn(self, interval: IntervalCounts, steps: int, weight: float) -> None:
        """Learn from an interval, ``steps`` intervals after the one before."""
        decay = self._decay if steps == 1 else self._decay**steps
        fast_decay = self._fast_decay if steps == 1 else self._fast_decay**steps
        calls = errors = 0.0
        if interval.known > 0.0:
            expected = self.rate * interval.known
            most = expected + _WINSOR * (self._scatter[0].within * expected) ** 0.5 + 1.0
            calls, errors = weight * interval.known, weight * min(interval.errors, most)
        fast = self._fast
        self._calls = self._calls * decay + calls
        self._errors = self._errors * decay + errors
        fast[0] = fast[0] * fast_decay + errors
        fast[1] = fast[1] * fast_decay + calls
        self._rate = None

    def calibrate(self, window: Window, which: int, weight: float) -> None:
        """Learn the dispersion of windows."""
        if window.known >= _MIN_EVENTS and self.warm:
            expected = self.rate * window.known
            self._scatter[SCATTER[which]].learn(expected, (window.errors - expected) ** 2 / expected, weight)

    def forget(self) -> None:
        """Accept a new normal: forget most of the old baseline."""
        keep = min(_PRIOR_CALLS / (self._calls + 1e-9), 1.0)
        self._calls *= keep
        self._errors *= keep
        self._fast = [0.0, 0.0]
        self._rate = None

    def to_state(self) -> dict[str, Any]:
        """Return the state as plain values."""
        return {
            "errors": self._errors,
            "calls": self._calls,
            "fast": list(self._fast),
            "scatter": [one.to_state() for one in self._scatter],
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Restore the state of ``to_state``."""
        self._errors = float(state["errors"])
        self._calls = float(state["calls"])
        # States of earlier versions have no level of the last hours: it starts at the slow rate.
        self._fast = [float(value) for value in state.get("fast", (0.0, 0.0))]
        self._rate = None
        for one, numbers in zip(self._scatter, state["scatter"], strict=True):
            one.restore(numbers)

    def _spread(self, which: int) -> tuple[float, float]:
        scatter = self._scatter[SCATTER[which]]
        return scatter.within, scatter.between + 1.0 / (self._errors + 1.0)


def _gate(rate: float, known: float, which: int) -> float:
    times, more = _GATES[which]
    return known * max(times * rate, rate + more)
