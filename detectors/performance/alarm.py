"""Alarm state of a channel: hold time, hysteresis, and acceptance of a new normal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

# Hold time in intervals, and hysteresis: the share of the threshold that keeps an alarm going, so that a score around
# the threshold is one episode.
_QUIET: Final = 10
_HOLD: Final = 0.7


class Alarm:
    """Start and last time of an alarm, in numbers of intervals.

    Parameters
    ----------
    patience
        Number of intervals after which the anomaly is accepted as the new normal.
    """

    __slots__ = ("_accepted", "_last", "_patience", "_since")

    def __init__(self, patience: float) -> None:
        self._patience = patience
        self._since = 0
        self._last: int | None = None
        self._accepted = False

    def bar(self, index: int) -> float:
        """Return the share of the threshold that is needed now."""
        return _HOLD if self._last is not None and index - self._last <= _QUIET else 1.0

    def doubts(self, index: int) -> bool:
        """Return whether it was active since this interval and is not accepted as normal."""
        return self._last is not None and self._last >= index and not self._accepted

    def sound(self, index: int) -> bool:
        """Record an alarm; return whether the anomaly has just been accepted as the new normal."""
        if self._last is None or index - self._last > _QUIET:
            self._since = index
            self._accepted = False
        self._last = index
        if self._accepted or index - self._since < self._patience:
            return False
        self._accepted = True
        return True

    def to_state(self) -> list[Any]:
        """Return the state as plain values."""
        return [self._since, self._last, self._accepted]

    def restore(self, state: Sequence[Any]) -> None:
        """Restore the state of ``to_state``."""
        self._since, self._last, self._accepted = state
