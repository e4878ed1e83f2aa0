"""Noise: the size of recent deviations against their usual size."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Final

from detectors.series.channel import Deviation, ValueChannel, look_at
from detectors.series.levels import Contrast

# Rates of the short and the long running mean, and the cap of one size in usual ones: a single outlier is no noise.
_SHORT, _LONG = 0.12, 0.01
_MOST: Final = 3.0
# Number of sizes before it says anything: a state of an earlier version has none.
_COLD: Final = 40


class NoiseLevel:
    """A short running mean of the sizes of deviations against a long one, with a scale and tails of its own."""

    __slots__ = ("_channel", "_sizes")

    def __init__(self) -> None:
        self._sizes = Contrast(_SHORT, _LONG)
        self._channel = ValueChannel()

    def look(self, deviation: Deviation, usual: float, size: float) -> Deviation:
        """Return the view of a value by the size of its deviation.

        ``usual`` is the usual size of a deviation, 0 if unknown, and ``size`` that of the value.
        """
        short, long = self._sizes.with_next(_size(deviation), _most(usual))
        return look_at(short, long, 1.0, size, sparse=deviation.sparse)

    def score(self, look: Deviation, shown: float, target: float, beyond: float) -> float:
        """Return the score of a view (``ValueChannel.score``), at most what so many sizes tell; 0 for less noise."""
        seen = self._channel.seen
        if seen < _COLD or look.deviation <= 0.0:
            return 0.0
        return min(self._channel.score(look, shown, target), (math.log10(seen) + beyond) / target)

    def bounds(self, look: Deviation, target: float) -> tuple[float, float]:
        """Return the deviations from the usual size, below and above, that would be alarms."""
        return self._channel.bounds(look, target)

    def learn(self, deviation: Deviation, look: Deviation, usual: float, target: float) -> None:
        """Learn a deviation after it was scored."""
        most = _most(usual)
        self._sizes.learn(_size(deviation), most, most)
        self._channel.learn(look, target)

    def to_state(self) -> dict[str, Any]:
        """Return the state as plain JSON values."""
        return {"sizes": self._sizes.to_state(), "channel": self._channel.to_state()}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Restore the state of ``to_state``."""
        self._sizes.restore(state["sizes"])
        self._channel.restore(state["channel"])


def _size(deviation: Deviation) -> float:
    return abs(deviation.deviation) / deviation.factor


def _most(usual: float) -> float:
    return _MOST * usual if usual > 0.0 else math.inf
