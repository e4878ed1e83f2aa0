"""The alarm of a series over time: it holds on for a while, casts doubt on what it touches, and ends in acceptance."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

# An alarm that is quiet for up to so many intervals is still the same, and so long this share of a threshold is enough
# to go on: what hovers around the threshold is one episode, not ten.
_QUIET: Final = 10
_HOLD: Final = 0.7


class Alarm:
    """When it began and when it last sounded, in numbers of intervals.

    Parameters
    ----------
    patience
        After so many intervals what alarms is the new normal.
    """

    __slots__ = ("_accepted", "_last", "_patience", "_since")

    def __init__(self, patience: float) -> None:
        self._patience = patience
        self._since = 0
        self._last: int | None = None
        self._accepted = False

    def bar(self, index: int) -> float:
        """Return what share of a threshold is enough to alarm."""
        return _HOLD if self._last is not None and index - self._last <= _QUIET else 1.0

    def doubts(self, index: int) -> bool:
        """Return whether it sounded since this interval came in, and is not taken for normal."""
        return self._last is not None and self._last >= index and not self._accepted

    def sound(self, index: int) -> bool:
        """Take note that it sounds; return whether what alarms has just become the new normal."""
        if self._last is None or index - self._last > _QUIET:
            self._since = index
            self._accepted = False
        self._last = index
        if self._accepted or index - self._since < self._patience:
            return False
        self._accepted = True
        return True

    def to_state(self) -> list[Any]:
        """Return everything it knows as plain values."""
        return [self._since, self._last, self._accepted]

    def restore(self, state: Sequence[Any]) -> None:
        """Take over what ``to_state`` returned."""
        self._since, self._last, self._accepted = state
