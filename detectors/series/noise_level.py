"""Noise: the size of recent deviations against their usual size, which is larger or smaller."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Final

from detectors.series.channel import ROUNDING, Deviation, ValueChannel, look_at
from detectors.series.levels import Contrast

# Rates of the short and the long running mean, and the cap of one size in usual ones: a single outlier is no noise.
_SHORT, _LONG = 0.12, 0.01
_MOST: Final = 3.0
# Less noise than this share of the usual is none. Below the usual the ratio counts, as a difference cannot be large.
_LEAST: Final = 0.02
# Number of sizes before it says anything: a state of an earlier version has none.
_COLD: Final = 40


class NoiseLevel:
    """A short running mean of the sizes of deviations against a long one, with a scale and tails of its own."""

    __slots__ = ("_channel", "_ratios", "_sizes")

    def __init__(self) -> None:
        self._sizes = Contrast(_SHORT, _LONG)
        self._channel = ValueChannel()
        # Number of ratios learned: a state of an earlier version knows differences below the usual.
        self._ratios = 0

    def look(self, deviation: Deviation, usual: float, size: float) -> Deviation:
        """Return the view of a value by the size of its deviation.

        ``usual`` is the usual size of a deviation, 0 if unknown, and ``size`` that of the value.
        """
        short, long = self._sizes.with_next(_size(deviation), _most(usual))
        if short < long and long - short > ROUNDING * max(size, short):
            return Deviation(short, long, 1.0, long * math.log(max(short / long, _LEAST)), deviation.sparse)
        return look_at(short, long, 1.0, size, sparse=deviation.sparse)

    def score(self, look: Deviation, shown: float, target: float, beyond: float) -> float:
        """Return the score of a view (``ValueChannel.score``), at most what so many sizes tell."""
        seen = self._channel.seen
        if seen < _COLD or (look.deviation < 0.0 and self._ratios < _COLD):
            return 0.0
        return min(self._channel.score(look, shown, target), (math.log10(seen) + beyond) / target)

    def bounds(self, look: Deviation, target: float) -> tuple[float, float]:
        """Return the deviations from the usual size, below and above, that would be alarms."""
        below, above = self._channel.bounds(look, target)
        usual = look.expected
        return (usual * math.expm1(below / usual) if usual > 0.0 else below), above

    def learn(self, deviation: Deviation, look: Deviation, usual: float, target: float) -> None:
        """Learn a deviation after it was scored."""
        most = _most(usual)
        self._sizes.learn(_size(deviation), most, most)
        self._channel.learn(look, target)
        self._ratios = min(self._ratios + 1, _COLD)

    def forget_bursts(self) -> None:
        """Forget the highest deviations."""
        self._channel.forget_bursts()

    def to_state(self) -> dict[str, Any]:
        """Return the state as plain JSON values."""
        return {"sizes": self._sizes.to_state(), "channel": self._channel.to_state(), "ratios": self._ratios}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Restore the state of ``to_state``."""
        self._sizes.restore(state["sizes"])
        self._channel.restore(state["channel"])
        self._ratios = state.get("ratios", 0)
        if self._ratios == 0:
            self._channel.forget_below()


def _size(deviation: Deviation) -> float:
    return abs(deviation.deviation) / deviation.factor


def _most(usual: float) -> float:
    return _MOST * usual if usual > 0.0 else math.inf
