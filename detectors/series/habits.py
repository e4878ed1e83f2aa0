"""Discounts on anomaly scores: recurring peaks by hour of the day and of the week, and an alarm budget."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import Any, Final

# Discount on the scores of the first values.
_CAUTION: Final = 80.0
# Discount until this many days were observed, more of it on the first, which has hours never seen before.
_DAY_CAUTION, _DAY_LONG = 0.33, 1.4
# Factor by which an hour must exceed its earlier peaks.
_HABIT: Final = 1.3
_HOURS: Final = 24
_HOUR: Final = 3600.0
# An hour is learned only after this many hours, so that an anomaly does not excuse itself.
_RIPE_HOURS: Final = 12
# Cap of a learned peak, and its decay per day.
_MOST: Final = 4.0
_KEPT_A_DAY: Final = 0.93
# Decimals of a peak, so that the state is short.
_DIGITS: Final = 3
# Up to so many days of the series, the peak of a single day is a habit; from so many on, only what came on two days.
_ONCE_FROM, _ONCE_TO = 7.0, 14.0
# Peaks of the hours of the week are kept in one byte each, this many to a score of 1; their decay per week.
_STEPS: Final = 60.0
_KEPT_A_WEEK: Final = 0.7
_WEEK: Final = 168
# Minimum number of values per day for hourly peaks.
MIN_PER_DAY: Final = 48.0
# Memory of alarms in values of the budget, and the increase of the threshold for each alarm beyond the second.
_DEARER: Final = 0.25
_FREE: Final = 2.0
_QUIET: Final = 10


class Trust:
    """Discount on an anomaly score: at the start of a series, at hours with earlier peaks, after many alarms."""

    __slots__ = ("_budget", "_given", "_habits")

    def __init__(self) -> None:
        self._habits = HourlyHabits()
        self._budget = AlarmBudget()
        self._given = 1.0

    def of(self, time: float, seen: int, per_day: float) -> tuple[float, float]:
        """Return the factors, 0 to 1, of a deviation and of its score after so many values."""
        cold = seen / (seen + _CAUTION)
        divided = self._budget.price
        if per_day >= MIN_PER_DAY:
            day = seen / (per_day * _DAY_LONG)
            if day < 1.0:
                share = day if seen >= per_day else day * day
                divided /= _DAY_CAUTION + (1.0 - _DAY_CAUTION) * share
            self._given = max(1.0, _HABIT * self._habits.known(time)) * divided
            divided = self._given
        return cold, 1.0 / divided

    def learn(self, time: float, score: float, per_day: float, budget: float) -> None:
        """Learn the resulting score; ``budget`` as of ``AlarmBudget``."""
        if per_day >= MIN_PER_DAY:
            self._habits.learn(time, score * self._given)
        self._budget.learn(score > 1.0, budget)

    def to_state(self) -> list[Any]:
        """Return the state as plain JSON values."""
        # The last parts are new; earlier programs ignore them.
        return [self._habits.to_state(), self._budget.to_state(), self._habits.week, self._habits.twice]

    def restore(self, state: Sequence[Any]) -> None:
        """Restore the state of ``to_state``."""
        self._habits.restore(state[0])
        self._budget.restore(state[1])
        if len(state) > 2:  # states of versions before know no hours of the week
            self._habits.week = state[2]
        if len(state) > 3:  # nor what came on two days
            self._habits.twice = state[3]


class HourlyHabits:
    """The two highest scores of each hour of the day on earlier days, and the highest of the hours of the week.

    A nightly batch or restart is anomalous the first time; later only if it is larger than before. So is the first
    weekend of a series, and the second is not. In the first weeks one day makes a habit, later it takes two: what came
    once in many days is an incident, and must not excuse another one.
    """

    __slots__ = ("_begun", "_found", "_hours", "_ripening", "_second", "_since", "_week")

    def __init__(self) -> None:
        self._hours = [0.0] * _HOURS
        self._second = bytearray(_HOURS)
        self._begun: int | None = None
        # What ``known`` found for an hour; it stays until another hour begins.
        self._found = (-1, 0.0)
        self._week = bytearray(_WEEK)
        self._since = 0
        self._ripening: list[list[float]] = []

    @property
    def week(self) -> str:
        """The peaks of the hours of the week as text, from Thursday midnight UTC."""
        return base64.b64encode(self._week).decode()

    @week.setter
    def week(self, text: str) -> None:
        self._week = bytearray(base64.b64decode(text))
        self._found = (-1, 0.0)

    @property
    def twice(self) -> list[Any]:
        """The hour of the first score, and the second highest peak of each hour of the day as text."""
        return [self._begun, base64.b64encode(self._second).decode()]

    @twice.setter
    def twice(self, state: Sequence[Any]) -> None:
        self._begun, text = state
        self._second = bytearray(base64.b64decode(text))
        self._found = (-1, 0.0)

    def known(self, time: float) -> float:
        """Return the usual peak score at this time, 0 where unknown."""
        hour = int(time // _HOUR)
        if hour != self._found[0]:
            self._found = (hour, self._find(hour))
        return self._found[1]

    def _find(self, hour: int) -> float:
        week = max(self._week[(hour + one) % _WEEK] for one in (-1, 0, 1)) / _STEPS
        near = [(hour + one) % _HOURS for one in (-1, 0, 1)]
        twice = max(self._second[one] for one in near) / _STEPS
        return max(week, twice, self._once(hour) * max(self._hours[one] for one in near))

    def _once(self, hour: int) -> float:
        """Return how far a peak of a single day is a habit, 0 to 1: it is where there were few days without."""
        days = 0.0 if self._begun is None else (hour - self._begun) / _HOURS
        return min(1.0, max(0.0, (_ONCE_TO - days) / (_ONCE_TO - _ONCE_FROM)))

    def learn(self, time: float, score: float) -> None:
        """Learn a score."""
        now = int(time // _HOUR)
        if self._begun is None:
            self._begun = now
        if self._ripening and self._ripening[-1][0] == now:
            if score > self._ripening[-1][1]:
                self._ripening[-1][1] = min(round(score, _DIGITS), _MOST)
            return
        self._ripening.append([now, min(round(score, _DIGITS), _MOST)])
        self._found = (-1, 0.0)
        while self._ripening[0][0] <= now - _RIPE_HOURS:
            hour, highest = self._ripening.pop(0)
            place = int(hour) % _HOURS
            second = min(self._hours[place], highest)
            self._hours[place] = max(self._hours[place], highest)
            self._second[place] = max(self._second[place], round(_STEPS * second))
            place = int(hour) % _WEEK
            self._week[place] = max(int(_KEPT_A_WEEK * self._week[place]), round(_STEPS * highest))
        if now // _HOURS > self._since:
            days = now // _HOURS - self._since
            self._hours = [round(one * _KEPT_A_DAY**days, _DIGITS) for one in self._hours]
            self._second = bytearray(int(one * _KEPT_A_DAY**days) for one in self._second)
            self._since = now // _HOURS

    def to_state(self) -> list[Any]:
        """Return the state as plain JSON values."""
        return [list(self._hours), self._since, [list(one) for one in self._ripening]]

    def restore(self, state: Sequence[Any]) -> None:
        """Restore the state of ``to_state``."""
        hours, self._since, ripening = state
        self._found = (-1, 0.0)
        self._hours, self._ripening = list(hours), [list(one) for one in ripening]


class AlarmBudget:
    """Raises the threshold of a series with more alarms than its budget.

    A tail learned from a few hundred values is extrapolated to one event in tens of thousands; where it is too thin,
    the number of alarms shows it.
    """

    __slots__ = ("_quiet", "_spent")

    def __init__(self) -> None:
        self._spent = 0.0
        self._quiet = _QUIET

    @property
    def price(self) -> float:
        """Factor of the threshold; 1 within an episode."""
        if self._quiet < _QUIET:
            return 1.0
        return 1.0 + _DEARER * max(0.0, self._spent - _FREE)

    def learn(self, alarm: bool, budget: float) -> None:
        """Learn whether a value was an alarm; ``budget`` is the allowed share of values that start one."""
        if alarm and self._quiet >= _QUIET:
            self._spent += 1.0
        self._quiet = 0 if alarm else min(self._quiet + 1, _QUIET)
        self._spent *= 1.0 - budget

    def to_state(self) -> list[Any]:
        """Return the state as plain JSON values."""
        return [self._spent, self._quiet]

    def restore(self, state: Sequence[Any]) -> None:
        """Restore the state of ``to_state``."""
        self._spent, self._quiet = state
