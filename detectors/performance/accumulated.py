"""CUSUM of log-likelihood ratios, for changes that last longer than the windows.

A small but lasting change of a series with few calls is not significant in 15 minutes, and is within an hour.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Final

from detectors.performance.intervals import EMPTY, IntervalCounts, Window

# Limits, as shares of the threshold: of the change by one interval, so that no single minute alarms, and of the sum, so
# that the alarm ends soon after the change.
_MAX_STEP: Final = 0.34
_CEILING: Final = 1.15
MAX_INTERVALS: Final = 120
"""Intervals after which evidence without an alarm starts anew: what creeps for days is drift, not an incident."""
_LOG10_E: Final = math.log10(math.e)
NO_EVIDENCE: Final = (0.0, EMPTY)
"""The CUSUM at 0: the sum and an empty window."""


class Accumulated:
    """CUSUM, and the window since it was last 0.

    Parameters
    ----------
    threshold
        Alarm threshold, in -log10 p.
    """

    __slots__ = ("_sum", "_threshold", "_window")

    def __init__(self, threshold: float) -> None:
        self._threshold = threshold
        self._sum = 0.0
        self._window = EMPTY

    def set_threshold(self, threshold: float) -> None:
        """Alarm at another threshold from now on."""
        self._threshold = threshold

    @property
    def is_open(self) -> bool:
        """Whether the CUSUM is above 0."""
        return self._sum > 0.0

    def with_next(self, ratio: float, interval: IntervalCounts) -> tuple[float, Window]:
        """Return the CUSUM in -log10 units and its window after an interval with log-likelihood ratio ``ratio``."""
        if ratio <= 0.0 and self._sum <= 0.0:
            return NO_EVIDENCE
        if self._window.intervals >= MAX_INTERVALS and self._sum < self._threshold:
            return NO_EVIDENCE
        most = _MAX_STEP * self._threshold
        total = min(self._sum + min(max(_LOG10_E * ratio, -most), most), _CEILING * self._threshold)
        return (total, self._window.plus(interval)) if total > 0.0 else NO_EVIDENCE

    def keep(self, following: tuple[float, Window]) -> None:
        """Store what ``with_next`` returned."""
        self._sum, self._window = following

    def to_state(self) -> list[Any]:
        """Return the state as plain values."""
        return [self._sum, *self._window] if self._sum > 0.0 else []

    def restore(self, state: Sequence[Any]) -> None:
        """Restore what ``to_state`` returned."""
        self._sum, self._window = (float(state[0]), Window(*state[1:])) if state else (0.0, EMPTY)
