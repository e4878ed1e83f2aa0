"""Level: where values were for the last 50 or so, against where they were for the last 500."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Final

from detectors.series.channel import Deviation, ValueChannel, look_at
from detectors.series.levels import Contrast

_SHORT, _LONG = 0.02, 0.002
# Cap of one value's distance from either mean, in usual distances from the long one: spikes must not hide a small
# move that stays, nor be one.
_MOST: Final = 2.5
_MAX_DISTANCE: Final = 6.0
_MEMORY_POINTS: Final = 500
_TRUSTED: Final = 20
# Number of values before it says anything: a state of an earlier version has none.
_COLD: Final = 40


class UsualLevel:
    """A clipped running mean against a far longer one, with a scale and tails of its own.

    It finds moves that stay, smaller than single values or the mean of a dozen can tell from noise and spikes.
    """

    __slots__ = ("_channel", "_distance", "_means", "_seen")

    def __init__(self) -> None:
        self._means = Contrast(_SHORT, _LONG)
        self._channel = ValueChannel()
        self._distance = 0.0
        self._seen = 0

    def look(self, rest: float, season: float, size: float, *, sparse: bool) -> Deviation:
        """Return the view of a value by the level.

        ``rest`` is the value without its ``season``, ``size`` that of the value.
        """
        short, long = self._means.with_next(rest, self.most)
        return look_at(short + season, long + season, 1.0, size, sparse=sparse)

    def score(self, look: Deviation, shown: float, target: float, beyond: float) -> float:
        """Return the score of a view (``ValueChannel.score``), at most what so many values tell."""
        if self._seen < _COLD:
            return 0.0
        return min(self._channel.score(look, shown, target), (math.log10(self._seen) + beyond) / target)

    def bounds(self, look: Deviation, target: float) -> tuple[float, float]:
        """Return the deviations from the long mean, below and above, that would be alarms."""
        return self._channel.bounds(look, target)

    def learn(self, rest: float, look: Deviation, target: float) -> None:
        """Learn a value after it was scored."""
        self._channel.learn(look, target)
        most = self.most
        distance = abs(rest - self._means.long) if self._seen else 0.0
        self._means.learn(rest, most, most)
        capped = min(distance, _MAX_DISTANCE * self._distance) if self._trusted() else distance
        self._seen += 1
        self._distance += (capped - self._distance) / min(self._seen, _MEMORY_POINTS)

    def forget_bursts(self) -> None:
        """Forget the highest deviations."""
        self._channel.forget_bursts()

    def _trusted(self) -> bool:
        return self._seen > _TRUSTED and self._distance > 0.0

    @property
    def most(self) -> float:
        """The cap of one value's distance from a mean, infinite at first."""
        return _MOST * self._distance if self._trusted() else math.inf

    def to_state(self) -> dict[str, Any]:
        """Return the state as plain JSON values."""
        return {
            "means": self._means.to_state(),
            "channel": self._channel.to_state(),
            "distance": [self._distance, self._seen],
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Restore the state of ``to_state``."""
        self._means.restore(state["means"])
        self._channel.restore(state["channel"])
        self._distance, self._seen = state["distance"]
