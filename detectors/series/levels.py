"""Where a series is now and was of late: running means of different memories, and the one that foretells best."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

_RATES: Final = (1.0, 0.4, 0.1, 0.02)
_MEMORY_POINTS: Final = 500
_DRIFT_MEMORY: Final = 60
# Foretold without the season: the last value, that and the drift, and what mostly repeats.
_OTHERS: Final = 3
# Errors count as at most this many usual ones, so that one outlier does not decide who foretells best.
_MOST: Final = 5.0
_TRUSTED: Final = 20


class NextValue:
    """Foretells the next value: the last one or a running mean, whichever was nearest of late.

    They are of what the season leaves. Beside them stand the last value itself, the last one and as much again as
    values moved on average, and the value that mostly repeats: where they were nearer, a season that comes in steps
    does not help.
    """

    __slots__ = ("_drift", "_errors", "_last", "_levels", "_seen")

    def __init__(self) -> None:
        self._levels = [0.0] * len(_RATES)
        self._last = 0.0
        self._drift = 0.0
        self._errors = [0.0] * (len(_RATES) + _OTHERS)
        self._seen = 0

    def expected(self, value: float, season: float, common: float | None, *, after_gap: bool) -> float:
        """Return the foretold value; at the very first it is ``value`` itself. ``common`` is what mostly repeats.

        After a gap only the season tells: the last value is of another time of day.
        """
        if self._seen == 0:
            return value
        errors = self._errors[: len(_RATES)] if after_gap else self._errors
        best = errors.index(min(errors))
        if best < len(_RATES):
            return self._levels[best] + season
        last = self._last
        return (last, last + self._drift, last if common is None else common)[best - len(_RATES)]

    def returns(self, value: float, expected: float, season: float) -> bool:
        """Whether a value is on its way back to the long running mean, and not beyond it."""
        usual = self._levels[-1] + season
        return expected < value < usual or usual < value < expected

    def learn(self, value: float, season: float, common: float | None, usual_error: float) -> None:
        """Take in a value; ``common`` as before it."""
        rest = value - season
        levels, errors = self._levels, self._errors
        if self._seen == 0:
            self._levels = levels = [rest] * len(_RATES)
            self._last = value
        seen = self._seen = self._seen + 1
        most = _MOST * usual_error if seen > _TRUSTED and usual_error > 0.0 else float("inf")
        memory = min(seen, _MEMORY_POINTS)
        for which, rate in enumerate(_RATES):
            error = rest - levels[which]
            errors[which] += (min(abs(error), most) - errors[which]) / memory
            levels[which] += max(rate, 1.0 / seen) * error
        step = value - self._last
        apart = (step, step - self._drift, step if common is None else value - common)
        for which, error in enumerate(apart, len(_RATES)):
            errors[which] += (min(abs(error), most) - errors[which]) / memory
        self._drift += (min(max(step, -most), most) - self._drift) / min(seen, _DRIFT_MEMORY)
        self._last = value

    def to_state(self) -> list[Any]:
        """Return everything learned as plain JSON values."""
        return [list(self._levels), self._last, self._drift, list(self._errors), self._seen]

    def restore(self, state: Sequence[Any]) -> None:
        """Take over what ``to_state`` returned."""
        levels, self._last, self._drift, errors, self._seen = state
        self._levels, self._errors = list(levels), list(errors)


class Contrast:
    """A short running mean against a long one: what no single value shows.

    Parameters
    ----------
    short, long
        The rates at which the two follow.
    """

    __slots__ = ("_long", "_long_rate", "_seen", "_short", "_short_rate")

    def __init__(self, short: float, long: float) -> None:
        self._short_rate, self._long_rate = short, long
        self._short = 0.0
        self._long = 0.0
        self._seen = 0

    def with_next(self, value: float, most: float) -> tuple[float, float]:
        """Return the short mean with ``value`` (at most ``most`` away counted) in it, and the long one before it."""
        if self._seen == 0:
            return value, value
        return self._short + self._short_rate * min(max(value - self._short, -most), most), self._long

    def learn(self, value: float, most_short: float, most_long: float) -> None:
        """Take in a value; the long mean follows it by at most ``most_long``."""
        if self._seen == 0:
            self._short = self._long = value
        self._short = self.with_next(value, most_short)[0]
        self._seen += 1
        rate = max(self._long_rate, 1.0 / self._seen)
        self._long += rate * min(max(value - self._long, -most_long), most_long)

    def to_state(self) -> list[Any]:
        """Return everything learned as plain JSON values."""
        return [self._short, self._long, self._seen]

    def restore(self, state: Sequence[Any]) -> None:
        """Take over what ``to_state`` returned."""
        self._short, self._long, self._seen = state
