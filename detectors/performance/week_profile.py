"""Usual counts by hour of the day and of the week, learned hour by hour.

Each of the 168 hours of a UTC week is shrunk towards the hour of the day, scaled by the day of the week, until it has
enough observations. Daylight saving shifts the profile by an hour; the level on top of it adapts.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Final

_HOURS: Final = 168
# 1970-01-01 was a Thursday; the week begins on Monday.
_SHIFT: Final = 72
# Hours of the UTC week that may be of a weekend just begun, in some time zone: Friday 10:00 (UTC+14) to Sunday 10:00.
# Of one just ended: from then to Monday 18:00. And of a working day in every time zone: Monday 12:00 to Friday 10:00.
_BEGINS, _ENDS, _WORKING = range(106, 154), (*range(154, 168), *range(18)), range(12, 106)
# Share of the day's mean below which an hour may hold midnight, in whatever time zone.
_NIGHT: Final = 0.5
# Memory of an hour of the week in weeks, and of an hour of the day in days.
_WEEKS: Final = 4
_DAYS: Final = 6
# Weight of the hour of the day as a prior, in observations.
_LEAN: Final = 0.5
# Maximum factor by which one day changes the profile.
_CLIP: Final = 2.5


class WeekProfile:
    """Usual count of an interval at each hour of the week."""

    __slots__ = (
        "_cells",
        "_day",
        "_day_sums",
        "_days",
        "_factors",
        "_hours",
        "_nodes",
        "_nodes_hour",
        "_seen",
        "_sightings",
    )

    def __init__(self) -> None:
        self._cells = [0.0] * _HOURS
        self._seen = [0] * _HOURS
        self._hours = [0.0] * 24
        self._sightings = [0] * 24
        self._factors = [1.0] * 7
        self._days = [0] * 7
        self._day = 0
        self._day_sums = [0.0, 0.0]
        self._nodes = (0.0, 0.0, 0.0)
        self._nodes_hour: int | None = None

    def sightings(self, hour: int) -> tuple[int, int]:
        """Return the number of observations of this hour of the day and of the week."""
        cell = (hour + _SHIFT) % _HOURS
        return self._sightings[cell % 24], self._seen[cell]

    def knows_weekday(self, hour: int) -> bool:
        """Return whether a whole day of this weekday was observed before."""
        return self._days[(hour + _SHIFT) % _HOURS // 24] > 0

    def may_begin_weekend(self, hour: int) -> bool:
        """Return whether a weekend may just have begun, in some time zone, at an hour that was never observed."""
        cell = (hour + _SHIFT) % _HOURS
        return self._seen[cell] == 0 and cell in _BEGINS

    def may_end_weekend(self, hour: int) -> bool:
        """Return whether one may just have ended at an hour that was observed once at most."""
        cell = (hour + _SHIFT) % _HOURS
        return self._seen[cell] < 2 and cell in _ENDS

    def knows_working_days(self, hour: int) -> bool:
        """Return whether this hour of the day was observed on a day that is no weekend in any time zone."""
        first = hour % 24 if hour % 24 >= _WORKING.start else hour % 24 + 24
        return any(self._seen[first : _WORKING.stop : 24])

    def usual(self, hour: int, part: float) -> tuple[float, float] | None:
        """Return the usual count of an interval, ``part`` (0 to 1) into an hour, and its uncertainty.

        It is interpolated linearly between the middles of hours; the uncertainty covers a jump at the full hour.
        ``None`` where nothing is known.
        """
        if hour != self._nodes_hour:
            self._nodes = (self._node(hour - 1, hour), self._node(hour, hour), self._node(hour + 1, hour))
            self._nodes_hour = hour
        before, here, after = self._nodes
        if here < 0.0:
            return None
        usual = here + ((before - here) * (0.5 - part) if part < 0.5 else (after - here) * (part - 0.5))
        return usual, abs(usual - here)

    def steepness(self, hour: int) -> float:
        """Return the log ratio of the profile to the hour before, 0 if one of both is unknown."""
        if hour != self._nodes_hour or min(self._nodes[:2]) <= 0.0:
            return 0.0
        return math.log(self._nodes[1] / self._nodes[0])

    def learn(self, hour: int, mean: float, weight: float) -> None:
        """Learn the mean count of the intervals of a completed hour; ``weight`` is 0 to 1."""
        cell = (hour + _SHIFT) % _HOURS
        of_day, weekday = cell % 24, cell // 24
        daily = self._hours[of_day]
        if hour // 24 != self._day:
            self._learn_weekday((self._day * 24 + _SHIFT) % _HOURS // 24)
            self._day = hour // 24
        if self._sightings[of_day] > 0:
            self._day_sums[0] += weight * mean
            self._day_sums[1] += weight * daily
        self._learn_cell(cell, mean, weight)
        self._learn_hour(of_day, mean / self._factors[weekday], weight)
        self._nodes_hour = None

    def _learn_cell(self, cell: int, mean: float, weight: float) -> None:
        seen = self._seen[cell]
        if seen > 0:
            old = self._cells[cell]
            clipped = min(max(mean, old / _CLIP), old * _CLIP + 1.0)
            mean = old + weight / (min(seen, _WEEKS - 1) + 1) * (clipped - old)
        elif weight < 0.5:
            return
        self._cells[cell] = _short(mean)
        self._seen[cell] = min(seen + 1, 9)

    def _learn_hour(self, of_day: int, mean: float, weight: float) -> None:
        seen, old = self._sightings[of_day], self._hours[of_day]
        if seen > 0:
            clipped = min(max(mean, old / _CLIP), old * _CLIP + 1.0)
            mean = old + weight / (min(seen, _DAYS - 1) + 1) * (clipped - old)
        self._hours[of_day] = _short(mean)
        self._sightings[of_day] = min(seen + 1, 9)

    def _learn_weekday(self, weekday: int) -> None:
        actual, expected = self._day_sums
        self._day_sums = [0.0, 0.0]
        if expected <= 0.0:
            return
        seen = min(self._days[weekday], 2)
        ratio = min(max(actual / expected, 0.1), 10.0)
        self._factors[weekday] = _short(self._factors[weekday] + (ratio - self._factors[weekday]) / (seen + 1))
        self._days[weekday] = seen + 1

    def _node(self, hour: int, fallback: int) -> float:
        cell = (hour + _SHIFT) % _HOURS
        of_day = cell % 24
        if self._sightings[of_day] == 0:
            return -1.0 if hour == fallback else self._node(fallback, fallback)
        daily = self._hours[of_day] * self._factors[cell // 24]
        seen = self._seen[cell]
        return (self._cells[cell] * seen + _LEAN * daily) / (seen + _LEAN)

    def is_night(self, hour: int) -> bool:
        """Return whether less than half of the mean of all hours happens at this hour of the day."""
        known = [usual for usual, seen in zip(self._hours, self._sightings, strict=True) if seen > 0]
        return self._hours[hour % 24] * len(known) < _NIGHT * sum(known)

    def to_state(self) -> dict[str, Any]:
        """Return the state as plain values."""
        return {
            "cells": self._cells,
            "seen": "".join(map(str, self._seen)),
            "hours": self._hours,
            "sightings": "".join(map(str, self._sightings)),
            "factors": self._factors,
            "days": "".join(map(str, self._days)),
            "day": self._day,
            "day_sums": self._day_sums,
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Restore the state of ``to_state``."""
        self._cells = [float(value) for value in state["cells"]]
        self._seen = _digits(state["seen"])
        self._hours = [float(value) for value in state["hours"]]
        self._sightings = _digits(state["sightings"])
        self._factors = [float(value) for value in state["factors"]]
        self._days = _digits(state["days"])
        self._day = int(state["day"])
        self._day_sums = [float(value) for value in state["day_sums"]]
        self._nodes_hour = None


def _short(value: float) -> float:
    """Round to four digits: the state stays small, and memory equals the stored state."""
    return float(f"{value:.4g}")


def _digits(text: Sequence[str]) -> list[int]:
    return [int(digit) for digit in text]
