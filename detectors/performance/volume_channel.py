"""The volume channel: counts against the profile of the week and the level of the last hours."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Final

from detectors.performance.accumulated import MAX_INTERVALS, NO_EVIDENCE, Accumulated
from detectors.performance.day_fit import DayFit, MinuteOfHour
from detectors.performance.dispersion import Dispersion
from detectors.performance.intervals import LONG, SCATTER, IntervalCounts, Window
from detectors.performance.leniency import Leniency
from detectors.performance.week_profile import WeekProfile
from detectors.tail_probability import count_bound, count_deviation, surprise

THRESHOLD: Final = 4.9
"""Alarm threshold, in -log10 p."""
SLOW_HALF_LIFE_HOURS: Final = 24.0
FAST_HALF_LIFE_HOURS: Final = 1.0
_MIN_EXPECTED: Final = 8.0
_LENIENCY: Final = Leniency(100.0, 300.0, 1.2)
# Minimum effect as observed over expected, by window from the shortest.
_SURGES: Final = (2.6, 2.2, 1.7)
_DROPS: Final = (0.35, 0.4, 0.58)
# CUSUM: the alternatives as a share of the expected count, the minimum effect, the minimum length in intervals, and the
# intervals over which counts are taken to be correlated.
_FALLEN, _RISEN = 0.4, 2.0
_LOG_FALLEN, _LOG_RISEN = math.log(_FALLEN), math.log(_RISEN)
_ACCUMULATED_GATES: Final = (0.58, 1.7)
_ACCUMULATED_INTERVALS: Final = 10
_SPREAD_INTERVALS: Final = 15.0
# Smallest share of the usual calls that a first weekend may have, from its first night on.
_FIRST_NIGHT: Final = 0.1
# Largest multiple of what a weekend had that a first working day may have.
_FIRST_WORKING_DAY: Final = 10.0
# Hours by which midnight is later than in UTC, at most.
_WEST: Final = 12
# Weight of the prior for the level of the last hour, in events and in intervals.
_LEVEL_EVENTS, _LEVEL_INTERVALS = 30.0, 10.0
_WINSOR: Final = 4.0


NOTHING: Final = (NO_EVIDENCE, NO_EVIDENCE)
"""Both CUSUMs at 0."""


class VolumeChannel:
    """Counts against the profile of the week times the level of the last hours, in both directions.

    Parameters
    ----------
    slow_decay, fast_decay
        Decay factors of the slow and the fast level per interval.
    """

    __slots__ = (
        "_day",
        "_fallen",
        "_fast",
        "_fast_decay",
        "_hour",
        "_levels",
        "_minutes",
        "_open",
        "_past",
        "_profile",
        "_risen",
        "_scatter",
        "_slow",
        "_slow_decay",
        "_usual",
    )

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
        self._day = DayFit()
        self._minutes = MinuteOfHour()
        # The level at the end of the day before one of a weekday that was never observed; 1 without such a day.
        self._past = (0, 1.0)
        # By hour, until something is learned: the level of the last hours, and the least and most of other usual ones.
        self._levels: tuple[int, float, float, float] | None = None
        self._fallen = Accumulated(THRESHOLD)
        self._risen = Accumulated(THRESHOLD)

    def set_threshold(self, threshold: float) -> None:
        """Alarm at another threshold from now on."""
        self._fallen.set_threshold(threshold)
        self._risen.set_threshold(threshold)

    def warm(self, hour: int) -> bool:
        """Whether it is warm: this hour of the day was observed before."""
        return self._profile.sightings(hour)[0] > 0

    def level(self, hour: int) -> float:
        """Return the level of the last hours relative to the profile."""
        return self._levels_at(hour)[1]

    def _levels_at(self, hour: int) -> tuple[int, float, float, float]:
        if self._levels is not None and self._levels[0] == hour:
            return self._levels
        prior = _LEVEL_EVENTS + _LEVEL_INTERVALS * self._usual
        slow = (self._slow[0] + prior) / (self._slow[1] + prior)
        level = slow * (self._fast[0] + prior) / (slow * self._fast[1] + prior)
        past = self._past[1] if self._past[0] == hour // 24 else level
        learned = self._hour
        if learned is not None and learned // 24 != hour // 24 and not self._profile.knows_weekday(learned):
            past, level = level, 1.0  # the apparent level was that of a weekday that is over, in UTC at least
        self._levels = hour, level, *self._usual_levels(hour, level, slow, past)
        return self._levels

    def _usual_levels(self, hour: int, level: float, slow: float, past: float) -> tuple[float, float]:
        """Return least and most of the other levels that are usual: of the last day, and of a first weekend."""
        # A return to the level of the last day, as after a holiday, is not anomalous.
        least = most = slow
        if hour % 24 < _WEST and self._profile.sightings(hour)[1] == 0:
            least = min(least, past)
        if self._profile.may_begin_weekend(hour):
            # The level follows a far fall slowly: what the last hours had, as it is.
            recent = self._fast[0] / self._fast[1] if self._fast[1] > 0.0 else level
            least = min(least, level, recent, 1.0) * (_FIRST_NIGHT if self._profile.is_night(hour) else 1.0)
        elif self._profile.may_end_weekend(hour):
            most = max(most, 1.0)
        if not self._profile.knows_working_days(hour):
            most = _FIRST_WORKING_DAY * max(most, level, 1.0)
        return least, most

    def usual(self, hour: int, part: float) -> tuple[float, float]:
        """Return the expected count of an interval, ``part`` (0 to 1) into an hour, and its uncertainty."""
        known = self._profile.usual(hour, part)
        if known is not None:
            factor = self._minutes.factor(_minute(part))
            return factor * known[0], factor * known[1]
        total, count = self._open[0], self._open[2]
        return (total / count if count > 0.0 else 0.0), 0.0

    def expected(self, window: Window, hour: int) -> tuple[float, float, float]:
        """Return the expected count of a window with its lower and upper bound."""
        return _expected(self._levels_at(hour), window)

    def may_score(self, longest: Window, hour: int) -> bool:
        """Whether any window can score above 0, by the longest one."""
        return self.level(hour) * longest.usual >= _MIN_EXPECTED and self.warm(hour)

    def scores(self, windows: Sequence[Window], hour: int) -> list[tuple[int, float]]:
        """Return the index of each window with an unusual count, from the shortest, and its surprise."""
        found = []
        levels = self._levels_at(hour)
        for which, window in enumerate(windows):
            events = window.events
            _, least, most = _expected(levels, window)
            if least < _MIN_EXPECTED or _DROPS[which] * least < events < _SURGES[which] * most:
                continue
            within, excess = self._spread(which, hour)
            expected = least if events < least else most
            score = surprise(abs(count_deviation(events / within, expected / within, excess * within)))
            if score > 0.0:
                found.append((which, score * _LENIENCY.factor(expected)))
        return found

    def next_accumulated(self, interval: IntervalCounts) -> tuple[tuple[float, Window], tuple[float, Window]]:
        """Return the CUSUMs of fewer and of more calls after an interval."""
        expected = self.level(interval.hour) * interval.usual
        # Too few calls for an alarm however long the evidence.
        if expected * MAX_INTERVALS < _MIN_EXPECTED or not self.warm(interval.hour):
            return NOTHING
        fallen = interval.events * _LOG_FALLEN + (1.0 - _FALLEN) * expected
        risen = interval.events * _LOG_RISEN + (1.0 - _RISEN) * expected
        if fallen <= 0.0 and risen <= 0.0 and not self._fallen.is_open and not self._risen.is_open:
            return NOTHING
        within, excess = self._spread(LONG, interval.hour)
        spread = within + excess * _SPREAD_INTERVALS * expected
        return self._fallen.with_next(fallen / spread, interval), self._risen.with_next(risen / spread, interval)

    def keep(self, following: tuple[tuple[float, Window], tuple[float, Window]]) -> None:
        """Store what ``next_accumulated`` returned."""
        if following is NOTHING and not self._fallen.is_open and not self._risen.is_open:
            return
        self._fallen.keep(following[0])
        self._risen.keep(following[1])

    def accumulated_score(self, following: tuple[float, Window], hour: int) -> float:
        """Return the -log10 p of one of the CUSUMs, 0 below the minimum effect."""
        score, window = following
        if score <= 0.0 or window.intervals < _ACCUMULATED_INTERVALS:
            return 0.0
        if self.level(hour) * window.usual < _MIN_EXPECTED:
            return 0.0
        _, least, most = self.expected(window, hour)
        below, above = _ACCUMULATED_GATES
        if least < _MIN_EXPECTED or below * least < window.events < above * most:
            return 0.0
        return score * _LENIENCY.factor(least)

    def bounds(self, window: Window, which: int, hour: int, z: float) -> tuple[float, float]:
        """Return the normal range of the window's count."""
        _, least, most = self.expected(window, hour)
        within, excess = self._spread(which, hour)
        below = within * count_bound(least / within, excess * within, -_LENIENCY.eased(z, least))
        above = within * count_bound(most / within, excess * within, _LENIENCY.eased(z, most))
        return min(below, _DROPS[which] * least), max(above, _SURGES[which] * most)

    def learn(self, interval: IntervalCounts, part: float, steps: int, weight: float) -> None:
        """Learn from an interval, ``part`` into its hour and ``steps`` intervals after the one before."""
        slow_decay = self._slow_decay if steps == 1 else self._slow_decay**steps
        fast_decay = self._fast_decay if steps == 1 else self._fast_decay**steps
        if interval.hour != self._hour:
            self._close_hour(interval.hour)
        count, usual = interval.events, interval.usual
        if count > 0.0 and usual > 0.0 and self.warm(interval.hour):
            expected = self.level(interval.hour) * usual
            count = min(count, expected + _WINSOR * (expected * (2.0 + 0.1 * expected)) ** 0.5 + 2.0)
            minute = _minute(part)
            alone = expected / self._minutes.factor(minute)
            self._minutes.learn(minute, interval.events, alone, weight)
        slow, fast = self._slow, self._fast
        slow[0] = slow[0] * slow_decay + weight * count
        slow[1] = slow[1] * slow_decay + weight * usual
        fast[0] = fast[0] * fast_decay + weight * count
        fast[1] = fast[1] * fast_decay + weight * usual
        self._usual = usual
        self._levels = None
        self._open[0] += weight * count
        self._open[1] += weight
        self._open[2] += 1.0

    def _close_hour(self, hour: int) -> None:
        total, weight, count = self._open
        if self._hour is not None:
            if self._hour // 24 != hour // 24 and not self._profile.knows_weekday(self._hour):
                self._past = hour // 24, round(self.level(self._hour), 3)
                self.forget()
            if weight > 0.0:
                self._profile.learn(self._hour, total / weight, weight / count)
        self._hour = hour
        self._open = [0.0, 0.0, 0.0]

    def calibrate(self, window: Window, which: int, hour: int, weight: float) -> None:
        """Learn the dispersion of windows."""
        expected, _, _ = self.expected(window, hour)
        if expected >= 1.0 and self.warm(hour):
            self._scatter[SCATTER[which]].learn(expected, (window.events - expected) ** 2 / expected, weight)
            if which == LONG:
                self._day.learn(hour, window.events, expected, self._scatter[1].within, weight)

    def forget(self) -> None:
        """Accept a new normal: forget most of the old baseline."""
        self._fast = [0.0, 0.0]
        self._slow = [0.0, 0.0]
        self._levels = None

    def accept(self) -> None:
        """Accept the present level as the baseline; a return to the previous one stays normal for about a day."""
        self._fast = [0.0, 0.0]
        self._levels = None

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
            "day": self._day.to_state(),
            "past": self._past,
            "minutes": self._minutes.to_state(),
            "accumulated": [self._fallen.to_state(), self._risen.to_state()],
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Restore the state of ``to_state``."""
        self._profile.restore(state["profile"])
        self._slow = [float(value) for value in state["slow"]]
        self._fast = [float(value) for value in state["fast"]]
        self._usual = float(state["usual"])
        self._levels = None
        self._hour = state["hour"]
        self._open = [float(value) for value in state["open"]]
        for one, numbers in zip(self._scatter, state["scatter"], strict=True):
            one.restore(numbers)
        self._day.restore(state.get("day", (0, 0.0, 0.0)))
        day, level = state.get("past", (0, 1.0))
        self._past = int(day), float(level)
        self._minutes.restore(state.get("minutes", ()))
        fallen, risen = state.get("accumulated", ((), ()))
        self._fallen.restore(fallen)
        self._risen.restore(risen)

    def _spread(self, which: int, hour: int) -> tuple[float, float]:
        scatter = self._scatter[SCATTER[which]]
        seen = self._profile.sightings(hour)[1]
        return scatter.within, scatter.between + self._day.doubt(hour, seen, self._profile.steepness(hour))


def _expected(levels: tuple[int, float, float, float], window: Window) -> tuple[float, float, float]:
    _, level, lowest, highest = levels
    expected, doubt = level * window.usual, level * window.doubt
    least, least_other = expected - doubt, lowest * (window.usual - window.doubt)
    most, most_other = expected + doubt, highest * (window.usual + window.doubt)
    return (
        expected,
        least if least <= least_other else least_other,
        most if most >= most_other else most_other,
    )


def _minute(part: float) -> int:
    return int(60.0 * part)
