"""Counters: series that only grow, but for a reset to the beginning. What they say is how fast they grow."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

# So many rises without a fall make a counter; this many falls for each rise end it.
_RISES: Final = 60
_FALL_WEIGHT: Final = 20
_MAX_RISES: Final = 400
# A fall to at most this share of where it was, or to what it usually grows by in one interval, is a reset.
_RESET_SHARE: Final = 0.05
_RESET_INCREMENTS: Final = 3.0
_MEMORY: Final = 200


class Counter:
    """Tells whether a series is a counter, and by how much it grew.

    A value below the last one is a reset where it is near 0: the counter began anew, and grew by that value.
    """

    __slots__ = ("_last", "_rises", "_seen", "_usual", "is_counter")

    def __init__(self) -> None:
        self._last: float | None = None
        self._rises = 0
        self._seen = 0
        self._usual = 0.0
        self.is_counter = False

    def growth(self, value: float) -> float | None:
        """Return how much a counter grew; ``None`` at its first value and where it was reset."""
        if self._last is None or self._is_reset(value):
            return None
        return value - self._last

    def learn(self, value: float) -> bool:
        """Take in a value; return whether the series turned out to be a counter, or to be none, by it."""
        before = self._last
        if before is None:
            self._last = value
            return False
        step = value - before
        if self._is_reset(value):
            step = value
        elif step > 0.0:
            self._rises = min(self._rises + 1, _MAX_RISES)
        elif step < 0.0:
            self._rises = max(0, self._rises - _FALL_WEIGHT)
        self._seen = min(self._seen + 1, _MEMORY)
        self._usual += (max(step, 0.0) - self._usual) / self._seen
        self._last = value
        was = self.is_counter
        if not was:
            if step < 0.0:
                self._rises = 0
            self.is_counter = self._rises >= _RISES
        elif self._rises == 0:
            self.is_counter = False
        return self.is_counter != was

    def _is_reset(self, value: float) -> bool:
        last = self._last
        if last is None or not self.is_counter or not 0.0 <= value < last:
            return False
        return value <= max(_RESET_SHARE * last, min(_RESET_INCREMENTS * self._usual, 0.5 * last))

    def to_state(self) -> list[Any]:
        """Return everything learned as plain JSON values."""
        return [self._last, self._rises, self._seen, self._usual, self.is_counter]

    def restore(self, state: Sequence[Any]) -> None:
        """Take over what ``to_state`` returned."""
        self._last, self._rises, self._seen, self._usual, self.is_counter = state
