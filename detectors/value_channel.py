"""One way of looking at a series: how far it is from where it was expected, against how far it usually is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from detectors.value_tail import ValueTail

_MEMORY_POINTS: Final = 400
# One wild deviation counts as at most this many usual ones, once there are some.
_MOST: Final = 6.0
_TRUSTED: Final = 10
# After a constant stretch any change is further than can be told.
_FAR: Final = 1e3


class ValueChannel:
    """Deviations in units of their own running mean size, and how rare each is by what went before.

    ``target`` is the -log10 p that is an alarm.
    """

    __slots__ = ("_above", "_below", "_seen", "scale")

    def __init__(self) -> None:
        self.scale = 0.0
        self._seen = 0
        self._above = ValueTail()
        self._below = ValueTail()

    def score(self, deviation: float, factor: float, target: float) -> float:
        """Return how rare a deviation is; the alarm is at 1. ``factor`` is how much more noise than usual is due."""
        z = self._standardised(deviation, factor)
        return self._above.score(z, target) if z >= 0.0 else self._below.score(-z, target)

    def bounds(self, factor: float, target: float) -> tuple[float, float]:
        """Return the deviations, below and above, that would be alarms."""
        unit = self.scale * factor
        return -self._below.alarm_at(target) * unit, self._above.alarm_at(target) * unit

    def learn(self, deviation: float, factor: float, target: float) -> None:
        """Take in a deviation after it was scored."""
        self._seen += 1
        size = abs(deviation) / factor
        if self._seen > _TRUSTED:
            z = self._standardised(deviation, factor)
            self._above.learn(max(z, 0.0), target)
            self._below.learn(max(-z, 0.0), target)
            if self.scale > 0.0:
                size = min(size, _MOST * self.scale)
        self.scale += (size - self.scale) / min(self._seen, _MEMORY_POINTS)

    def _standardised(self, deviation: float, factor: float) -> float:
        unit = self.scale * factor
        if unit > 0.0:
            return min(max(deviation / unit, -_FAR), _FAR)
        return 0.0 if deviation == 0.0 else (_FAR if deviation > 0.0 else -_FAR)

    def to_state(self) -> list[Any]:
        """Return everything learned as plain JSON values."""
        return [self.scale, self._seen, self._above.to_state(), self._below.to_state()]

    def restore(self, state: Sequence[Any]) -> None:
        """Take over what ``to_state`` returned."""
        self.scale, self._seen = state[0], state[1]
        self._above.restore(state[2])
        self._below.restore(state[3])
