"""Counters: series that only grow, except for resets. They are analysed by their increase."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

# Number of rises without a fall that make a counter; share of falls that ends it.
_RISES: Final = 60
_FALL_WEIGHT: Final = 20
_MAX_RISES: Final = 400
# A fall to at most this share of the last value, or to the usual increase of one interval, is a reset.
_RESET_SHARE: Final = 0.05
_RESET_INCREMENTS: Final = 3.0
_MEMORY: Final = 200


class Counter:
    """Detects whether a series is a counter, and its increase.

    A value below the last one and near 0 is a reset; the increase is then that value.
    """

    __slots__ = ("_last", "_rises", "_seen", "_usual", "is_counter")

    def __init__(self) -> None:
        self._last: float | None = None
        self._rises = 0
        self._seen = 0
        self._usual = 0.0
        self.is_counter = False

    def growth(self, value: float) -> float | None:
        """Return the increase of a counter; ``None`` at its first value and after a reset."""
        if self._last is None or self._is_reset(value):
            return None
        return value - self._last

    def learn(self, value: float) -> bool:
        """Add a value; return whether the series became a counter or ceased to be one."""
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
        """Return the state as plain JSON values."""
        return [self._last, self._rises, self._seen, self._usual, self.is_counter]

    def restore(self, state: Sequence[Any]) -> None:
        """Restore the state of ``to_state``."""
        self._last, self._rises, self._seen, self._usual, self.is_counter = state
