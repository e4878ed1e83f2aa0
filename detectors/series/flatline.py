"""The flatline channel: the same value for far longer than usual."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Final

_SHORTEST: Final = 6
_LONGER: Final = 2.0
_MEMORY_POINTS: Final = 4000
_FORGET: Final = 0.99995
# Where values mostly repeat, a full day is needed first: a night may be one long run.
_USUAL: Final = 0.5
_DAYS: Final = 2.0
_MAX_VOTES: Final = 300
# Repeats are correlated: their surprise is scaled down.
_DISCOUNT: Final = 0.6


class Flatline:
    """The present run of equal values, against the repeat rate and the longest recent run."""

    __slots__ = ("_common", "_longest", "_points", "_previous", "_repeats", "_run", "_votes")

    def __init__(self) -> None:
        self._previous: float | None = None
        # The value that repeats most often (majority vote), and its votes.
        self._common: float | None = None
        self._votes = 0
        self._run = 0
        self._longest = 0.0
        self._repeats = 0.0
        self._points = 0

    def surprise(self, value: float, per_day: float) -> float:
        """Return -log10 of the probability of so long a run; 0 where it is normal."""
        run = self._run + 1 if value == self._previous else 0
        if run < _SHORTEST or run <= _LONGER * self._longest + _SHORTEST:
            return 0.0
        if self._repeats > _USUAL * self._points and self._points < min(_DAYS * per_day, _MEMORY_POINTS):
            return 0.0
        share = min((self._repeats + 1.0) / (self._points + 2.0) + 0.02, 0.999)
        return -_DISCOUNT * run * math.log10(share)

    @property
    def common(self) -> float | None:
        """The most frequent value, if values mostly repeat, for example 0."""
        return self._common if self._repeats > _USUAL * self._points else None

    def learn(self, value: float) -> None:
        """Add a value."""
        if value == self._previous:
            self._run += 1
            self._vote(value)
        elif self._previous is not None:
            # A stuck stretch raises the longest run only partly.
            known = self._longest * _FORGET ** (self._run + 1)
            self._longest = max(known, min(float(self._run), _LONGER * known + 20.0))
            self._run = 0
        if self._points >= _MEMORY_POINTS:
            self._repeats *= 1.0 - 1.0 / _MEMORY_POINTS
        else:
            self._points += 1
        self._repeats += value == self._previous
        self._previous = value

    def _vote(self, value: float) -> None:
        if value == self._common:
            self._votes = min(self._votes + 1, _MAX_VOTES)
        elif self._votes > 0:
            self._votes -= 1
        else:
            self._common, self._votes = value, 1

    def to_state(self) -> list[Any]:
        """Return the state as plain JSON values."""
        return [self._previous, self._common, self._votes, self._run, self._longest, self._repeats, self._points]

    def restore(self, state: Sequence[Any]) -> None:
        """Restore the state of ``to_state``."""
        self._previous, self._common, self._votes, *runs = state
        self._run, self._longest, self._repeats, self._points = runs
