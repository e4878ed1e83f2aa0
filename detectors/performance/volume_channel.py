"""The volume channel: counts against the profile of the week and the level of the last hours."""

from __future__ import annotations

from typing import Any, Final

from detectors.performance.dispersion import Dispersion
from detectors.performance.intervals import Interval, Window
from detectors.performance.week_profile import WeekProfile
from detectors.tail_probability import count_bound, count_deviation, surprise

SLOW_HALF_LIFE_HOURS: Final = 24.0
FAST_HALF_LIFE_HOURS: Final = 1.0
_MIN_EXPECTED: Final = 8.0
# Minimum effect as observed over expected, in the short and the long window.
_SURGES: Final = (2.2, 1.6)
_DROPS: Final = (0.4, 0.6)
# Weight of the prior for the level of the last hour, in events and in intervals.
_LEVEL_EVENTS, _LEVEL_INTERVALS = 30.0, 10.0
# Uncertainty of a weekday that was never observed, or once.
_UNSEEN: Final = (0.08, 0.005)
_WINSOR: Final = 4.0


class VolumeChannel:
    """Counts against the profile of the week times the level of the last hours, in both directions.

    Parameters
    ----------
    slow_decay, fast_decay
        Decay factors of the slow and the fast level per interval.
    """

    __slots__ = ("_fast", "_fast_decay", "_hour", "_open", "_profile", "_scatter", "_slow", "_slow_decay", "_usual")

    def __init__(self, slow_decay: float, fast_decay: float) -> None:
        self._slow_decay = slow_decay
        self._fast_decay = fast_decay
        self._profile = WeekProfile()
        self._slow = [0.0, 0.0]
        self._fast = [0.0, 0.0]
        self._usual = 0.0
        self._hour: int | None = None
        self._open = [0.0, 0.0, 0.0]
        self._scatter = (Dispersion(2.0, 0.05), Dispersion(2.0, 0.05))

    def warm(self, hour: int) -> bool:
        """Whether it is warm: this hour of the day was observed before."""
        return self._profile.sightings(hour)[0] > 0

    def level(self, hour: int) -> float:
        """Return the level of the last hours relative to the profile."""
        learned = self._hour
        if learned is not None and learned // 24 != hour // 24 and not self._profile.knows_weekday(learned):
            return 1.0  # the apparent level was that of a weekday that is over
        prior = _LEVEL_EVENTS + _LEVEL_INTERVALS * self._usual
        slow = (self._slow[0] + prior) / (self._slow[1] + prior)
        return slow * (self._fast[0] + prior) / (slow * self._fast[1] + prior)

    def usual(self, hour: int, part: float) -> tuple[float, float]:
        """Return the expected count of an interval, ``part`` (0 to 1) into an hour, and its uncertainty."""
        known = self._profile.usual(hour, part)
        if known is not None:
            return known
        total, count = self._open[0], self._open[2]
        return (total / count if count > 0.0 else 0.0), 0.0

    def expected(self, window: Window, hour: int) -> tuple[float, float, float]:
        """Return the expected count of a window with its lower and upper bound."""
        level = self.level(hour)
        expected, doubt = level * window.usual, level * window.doubt
        return expected, expected - doubt, expected + doubt

    def score(self, window: Window, which: int, hour: int) -> float:
        """Return the surprise of a window's count; ``which`` is 0 for the short window and 1 for the long one."""
        _, least, most = self.expected(window, hour)
        if least < _MIN_EXPECTED or _DROPS[which] * least < window.events < _SURGES[which] * most:
            return 0.0
        within, excess = self._spread(which, hour)
        expected = least if window.events < least else most
        return surprise(abs(count_deviation(window.events / within, expected / within, excess * within)))

    def bounds(self, window: Window, which: int, hour: int, z: float) -> tuple[float, float]:
        """Return the normal range of the window's count."""
        _, least, most = self.expected(window, hour)
        within, excess = self._spread(which, hour)
        below = within * count_bound(least / within, excess * within, -z)
        above = within * count_bound(most / within, excess * within, z)
        return min(below, _DROPS[which] * least), max(above, _SURGES[which] * most)

    def learn(self, interval: Interval, steps: int, weight: float) -> None:
        """Learn from an interval, ``steps`` intervals after the one before."""
        slow_decay = self._slow_decay if steps == 1 else self._slow_decay**steps
        fast_decay = self._fast_decay if steps == 1 else self._fast_decay**steps
        if interval.hour != self._hour:
            self._close_hour(interval.hour)
        count, usual = interval.events, interval.usual
        if count > 0.0 and usual > 0.0 and self.warm(interval.hour):
            expected = self.level(interval.hour) * usual
            count = min(count, expected + _WINSOR * (expected * (2.0 + 0.1 * expected)) ** 0.5 + 2.0)
        slow, fast = self._slow, self._fast
        slow[0] = slow[0] * slow_decay + weight * count
        slow[1] = slow[1] * slow_decay + weight * usual
        fast[0] = fast[0] * fast_decay + weight * count
        fast[1] = fast[1] * fast_decay + weight * usual
        self._usual = usual
        self._open[0] += weight * count
        self._open[1] += weight
        self._open[2] += 1.0

    def _close_hour(self, hour: int) -> None:
        total, weight, count = self._open
        if self._hour is not None:
            if self._hour // 24 != hour // 24 and not self._profile.knows_weekday(self._hour):
                self.forget()
            if weight > 0.0:
                self._profile.learn(self._hour, total / weight, weight / count)
        self._hour = hour
        self._open = [0.0, 0.0, 0.0]

    def calibrate(self, window: Window, which: int, hour: int, weight: float) -> None:
        """Learn the dispersion of windows."""
        expected, _, _ = self.expected(window, hour)
        if expected >= 1.0 and self.warm(hour):
            self._scatter[which].learn(expected, (window.events - expected) ** 2 / expected, weight)

    def forget(self) -> None:
        """Accept a new normal: forget most of the old baseline."""
        self._fast = [0.0, 0.0]
        self._slow = [0.0, 0.0]

    def to_state(self) -> dict[str, Any]:
        """Return the state as plain values."""
        return {
            "profile": self._profile.to_state(),
            "slow": self._slow,
            "fast": self._fast,
            "usual": self._usual,
            "hour": self._hour,
            "open": self._open,
            "scatter": [one.to_state() for one in self._scatter],
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Restore the state of ``to_state``."""
        self._profile.restore(state["profile"])
        self._slow = [float(value) for value in state["slow"]]
        self._fast = [float(value) for value in state["fast"]]
        self._usual = float(state["usual"])
        self._hour = state["hour"]
        self._open = [float(value) for value in state["open"]]
        for one, numbers in zip(self._scatter, state["scatter"], strict=True):
            one.restore(numbers)

    def _spread(self, which: int, hour: int) -> tuple[float, float]:
        scatter = self._scatter[which]
        seen = self._profile.sightings(hour)[1]
        return scatter.within, scatter.between + (_UNSEEN[seen] if seen < 2 else 0.0)
