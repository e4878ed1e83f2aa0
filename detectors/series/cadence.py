"""How far apart the values of a series are, told by its first ones."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median
from typing import Any, Final

_LOOKED_AT: Final = 15


class Cadence:
    """The usual time between values, in seconds: the median of the first, then fixed.

    Parameters
    ----------
    interval
        Where it is known beforehand.
    """

    __slots__ = ("_first", "_known", "interval")

    def __init__(self, interval: float | None = None) -> None:
        self.interval = interval
        self._known = interval is not None
        self._first: list[float] = []

    def learn(self, elapsed: float) -> None:
        """Take in the time since the value before."""
        if not self._known:
            self._first.append(elapsed)
            self.interval = float(median(self._first))
            if len(self._first) == _LOOKED_AT:
                self._known, self._first = True, []

    def to_state(self) -> list[Any]:
        """Return everything learned as plain JSON values."""
        return [self.interval, self._known, list(self._first)]

    def restore(self, state: Sequence[Any]) -> None:
        """Take over what ``to_state`` returned."""
        self.interval, self._known, first = state
        self._first = list(first)
