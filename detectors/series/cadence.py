"""The interval of a series, from its first values."""

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
        The interval, if known.
    """

    __slots__ = ("_first", "_known", "interval")

    def __init__(self, interval: float | None = None) -> None:
        self.interval = interval
        self._known = interval is not None
        self._first: list[float] = []

    def learn(self, elapsed: float) -> None:
        """Add the time since the previous value."""
        if not self._known:
            self._first.append(elapsed)
            self.interval = float(median(self._first))
            if len(self._first) == _LOOKED_AT:
                self._known, self._first = True, []

    def to_state(self) -> list[Any]:
        """Return the state as plain JSON values."""
        return [self.interval, self._known, list(self._first)]

    def restore(self, state: Sequence[Any]) -> None:
        """Restore the state of ``to_state``."""
        self.interval, self._known, first = state
        self._first = list(first)
