"""Where a series is now and was of late: running means of different memories, and the one that foretells best."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

_RATES: Final = (1.0, 0.4, 0.1, 0.02)
_MEMORY_POINTS: Final = 500
# Errors count as at most this many usual ones, so that one outlier does not decide who foretells best.
_MOST: Final = 5.0
_TRUSTED: Final = 20


class NextValue:
    """Foretells the next value: the last one or a running mean, whichever was nearest of late."""

    __slots__ = ("_errors", "_levels", "_seen")

    def __init__(self) -> None:
        self._levels = [0.0] * len(_RATES)
        self._errors = [0.0] * len(_RATES)
        self._seen = 0

    def expected(self, value: float) -> float:
        """Return the foretold value; at the very first it is ``value`` itself."""
        if self._seen == 0:
            return value
        return self._levels[self._errors.index(min(self._errors))]

    def learn(self, value: float, usual_error: float) -> None:
        """Take in a value."""
        if self._seen == 0:
            self._levels = [value] * len(_RATES)
        self._seen += 1
        most = _MOST * usual_error if self._seen > _TRUSTED and usual_error > 0.0 else float("inf")
        memory = min(self._seen, _MEMORY_POINTS)
        for which, rate in enumerate(_RATES):
            error = value - self._levels[which]
            self._errors[which] += (min(abs(error), most) - self._errors[which]) / memory
            self._levels[which] += max(rate, 1.0 / self._seen) * error

    def to_state(self) -> list[Any]:
        """Return everything learned as plain JSON values."""
        return [list(self._levels), list(self._errors), self._seen]

    def restore(self, state: Sequence[Any]) -> None:
        """Take over what ``to_state`` returned."""
        levels, errors, self._seen = state
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
