"""Exponentially weighted mean and variance of a stream."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(slots=True)
class EwmaMoments:
    """Mean and variance; after ``memory`` values each new one has the weight ``1 / memory``."""

    count: float = 0.0
    mean: float = 0.0
    variance: float = 0.0

    @property
    def deviation(self) -> float:
        """The standard deviation."""
        return math.sqrt(self.variance)

    def learn(self, value: float, memory: float) -> None:
        """Add a value."""
        self.count = min(self.count + 1.0, memory)
        step = (value - self.mean) / self.count
        self.variance += ((value - self.mean) * (value - self.mean - step) - self.variance) / self.count
        self.mean += step
