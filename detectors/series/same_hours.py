"""Same hours: where values were for the last three hours, against these hours of earlier days."""

from __future__ import annotations

import base64
import math
from array import array
from collections.abc import Mapping
from typing import Any, Final

from detectors.series.channel import Deviation, ValueChannel, look_at

_HOURS: Final = 24
_HOUR: Final = 3600.0
# Values a day: few do not make a mean of an hour; of more, the quiet ones spend the budget already.
_MIN_PER_DAY, _MAX_PER_DAY = 48.0, 300.0
# Values of this share of a day make the running mean, its highest rate, and the cap of one value in usual distances.
_SHARE: Final = 1.0 / 8.0
_MAX_RATE: Final = 0.3
_MOST: Final = 2.0
# Days before an hour is known, its memory in days, and the cap of one day in usual deviations.
_KNOWN: Final = 2
_MEMORY_DAYS: Final = 5
_MAX_DAY: Final = 6.0
_TRUSTED: Final = 100
_MAX_COUNT: Final = 255
_LARGEST: Final = 1e37  # the profile is kept in single precision
# Number of values before it says anything.
_COLD: Final = 40


class SameHours:
    """A running mean of three hours against what it was at this time on earlier days, with tails of its own.

    The other means are compared with those of the hours before, which a season that is not exact moves.
    """

    __slots__ = ("_anchor", "_channel", "_days", "_hour", "_mean", "_profile", "_seen")

    def __init__(self) -> None:
        self._mean = 0.0
        # Number of values since the last gap of hours.
        self._seen = 0
        self._hour: int | None = None
        # The mean at the beginning of each hour, from an anchor, and the number of days.
        self._anchor = 0.0
        self._profile = array("f", [0.0]) * _HOURS
        self._days = bytearray(_HOURS)
        self._channel = ValueChannel()

    def look(
        self, time: float, value: float, per_day: float, most: float, factor: float, *, sparse: bool
    ) -> Deviation | None:
        """Return the view of a value; ``None`` where the hour is not known, and soon after a gap of hours.

        ``most`` is the cap of a single value's distance, ``factor`` the relative noise of the hour.
        """
        at = time / _HOUR
        hour = math.floor(at)
        begins, ends = hour % _HOURS, (hour + 1) % _HOURS
        if not _MIN_PER_DAY <= per_day <= _MAX_PER_DAY or min(self._days[begins], self._days[ends]) < _KNOWN:
            return None
        if self._is_gap(hour) or self._seen * _rate(per_day) < 1.0:
            return None
        share = at - hour
        expected = self._anchor + (1.0 - share) * self._profile[begins] + share * self._profile[ends]
        return look_at(self._next(value, per_day, most), expected, factor, abs(value), sparse=sparse)

    def score(self, look: Deviation, shown: float, target: float, beyond: float) -> float:
        """Return the score of a view (``ValueChannel.score``), at most what so many values tell."""
        seen = self._channel.seen
        if seen < _COLD:
            return 0.0
        return min(self._channel.score(look, shown, target), (math.log10(seen) + beyond) / target)

    def bounds(self, look: Deviation, target: float) -> tuple[float, float]:
        """Return the deviations from the mean of earlier days, below and above, that would be alarms."""
        return self._channel.bounds(look, target)

    def forget_bursts(self) -> None:
        """Forget the highest deviations."""
        self._channel.forget_bursts()

    def learn(
        self, time: float, value: float, per_day: float, most: float, look: Deviation | None, *, target: float
    ) -> None:
        """Learn a value after it was scored."""
        if not _MIN_PER_DAY <= per_day <= _MAX_PER_DAY:
            return
        if look is not None:
            self._channel.learn(look, target)
        hour = math.floor(time / _HOUR)
        if self._hour is None:
            self._anchor = value
        if self._is_gap(hour):
            self._seen = 0
        self._mean = self._next(value, per_day, most) if self._seen else value
        self._seen += 1
        if self._hour is not None and hour > self._hour and self._seen > 1:
            self._learn_hour(hour % _HOURS)
        self._hour = hour

    def _learn_hour(self, hour: int) -> None:
        days = self._days[hour] = min(self._days[hour] + 1, _MAX_COUNT)
        error = self._mean - self._anchor - self._profile[hour]
        if self._channel.seen > _TRUSTED:
            most = _MAX_DAY * self._channel.scale
            error = min(max(error, -most), most)
        learned = self._profile[hour] + error / min(days, _MEMORY_DAYS)
        self._profile[hour] = min(max(learned, -_LARGEST), _LARGEST)

    def _is_gap(self, hour: int) -> bool:
        return self._hour is not None and hour > self._hour + 1

    def _next(self, value: float, per_day: float, most: float) -> float:
        most *= _MOST
        return self._mean + max(_rate(per_day), 1.0 / (self._seen + 1)) * min(max(value - self._mean, -most), most)

    def to_state(self) -> dict[str, Any]:
        """Return the state as plain JSON values."""
        return {
            "mean": [self._mean, self._seen, self._hour, self._anchor],
            "hours": [base64.b64encode(one).decode() for one in (self._profile.tobytes(), bytes(self._days))],
            "channel": self._channel.to_state(),
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Restore the state of ``to_state``."""
        self._mean, self._seen, self._hour, self._anchor = state["mean"]
        profile, days = (base64.b64decode(one) for one in state["hours"])
        self._profile = array("f", profile)
        self._days = bytearray(days)
        self._channel.restore(state["channel"])


def _rate(per_day: float) -> float:
    return min(_MAX_RATE, 1.0 / (_SHARE * per_day))
