"""Daily and weekly season of a series: learned online, weighted by its measured benefit."""

from __future__ import annotations

import base64
from array import array
from collections.abc import Sequence
from typing import Any, Final

from detectors.series.scale import RunningScale

DAY: Final = 86_400.0
_SLOTS: Final = 96
_HOURS: Final = 168
# Minimum number of values per day for a daily profile.
_MIN_PER_DAY: Final = 8.0
# A profile is phased in between these days: at once it would look like a change of the series.
_DAY_FROM, _DAY_TO = 1.5, 3.0
_WEEK_FROM, _WEEK_TO = 8.0, 12.0
_VISITS: Final = 8.0
_WEEK_VISITS: Final = 5.0
_SKILL_GAIN: Final = 4.0
# Cap of one value's effect on a profile, as a share of the clipping size.
_CUT: Final = 0.5
# Number of observations at which an hour's own noise has half the weight.
_LARGE_TOLD: Final = 10.0
_TREND: Final = 0.05
_LARGEST: Final = 1e37  # the profile is kept in single precision
_MAX_COUNT: Final = 65_535


class SeasonProfile:
    """Additive profile over 96 slots of the day and 168 hours of the week, around a level that follows within a day.

    Each profile is used only as far as errors with it are smaller than without it.
    Times are epoch seconds; days begin at midnight UTC, which for a profile of differences is as good as any.
    """

    def __init__(self) -> None:
        self._day = array("f", [0.0]) * _SLOTS
        self._day_seen = array("H", [0]) * _SLOTS
        self._week = array("f", [0.0]) * _HOURS
        self._week_seen = array("H", [0]) * _HOURS
        self._noise = array("f", [0.0]) * 24
        self._noise_seen = array("H", [0]) * 24
        self._noise_large = array("H", [0]) * 24
        self._usual_noise = 0.0
        self._level = 0.0
        # Mean errors without season, with the daily one, and with both; the lag of the level behind a trend is not a
        # season.
        self._centres = [0.0, 0.0, 0.0]
        self._scatter = RunningScale()
        self._errors = [0.0, 0.0, 0.0]
        self._seen = 0

    def expected(self, time: float, per_day: float) -> float:
        """Return the seasonal offset at this time."""
        day, week = self._parts(time, per_day)
        days = self._seen / per_day if per_day > 0.0 else 0.0
        by_day = self._skill(0) * _ramp(days, _DAY_FROM, _DAY_TO)
        if by_day <= 0.0:
            return 0.0
        by_week = self._skill(1) * _ramp(days, _WEEK_FROM, _WEEK_TO)
        nothing, with_day, with_both = self._centres
        return by_day * (day - (nothing - with_day) + by_week * (week - (with_day - with_both)))

    def noise(self, time: float, per_day: float) -> float:
        """Return the relative noise at this hour, 0.25 to 4."""
        if per_day < _MIN_PER_DAY or self._seen < _DAY_FROM * per_day or self._usual_noise <= 0.0:
            return 1.0
        hour = int(time // 3600) % 24
        # An hour's estimate is shrunk by its number of observations; for sparse errors only the others are used.
        told = self._noise_large[hour] / _LARGE_TOLD
        ratio = (told * self._noise[hour] / self._usual_noise + 1.0) / (told + 1.0)
        return min(4.0, max(0.25, (ratio + 0.15) / 1.15))

    def learn(self, time: float, value: float, error: float, per_day: float) -> None:
        """Learn a value; ``error`` is the size of its prediction error, for the noise of the hour."""
        if per_day < _MIN_PER_DAY:
            return
        if self._seen == 0:
            self._level = value
        self._seen += 1
        day, week = self._parts(time, per_day)
        above = value - self._level
        rest = above - day - week
        settled = self._seen > per_day
        most = min(_CUT * self._scatter.most, _LARGEST) if settled else _LARGEST
        clipped = min(max(rest, -most), most)
        left = (above, above - day, rest)
        for which, one in enumerate(left):
            self._centres[which] += (one - self._centres[which]) / min(self._seen, 2.0 * per_day)
        if settled:
            self._judge(left, per_day)
        # The mean of the profiles belongs to the level: otherwise they would absorb its lag behind a trend.
        middle = self._centres[0] - self._centres[2]
        self._level += (clipped + middle if settled else above) / min(self._seen, per_day)
        self._scatter.learn(abs(rest), 2.0 * per_day)
        slot, hour = int(time % DAY / DAY * _SLOTS) % _SLOTS, int(time // 3600) % _HOURS
        _learn(self._day, self._day_seen, slot, clipped, _VISITS * max(1.0, per_day / _SLOTS))
        # The hour of the week models the remainder of the time of day and learns more slowly.
        _learn(self._week, self._week_seen, hour, 0.7 * clipped, _WEEK_VISITS * max(1.0, per_day / 24.0))
        self._learn_noise(hour % 24, error, per_day)

    def _parts(self, time: float, per_day: float) -> tuple[float, float]:
        slot, hour = int(time % DAY / DAY * _SLOTS) % _SLOTS, int(time // 3600) % _HOURS
        day_visits = self._day_seen[slot] / max(1.0, per_day / _SLOTS)
        week_visits = self._week_seen[hour] / max(1.0, per_day / 24.0)
        day = self._day[slot] * day_visits / (day_visits + 1.0)
        return day, self._week[hour] * week_visits / (week_visits + 1.5)

    def _skill(self, which: int) -> float:
        """Return the weight of a profile, 0 to 1; ``which`` is 0 for the day, 1 for the week."""
        without, with_ = self._errors[which], self._errors[which + 1]
        if which == 0:  # the profile of a trend is only the lag of the level; it must explain more than that
            with_ += _TREND * abs(self._centres[0])
        return min(1.0, max(0.0, _SKILL_GAIN * (1.0 - with_ / without))) if without > 0.0 else 0.0

    def _judge(self, left: Sequence[float], per_day: float) -> None:
        most = self._scatter.most
        rate = 1.0 / min(self._seen, 3.0 * per_day)
        for which, (one, centre) in enumerate(zip(left, self._centres, strict=True)):
            self._errors[which] += (min(abs(one - centre), most) - self._errors[which]) * rate

    def _learn_noise(self, hour: int, error: float, per_day: float) -> None:
        self._usual_noise += (error - self._usual_noise) / min(self._seen, 5.0 * per_day)
        seen = self._noise_seen[hour] = min(self._noise_seen[hour] + 1, _MAX_COUNT)
        if error > self._usual_noise:
            self._noise_large[hour] = min(self._noise_large[hour] + 1, _MAX_COUNT)
        here = self._noise[hour]
        self._noise[hour] = min(_LARGEST, here + (error - here) / min(seen, 4.0 * max(1.0, per_day / 24.0)))

    def to_state(self) -> list[Any]:
        """Return the state as plain JSON values."""
        packed = [base64.b64encode(one.tobytes()).decode() for one in self._arrays()]
        centres = list(self._centres)
        return [
            *packed,
            self._usual_noise,
            self._level,
            centres,
            self._scatter.to_state(),
            list(self._errors),
            self._seen,
        ]

    def restore(self, state: Sequence[Any]) -> None:
        """Restore the state of ``to_state``."""
        arrays = self._arrays()
        for one, packed in zip(arrays, state, strict=False):
            del one[:]
            one.frombytes(base64.b64decode(packed))
        self._usual_noise, self._level, centres, scatter, errors, self._seen = state[len(arrays) :]
        self._scatter.restore(scatter)
        self._centres, self._errors = list(centres), list(errors)

    def _arrays(self) -> tuple[array[Any], ...]:
        return self._day, self._day_seen, self._week, self._week_seen, self._noise, self._noise_seen, self._noise_large


def _ramp(days: float, start: float, end: float) -> float:
    return min(1.0, max(0.0, (days - start) / (end - start)))


def _learn(values: array[float], seen: array[int], at: int, rest: float, memory: float) -> None:
    seen[at] = min(seen[at] + 1, _MAX_COUNT)
    values[at] = min(max(values[at] + rest / min(float(seen[at]), memory), -_LARGEST), _LARGEST)
