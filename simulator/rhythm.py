"""Arrival times of conversations: daily and weekly seasonality, daily level, and overdispersion."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Final, Literal
from zlib import crc32

import numpy as np

from simulator.arrays import Floats, Ints
from simulator.seeds import Purpose, generator
from simulator.tenants import SimulatedTenant
from simulator.times import DAY_MS, MINUTE_MS

_MINUTES_A_DAY: Final = 24 * 60
_MINUTES_A_WEEK: Final = 7 * _MINUTES_A_DAY
# 1970-01-01 was a Thursday; the profile begins on Monday.
_EPOCH_SHIFT: Final = 3 * _MINUTES_A_DAY

_WEEKDAYS: Final = {
    "office": (1.00, 1.05, 1.05, 1.00, 0.90, 0.30, 0.25),
    "shop": (0.95, 0.90, 0.90, 0.95, 1.05, 1.20, 1.15),
}
# Floor at night, then humps: (hour, width in hours, height).
_FLOOR: Final = {"office": 0.12, "shop": 0.18}
_HUMPS: Final = {
    "office": ((10.5, 2.0, 1.0), (15.0, 2.2, 0.9)),
    "shop": ((12.5, 3.0, 0.6), (20.0, 2.4, 1.0)),
}

# Shape of the gamma noise on each minute: counts vary 1/_MINUTE_SHAPE more than Poisson does.
_MINUTE_SHAPE: Final = 14.0
_DAY_SPREAD: Final = 0.12


@dataclass(frozen=True)
class Rate:
    """Multiplier of every tenant's volume: ``before`` and ``after`` a time (ms)."""

    before: float
    after: float
    switch: int

    @property
    def fingerprint(self) -> int:
        """A fingerprint of the volume."""
        same = self.before == self.after
        return crc32(repr((self.before,) if same else (self.before, self.after, self.switch)).encode())

    def highest(self, begin: int, end: int) -> float:
        """Return the largest multiplier in ``[begin, end)`` (ms)."""
        return max(self.before if begin < self.switch else 0.0, self.after if end > self.switch else 0.0)

    def at(self, at: Ints) -> Floats:
        """Return the multiplier at moments (ms)."""
        return np.where(at < self.switch, self.before, self.after)


@cache
def week_profile(rhythm: Literal["office", "shop"]) -> Floats:
    """Return the intensity of each local minute of the week from Monday 00:00, mean 1; shape (10080,)."""
    hours = np.arange(_MINUTES_A_DAY) / 60.0
    day = np.full(_MINUTES_A_DAY, _FLOOR[rhythm])
    for hour, width, height in _HUMPS[rhythm]:
        # The distance goes around midnight.
        distance = (hours - hour + 12.0) % 24.0 - 12.0
        day += height * np.exp(-0.5 * (distance / width) ** 2)
    week = np.concatenate([day * factor for factor in _WEEKDAYS[rhythm]])
    profile: Floats = week / week.mean()
    return profile


def intensity(tenant: SimulatedTenant, at: Ints) -> Floats:
    """Return the tenant's intensity at times (ms), relative to the mean of a week."""
    local_minute = at // MINUTE_MS + tenant.utc_offset_minutes + _EPOCH_SHIFT
    return week_profile(tenant.rhythm)[local_minute % _MINUTES_A_WEEK]


def level(seed: int, tenant: SimulatedTenant, at: Ints) -> Floats:
    """Return the daily level at ascending times (ms), mean 1, continuous at midnight."""
    first = int(at[0]) // DAY_MS
    days = np.arange(first, int(at[-1]) // DAY_MS + 2)
    logs = [generator(seed, Purpose.LEVELS, tenant.key, int(day)).normal(0.0, _DAY_SPREAD) for day in days]
    levels: Floats = np.exp(np.interp(at / DAY_MS, days, logs))
    return levels


def arrivals(rng: np.random.Generator, minutes: Ints, expected: Floats) -> Ints:
    """Return ascending moments (ms) at which conversations begin.

    ``minutes`` are the starts of minutes and ``expected`` how many begin in each on average. Counts are negative
    binomial; occasional minutes are busier without cause (a newsletter).
    """
    noise = rng.gamma(_MINUTE_SHAPE, 1.0 / _MINUTE_SHAPE, len(minutes))
    boost = np.ones(len(minutes))
    for _ in range(int(rng.poisson(0.15))):
        begin, length = rng.integers(len(minutes)), rng.integers(3, 9)
        boost[begin : begin + length] = rng.uniform(1.3, 1.9)
    counts = rng.poisson(expected * noise * boost)
    starts = np.repeat(minutes, counts) + rng.integers(0, MINUTE_MS, int(counts.sum()))
    return np.sort(starts)
