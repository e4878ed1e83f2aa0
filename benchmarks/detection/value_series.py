"""Labelled series in the style of what operations measure: every one has a permanent id, ``family/seed``.

Each family is a background (season, noise, drift, bursts, its own interval and scale) with one to four incidents at
random moments after the first tenth. Seeds below 1000 are for tuning, the table is made with seeds from 1000 on.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Mapping
from typing import Final, NamedTuple

DAY: Final = 86_400.0
_MONDAY: Final = 1_577_664_000.0  # 2019-12-30


class Series(NamedTuple):
    """A series and its incidents as ``(start, end)``; times in epoch seconds."""

    id: str
    times: list[float]
    values: list[float]
    incidents: list[tuple[float, float]]

    @property
    def days(self) -> float:
        """How long it is."""
        return (self.times[-1] - self.times[0]) / DAY


class Family(NamedTuple):
    """How a kind of series is made."""

    points: int
    interval: float
    background: Callable[[random.Random, list[float]], list[float]]
    incidents: tuple[str, ...]


def series(family: str, seed: int) -> Series:
    """Return the series ``family/seed``."""
    made = FAMILIES[family]
    rng = random.Random(f"{family}/{seed}")
    irregular = 0.2 * made.interval if family == "traffic" else 0.0
    times = [_MONDAY + n * made.interval + rng.uniform(0, irregular) for n in range(made.points)]
    values = made.background(rng, times)
    incidents = inject(rng, times, values, {kind: INCIDENTS[kind] for kind in made.incidents})
    return Series(f"{family}/{seed}", times, values, incidents)


def inject(
    rng: random.Random,
    times: list[float],
    values: list[float],
    kinds: Mapping[str, Callable[[Place], None]],
    *,
    begin: int = 10,
    longest: int = 40,
) -> list[tuple[float, float]]:
    """Put one to four incidents into ``values`` (in place) and return when they were, with an hour's or so grace.

    ``begin`` is how much of the series, in %, comes before the first; a long one has at most one in ``longest`` values.
    """
    size, count = len(values), rng.randint(1, 4)
    ordered = sorted(values)
    spread = ordered[int(size * 0.9)] - ordered[int(size * 0.1)] or abs(ordered[-1]) or 1.0
    floor, names = min(values), tuple(kinds)
    incidents = []
    for n in range(count):
        first = size * begin // 100 + n * (size * (100 - begin) // 100) // count
        start = rng.randint(first + size // 50, first + (size * (90 - begin) // 100) // count)
        kind = rng.choice(names)
        length = 2 if kind in {"spike", "dip"} else rng.randint(size // 100, size // longest)
        kinds[kind](Place(rng, times, values, range(start, min(size, start + length)), spread, floor))
        grace = 12 if kind in {"spike", "dip"} else max(12, size // 200)
        incidents.append((times[start], times[min(size - 1, start + length + grace)]))
    return incidents


class Place(NamedTuple):
    """Where an incident goes, and how large the series usually moves."""

    rng: random.Random
    times: list[float]
    values: list[float]
    at: range
    spread: float
    floor: float


def _spike(on: Place) -> None:
    height = on.rng.uniform(1.5, 4) * on.spread
    for n in on.at:
        on.values[n] += height * on.rng.uniform(0.8, 1.2)


def _dip(on: Place) -> None:
    for n in on.at:
        on.values[n] = on.floor - on.rng.uniform(0.3, 1) * on.spread


def _shift(on: Place) -> None:
    height = on.rng.choice([-1, 1]) * on.rng.uniform(1.0, 2.0) * on.spread
    for n in range(on.at.start, len(on.values)):
        on.values[n] += height


def _bump(on: Place) -> None:
    height = on.rng.uniform(0.8, 1.6) * on.spread
    for n in on.at:
        on.values[n] += height


def _outage(on: Place) -> None:
    for n in on.at:
        on.values[n] = min(on.floor, 0.0) if on.floor >= 0 else on.floor - 0.5 * on.spread


def _noisy(on: Place) -> None:
    for n in on.at:
        on.values[n] += on.rng.gauss(0, 1.2 * on.spread)


def _stuck(on: Place) -> None:
    for n in on.at:
        on.values[n] = on.values[on.at.start]


INCIDENTS: Final[Mapping[str, Callable[[Place], None]]] = {
    "spike": _spike,
    "dip": _dip,
    "shift": _shift,
    "bump": _bump,
    "outage": _outage,
    "noisy": _noisy,
    "stuck": _stuck,
}


def season(time: float, phase: float = 0.0, weekend: float = 1.0) -> float:
    """Return the hour's level, 0 to 1: low at night, two humps by day, ``weekend`` of it on Saturday and Sunday."""
    hour = ((time - phase) % DAY) / 3600
    shape = 0.5 - 0.4 * math.cos((hour - 3) * math.pi / 12) + 0.12 * math.sin((hour - 7) * math.pi / 6)
    return max(0.02, shape) * (weekend if (time - phase - _MONDAY) // DAY % 7 >= 5 else 1.0)


def autoregressive(rng: random.Random, size: int, memory: float, deviation: float) -> list[float]:
    """Return a stationary first-order process of this standard deviation, from 0."""
    value, made = 0.0, []
    for _ in range(size):
        value = memory * value + rng.gauss(0, deviation * math.sqrt(1 - memory * memory))
        made.append(value)
    return made


def _cpu(rng: random.Random, times: list[float]) -> list[float]:
    base, noise = rng.uniform(1, 60), rng.uniform(0.2, 3)
    wave = autoregressive(rng, len(times), rng.choice([0.0, 0.6]), noise)
    burst = rng.choice([0.0, 0.004, 0.02])
    return [
        max(0.0, base + w + (noise * rng.paretovariate(2.5) * 2 if rng.random() < burst else 0.0)) for w in wave
    ]  # fmt: skip


def _requests(rng: random.Random, times: list[float]) -> list[float]:
    top, phase = rng.uniform(30, 3000), rng.uniform(0, DAY)
    weekend, dispersion = rng.uniform(0.5, 1.0), rng.uniform(0.05, 0.15)
    made = []
    for time, wave in zip(times, autoregressive(rng, len(times), 0.9, dispersion), strict=True):
        mean = top * (0.1 + season(time, phase, weekend)) * math.exp(wave)
        made.append(float(max(0, round(rng.gauss(mean, math.sqrt(mean))))))
    return made


def _temperature(rng: random.Random, times: list[float]) -> list[float]:
    drift = autoregressive(rng, len(times), 0.999, 6)
    wave = autoregressive(rng, len(times), 0.95, 2)
    return [70 + d + w + rng.gauss(0, 0.4) for d, w in zip(drift, wave, strict=True)]


def _demand(rng: random.Random, times: list[float]) -> list[float]:
    weekend, slow = rng.uniform(0.7, 1.2), autoregressive(rng, len(times), 0.98, 0.06)
    return [
        round(18_000 * (0.15 + season(t, 0, weekend)) * math.exp(s + rng.gauss(0, 0.03)))
        for t, s in zip(times, slow, strict=True)
    ]


def _clicks(rng: random.Random, times: list[float]) -> list[float]:
    scale, depth = 10 ** rng.uniform(-2, 1), rng.uniform(0, 0.8)
    return [scale * (1 + depth * season(t)) * math.exp(rng.gauss(0, 0.25)) for t in times]


def _bytes(rng: random.Random, times: list[float]) -> list[float]:
    every, scale = rng.choice([12, 24, 36, 288]), 10 ** rng.uniform(4, 9)
    made = []
    for n in range(len(times)):
        quiet = scale * 0.01 * rng.expovariate(1)
        made.append(quiet + (scale * rng.uniform(0.6, 1.2) if n % every < 2 and rng.random() < 0.95 else 0.0))
    return made


def _traffic(rng: random.Random, times: list[float]) -> list[float]:
    free = rng.uniform(55, 75)
    return [
        free - 18 * season(t, 0, 0.5) + rng.gauss(0, 2.5) - (rng.expovariate(0.1) if rng.random() < 0.02 else 0)
        for t in times
    ]  # fmt: skip


def _small_counts(rng: random.Random, times: list[float]) -> list[float]:
    mean = rng.uniform(0.05, 3)
    return [float(poisson(rng, mean * (0.3 + season(t)))) for t in times]


def _daily(rng: random.Random, times: list[float]) -> list[float]:
    slope = rng.uniform(-0.02, 0.05)
    wave = autoregressive(rng, len(times), 0.7, 3)
    return [1000 + slope * n + 8 * (n % 7 in {5, 6}) + w for n, w in enumerate(wave)]


def poisson(rng: random.Random, mean: float) -> int:
    """Return a count."""
    count, left = 0, math.exp(-mean)
    product = rng.random()
    while product > left:
        product *= rng.random()
        count += 1
    return count


FAMILIES: Final = {
    "cpu": Family(4032, 300, _cpu, ("spike", "dip", "shift", "bump", "noisy")),
    "requests": Family(6000, 300, _requests, ("spike", "bump", "outage", "stuck")),
    "temperature": Family(12_000, 300, _temperature, ("dip", "outage", "noisy", "stuck")),
    "demand": Family(6000, 1800, _demand, ("spike", "bump", "outage", "noisy")),
    "clicks": Family(1600, 3600, _clicks, ("spike", "shift", "bump", "noisy")),
    "bytes": Family(4032, 300, _bytes, ("spike", "outage", "bump", "shift")),
    "traffic": Family(2500, 600, _traffic, ("dip", "shift", "outage", "noisy", "stuck")),
    "small_counts": Family(4032, 300, _small_counts, ("spike", "bump", "shift")),
    "daily": Family(1200, DAY, _daily, ("spike", "dip", "shift", "noisy")),
}
