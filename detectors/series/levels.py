"""Levels of a series: running means of different memories, and the best predictor among them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Final

_RATES: Final = (1.0, 0.4, 0.1, 0.02)
_MEMORY_POINTS: Final = 500
_DRIFT_MEMORY: Final = 60
# Predictors without the season: the last value, the last value plus drift, the most frequent value.
_OTHERS: Final = 3
# Cap of an error in usual errors, so that one outlier does not decide the best predictor.
_MOST: Final = 5.0
_TRUSTED: Final = 20
# Where the long running mean errs by this multiple of the best prediction, the series wanders.
_WANDERS: Final = 3.0


class NextValue:
    """Predicts the next value by the last one or a running mean, whichever had the smallest recent errors.

    They are of the deseasonalised series. Further predictors are the last value itself, the last value plus the mean
    drift, and the most frequent value: they win where a stepwise season does not help.
    """

    __slots__ = ("_drift", "_errors", "_last", "_levels", "_seen")

    def __init__(self) -> None:
        self._levels = [0.0] * len(_RATES)
        self._last = 0.0
        self._drift = 0.0
        self._errors = [0.0] * (len(_RATES) + _OTHERS)
        self._seen = 0

    def expected(self, value: float, season: float, common: float | None, *, after_gap: bool) -> float:
        """Return the predicted value; for the very first one ``value`` itself.

        ``common`` is the most frequent value. After a gap only the season is used: the last value is of another time of
        day.
        """
        if self._seen == 0:
            return value
        errors = self._errors[: len(_RATES)] if after_gap else self._errors
        best = errors.index(min(errors))
        if best < len(_RATES):
            return self._levels[best] + season
        last = self._last
        return (last, last + self._drift, last if common is None else common)[best - len(_RATES)]

    @property
    def wanders(self) -> bool:
        """Whether the series has no usual level, as a random walk."""
        return self._errors[len(_RATES) - 1] > _WANDERS * min(self._errors)

    def returns(self, value: float, expected: float, season: float) -> bool:
        """Whether a value returns towards the long running mean without passing it.

        Never where the series wanders: a random walk has nothing to return to, and to weigh its steps by their
        direction would give each tail steps of two sizes.
        """
        if self.wanders:
            return False
        usual = self._levels[-1] + season
        return expected < value < usual or usual < value < expected

    def learn(self, value: float, season: float, common: float | None, usual_error: float) -> None:
        """Learn a value; ``common`` as before it."""
        rest = value - season
        levels, errors = self._levels, self._errors
        if self._seen == 0:
            self._levels = levels = [rest] * len(_RATES)
            self._last = value
        seen = self._seen = self._seen + 1
        most = _MOST * usual_error if seen > _TRUSTED and usual_error > 0.0 else float("inf")
        memory = min(seen, _MEMORY_POINTS)
        share = 1.0 / seen
        for which, rate in enumerate(_RATES):
            error = rest - levels[which]
            size = abs(error)
            errors[which] += ((size if size < most else most) - errors[which]) / memory
            levels[which] += (rate if rate > share else share) * error
        step = value - self._last
        apart = (step, step - self._drift, step if common is None else value - common)
        for which, error in enumerate(apart, len(_RATES)):
            size = abs(error)
            errors[which] += ((size if size < most else most) - errors[which]) / memory
        self._drift += (min(max(step, -most), most) - self._drift) / min(seen, _DRIFT_MEMORY)
        self._last = value

    def to_state(self) -> list[Any]:
        """Return the state as plain JSON values."""
        return [list(self._levels), self._last, self._drift, list(self._errors), self._seen]

    def restore(self, state: Sequence[Any]) -> None:
        """Restore the state of ``to_state``."""
        levels, self._last, self._drift, errors, self._seen = state
        self._levels, self._errors = list(levels), list(errors)


class Contrast:
    """A short running mean against a long one, for shifts that no single value shows.

    Parameters
    ----------
    short, long
        Rates of the two means.
    """

    __slots__ = ("_long", "_long_rate", "_seen", "_short", "_short_rate")

    def __init__(self, short: float, long: float) -> None:
        self._short_rate, self._long_rate = short, long
        self._short = 0.0
        self._long = 0.0
        self._seen = 0

    @property
    def long(self) -> float:
        """The long mean."""
        return self._long

    def with_next(self, value: float, most: float) -> tuple[float, float]:
        """Return the short mean including ``value`` (clipped to ``most``), and the long one before it."""
        if self._seen == 0:
            return value, value
        apart = value - self._short
        if not -most < apart < most:
            apart = math.copysign(most, apart)
        return self._short + self._short_rate * apart, self._long

    def learn(self, value: float, most_short: float, most_long: float) -> None:
        """Learn a value; the long mean moves by at most ``most_long``."""
        if self._seen == 0:
            self._short = self._long = value
        self._short = self.with_next(value, most_short)[0]
        self._seen += 1
        rate, apart = max(self._long_rate, 1.0 / self._seen), value - self._long
        self._long += rate * (apart if -most_long < apart < most_long else math.copysign(most_long, apart))

    def to_state(self) -> list[Any]:
        """Return the state as plain JSON values."""
        return [self._short, self._long, self._seen]

    def restore(self, state: Sequence[Any]) -> None:
        """Restore the state of ``to_state``."""
        self._short, self._long, self._seen = state
