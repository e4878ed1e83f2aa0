"""What a series does anyway: how far it goes at this hour of the day, and how often it alarms."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

# What is said of the first values is taken back by this much.
_CAUTION: Final = 80.0
# Before a day was seen, what a day brings may look like anything.
_DAY_CAUTION, _DAY_LONG = 0.33, 1.4
# By how much an hour must surpass what it did the days before.
_HABIT: Final = 1.3
_HOURS: Final = 24
_HOUR: Final = 3600.0
# An hour counts as a habit only once it is this many hours ago: what goes on now must not excuse itself.
_RIPE_HOURS: Final = 12
# An outage counts at most as this much, and every day a habit is forgotten by so much.
_MOST: Final = 4.0
_KEPT_A_DAY: Final = 0.93
# Fewer values a day than this, and an hour has no habits.
MIN_PER_DAY: Final = 48.0
# Alarms are forgotten within so many values of the budget; each beyond the second asks for so much more of the next.
_DEARER: Final = 0.25
_FREE: Final = 2.0
_QUIET: Final = 10


class Trust:
    """Discount on an anomaly score: at a series' start, at hours that scored as high before, after many alarms."""

    __slots__ = ("_budget", "_given", "_habits")

    def __init__(self) -> None:
        self._habits = HourlyHabits()
        self._budget = AlarmBudget()
        self._given = 1.0

    def of(self, time: float, seen: int, per_day: float) -> tuple[float, float]:
        """Return the shares, 0 to 1, that count of a deviation after so many values, and of its score."""
        cold = seen / (seen + _CAUTION)
        divided = self._budget.price
        if per_day >= MIN_PER_DAY:
            day = seen / (per_day * _DAY_LONG)
            if day < 1.0:
                divided /= _DAY_CAUTION + (1.0 - _DAY_CAUTION) * day
            self._given = max(1.0, _HABIT * self._habits.known(time)) * divided
            divided = self._given
        return cold, 1.0 / divided

    def learn(self, time: float, score: float, per_day: float, budget: float) -> None:
        """Take in the score that came of what ``of`` returned; ``budget`` as of ``AlarmBudget``."""
        if per_day >= MIN_PER_DAY:
            self._habits.learn(time, score * self._given)
        self._budget.learn(score > 1.0, budget)

    def to_state(self) -> list[Any]:
        """Return everything learned as plain JSON values."""
        return [self._habits.to_state(), self._budget.to_state()]

    def restore(self, state: Sequence[Any]) -> None:
        """Take over what ``to_state`` returned."""
        self._habits.restore(state[0])
        self._budget.restore(state[1])


class HourlyHabits:
    """The highest score of each hour of the day on the days before, slowly forgotten.

    What comes every night, such as a batch or a restart, is anomalous the first time; later only as far as it is more
    than it was.
    """

    __slots__ = ("_hours", "_ripening", "_since")

    def __init__(self) -> None:
        self._hours = [0.0] * _HOURS
        self._since = 0
        self._ripening: list[list[float]] = []

    def known(self, time: float) -> float:
        """Return the highest score that is usual at this time, 0 where nothing is known."""
        hour = int(time // _HOUR) % _HOURS
        return max(self._hours[hour - 1], self._hours[hour], self._hours[(hour + 1) % _HOURS])

    def learn(self, time: float, score: float) -> None:
        """Take in a score."""
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
        if now // _HOURS > self._since:
            days = now // _HOURS - self._since
            self._hours = [one * _KEPT_A_DAY**days for one in self._hours]
            self._since = now // _HOURS

    def to_state(self) -> list[Any]:
        """Return everything learned as plain JSON values."""
        return [list(self._hours), self._since, [list(one) for one in self._ripening]]

    def restore(self, state: Sequence[Any]) -> None:
        """Take over what ``to_state`` returned."""
        hours, self._since, ripening = state
        self._hours, self._ripening = list(hours), [list(one) for one in ripening]


class AlarmBudget:
    """Makes alarms dearer where a series has had more of them than the budget allows.

    A tail is learned from a few hundred values and asked for what happens once in tens of thousands: where it proves
    too thin, it is the alarms themselves that say so.
    """

    __slots__ = ("_quiet", "_spent")

    def __init__(self) -> None:
        self._spent = 0.0
        self._quiet = _QUIET

    @property
    def price(self) -> float:
        """By what factor a score must surpass what would otherwise be an alarm; 1 within an episode."""
        if self._quiet < _QUIET:
            return 1.0
        return 1.0 + _DEARER * max(0.0, self._spent - _FREE)

    def learn(self, alarm: bool, budget: float) -> None:
        """Take in whether a value was an alarm; ``budget`` is the share of values that may be the first of one."""
        if alarm and self._quiet >= _QUIET:
            self._spent += 1.0
        self._quiet = 0 if alarm else min(self._quiet + 1, _QUIET)
        self._spent *= 1.0 - budget

    def to_state(self) -> list[Any]:
        """Return everything learned as plain JSON values."""
        return [self._spent, self._quiet]

    def restore(self, state: Sequence[Any]) -> None:
        """Take over what ``to_state`` returned."""
        self._spent, self._quiet = state
