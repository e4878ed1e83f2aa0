"""Corrections of the week profile: uncertainty of weekdays without history, and minute-of-hour factors."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Final

# Excess variance of a weekday that was never observed, or once: prior mean, prior weight in long windows, decay per
# window, and the share of the squared log slope of the profile that is added.
_UNSEEN: Final = (0.08, 0.02)
_PRIOR_WINDOWS: Final = 4.0
_KEPT: Final = 0.94
_STEEP: Final = 0.1
_MAX_EXCESS: Final = 1.0

_MINUTES: Final = 60
# Memory of a minute-of-hour factor in hours, its prior in events, and the hours needed before it is used.
_HOURS: Final = 36
_PRIOR_EVENTS: Final = 3.0
_TOLD_HOURS: Final = 8
# Factors nearer to 1 than this are taken for noise.
_REMARKABLE: Final = 1.35
_LARGEST: Final = 20.0


class DayFit:
    """Excess variance of the current day around profile and level, estimated from its own windows."""

    __slots__ = ("_day", "_squares", "_windows")

    def __init__(self) -> None:
        self._day = 0
        self._squares = 0.0
        self._windows = 0.0

    def doubt(self, hour: int, seen: int, steepness: float) -> float:
        """Return the excess variance of an hour of the week that was observed ``seen`` times.

        ``steepness`` is the logarithm of the profile's change from the hour before.
        """
        if seen >= len(_UNSEEN):
            return 0.0
        known = hour // 24 == self._day
        squares, windows = (self._squares, self._windows) if known else (0.0, 0.0)
        steep = _STEEP * steepness * steepness if seen == 0 else 0.0
        return (_UNSEEN[seen] * _PRIOR_WINDOWS + squares) / (_PRIOR_WINDOWS + windows) + steep

    def learn(self, hour: int, observed: float, expected: float, within: float, weight: float) -> None:
        """Learn from a long window; ``within`` is the dispersion of counts relative to Poisson."""
        if hour // 24 != self._day:
            self._day, self._squares, self._windows = hour // 24, 0.0, 0.0
        excess = (observed / expected - 1.0) ** 2 - within / expected
        self._squares = _KEPT * self._squares + weight * min(max(excess, 0.0), _MAX_EXCESS)
        self._windows = _KEPT * self._windows + weight

    def to_state(self) -> list[float]:
        """Return the state as plain numbers."""
        return [self._day, self._squares, self._windows]

    def restore(self, state: Sequence[float]) -> None:
        """Restore what ``to_state`` returned."""
        self._day, self._squares, self._windows = int(state[0]), float(state[1]), float(state[2])


class MinuteOfHour:
    """Factor of each minute of the hour over the mean of the hour, for example of jobs on the full hour.

    A factor is used only if it differs from 1 by more than a third.
    """

    __slots__ = ("_factors", "_hours")

    def __init__(self) -> None:
        self._factors = [1.0] * _MINUTES
        self._hours = [0] * _MINUTES

    def factor(self, minute: int) -> float:
        """Return the factor of a minute of the hour; 1 if not significant."""
        known = self._factors[minute]
        if self._hours[minute] < _TOLD_HOURS or 1.0 / _REMARKABLE < known < _REMARKABLE:
            return 1.0
        return known

    def learn(self, minute: int, count: float, expected: float, weight: float) -> None:
        """Learn from an interval; ``expected`` is its count without the factor."""
        if expected <= 0.0:
            return
        hours = self._hours[minute] = min(self._hours[minute] + 1, _HOURS)
        ratio = min((count + _PRIOR_EVENTS) / (expected + _PRIOR_EVENTS), _LARGEST)
        # Mean of logarithms, clipped, so that one outlier has little influence.
        step = min(max(math.log(ratio / self._factors[minute]), -1.0), 1.0)
        moved = self._factors[minute] * math.exp(weight * step / hours)
        self._factors[minute] = max(round(moved, 3), 0.001)

    def to_state(self) -> list[Any]:
        """Return the state as plain values."""
        if not any(self._hours):
            return []
        return [[round(1000.0 * one) for one in self._factors], self._hours]

    def restore(self, state: Sequence[Any]) -> None:
        """Restore what ``to_state`` returned."""
        if state:
            self._factors = [one / 1000.0 for one in state[0]]
            self._hours = [int(one) for one in state[1]]
