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
        # The last part is new; earlier programs ignore it.
        return [self._habits.to_state(), self._budget.to_state(), self._habits.week]

    def restore(self, state: Sequence[Any]) -> None:
        """Restore the state of ``to_state``."""
        self._habits.restore(state[0])
        self._budget.restore(state[1])
        if len(state) > 2:  # states of versions before know no hours of the week
            self._habits.week = state[2]


class HourlyHabits:
    """The highest score of each hour of the day on earlier days, and of each hour of the week, with decay.

    A nightly batch or restart is anomalous the first time; later only if it is larger than before. So is the first
    weekend of a series, and the second is not.
    """

    __slots__ = ("_hours", "_ripening", "_since", "_week")

    def __init__(self) -> None:
        self._hours = [0.0] * _HOURS
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

    def known(self, time: float) -> float:
        """Return the usual peak score at this time, 0 where unknown."""
        hour = int(time // _HOUR) % _WEEK
        week = max(self._week[hour - 1], self._week[hour], self._week[(hour + 1) % _WEEK]) / _STEPS
        hour %= _HOURS
        return max(week, self._hours[hour - 1], self._hours[hour], self._hours[(hour + 1) % _HOURS])

    def learn(self, time: float, score: float) -> None:
        """Learn a score."""
        now = int(time // _HOUR)
        if self._ripening and self._ripening[-1][0] == now:
            if score > self._ripening[-1][1]:
                self._ripening[-1][1] = min(score, _MOST)
            return
        self._ripening.append([now, min(score, _MOST)])
        while self._ripening[0][0] <= now - _RIPE_HOURS:
            hour, highest = self._ripening.pop(0)
            place = int(hour) % _HOURS
            self._hours[place] = max(self._hours[place], highest)
            place = int(hour) % _WEEK
            self._week[place] = max(int(_KEPT_A_WEEK * self._week[place]), round(_STEPS * highest))
        if now // _HOURS > self._since:
            days = now // _HOURS - self._since
            self._hours = [one * _KEPT_A_DAY**days for one in self._hours]
            self._since = now // _HOURS

    def to_state(self) -> list[Any]:
        """Return the state as plain JSON values."""
        return [list(self._hours), self._since, [list(one) for one in self._ripening]]

    def restore(self, state: Sequence[Any]) -> None:
        """Restore the state of ``to_state``."""
        hours, self._since, ripening = state
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
