"""A lower threshold where many events are expected: the minimum effect keeps the budget of false alarms there."""

from __future__ import annotations

from typing import NamedTuple

from detectors.tail_probability import deviation_of, surprise


class Leniency(NamedTuple):
    """The score is multiplied by up to ``most`` while the expected events rise from ``many`` to ``very_many``."""

    many: float
    very_many: float
    most: float

    def factor(self, expected: float) -> float:
        """Return the factor of the score of a window that expects so many events."""
        share = (expected - self.many) / (self.very_many - self.many)
        return 1.0 + (self.most - 1.0) * min(max(share, 0.0), 1.0)

    def eased(self, z: float, expected: float) -> float:
        """Return the deviation whose score, times the factor, is that of ``z``."""
        return deviation_of(surprise(z) / self.factor(expected))
