"""A world of its own, so that nothing is tuned to the simulator: overdispersed counts with daily and weekly seasons.

Levels wander, errors and latencies come in clusters, now and then a few minutes are worse for no reason that matters,
and seven kinds of incident strike. Some series have a trait of real ones: a holiday, a level that shifts for good,
minutes that were lost, spikes on the hour, dead nights, growth, or errors that are common.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from benchmarks.detection.series import DAY, Label, LabelledSeries
from simulator.arrays import Floats

KINDS: Final = (
    "outage",
    "error burst",
    "error creep",
    "latency step",
    "latency creep",
    "traffic drop",
    "traffic surge",
)
TRAITS: Final = ("plain", "holiday", "level shift", "lost minutes", "hourly spikes", "dead nights", "growth", "errors")
_MONDAY: Final = 1_767_571_200
# Incidents of one series are at least so many minutes apart.
_APART: Final = 240


@dataclass
class _Shape:
    """What the minutes of a series are drawn from."""

    rate: Floats
    failing: Floats
    slower: Floats


def draw(seed: int, volume: float, *, days: int, warm_days: int, per_day: float, trait: str) -> LabelledSeries:
    """Return a series with ``per_day`` incidents a day after ``warm_days``, ``volume`` events a minute on average."""
    rng = np.random.default_rng([seed, round(volume * 1000), TRAITS.index(trait)])
    minutes = days * DAY
    shape = _Shape(_season(rng, days, trait), _failing(rng, minutes, trait), _latency(rng, minutes))
    usual = shape.rate / shape.rate.mean()
    _trait(rng, shape, trait, warm_days)
    _blips(rng, shape, days)
    labels = _incidents(rng, shape, usual, warm_days, per_day)
    noise = rng.gamma(_between(rng, 8.0, 30.0), 1.0, minutes)
    counts = _clustered(rng, volume * shape.rate * noise / noise.mean(), _between(rng, 1.0, 2.5))
    scatter = _between(rng, 60.0, 400.0)
    failing = np.clip(shape.failing, 1e-6, 0.995)
    errors = rng.binomial(counts, rng.beta(failing * scatter, (1.0 - failing) * scatter))
    log_sums, log_squares = _moments(rng, counts, shape.slower, _between(rng, 0.35, 0.8))
    lost = _lost(rng, minutes) if trait == "lost minutes" else frozenset()
    name = f"synthetic-{seed}-{volume:g}-{trait.replace(' ', '-')}"
    return LabelledSeries(name, volume, _MONDAY, counts, errors, log_sums, log_squares, labels, lost)


def _between(rng: np.random.Generator, low: float, high: float) -> float:
    return float(np.exp(rng.uniform(np.log(low), np.log(high))))


def _wander(rng: np.random.Generator, minutes: int, spread: float, hours: float) -> Floats:
    """Return a smooth random walk around 0 that forgets within so many hours."""
    steps = max(int(minutes / (hours * 60.0)), 1) + 3
    nodes = rng.normal(0.0, spread, steps)
    wandering: Floats = np.interp(np.arange(minutes) / (hours * 60.0), np.arange(steps), nodes)
    return wandering


def _season(rng: np.random.Generator, days: int, trait: str) -> Floats:
    hours = np.arange(DAY) / 60.0
    floor = 0.01 if trait == "dead nights" else rng.uniform(0.08, 0.4)
    day = np.full(DAY, floor)
    for _ in range(int(rng.integers(1, 4))):
        distance = (hours - rng.uniform(0.0, 24.0) + 12.0) % 24.0 - 12.0
        day += rng.uniform(0.4, 1.0) * np.exp(-0.5 * (distance / rng.uniform(1.5, 4.0)) ** 2)
    weekdays = rng.uniform(0.85, 1.15, 7)
    weekdays[5:] *= rng.choice([0.3, 0.6, 1.2])
    weeks = -(-days // 7)
    by_minute = np.repeat(weekdays, DAY)
    if rng.random() < 0.6:  # the others change at midnight sharp
        middays = np.arange(-1, 8) * DAY + DAY // 2
        by_minute = np.interp(np.arange(7 * DAY), middays, weekdays[np.arange(-1, 8) % 7])
    season = np.tile(np.tile(day, 7) * by_minute, weeks)[: days * DAY]
    season = season * np.exp(_wander(rng, len(season), 0.10, 24.0) + _wander(rng, len(season), 0.06, 3.0))
    scaled: Floats = season / season.mean()
    return scaled


def _failing(rng: np.random.Generator, minutes: int, trait: str) -> Floats:
    base = _between(rng, 0.05, 0.15) if trait == "errors" else _between(rng, 0.003, 0.04)
    daily = 1.0 + rng.uniform(0.0, 0.4) * np.sin(2 * np.pi * (np.arange(minutes) / DAY + rng.random()))
    rates: Floats = base * daily * np.exp(_wander(rng, minutes, 0.2, 6.0))
    return rates


def _latency(rng: np.random.Generator, minutes: int) -> Floats:
    daily = rng.uniform(0.0, 0.12) * np.sin(2 * np.pi * (np.arange(minutes) / DAY + rng.random()))
    logs: Floats = np.log(_between(rng, 80.0, 800.0)) + daily + _wander(rng, minutes, 0.04, 2.0)
    return logs + rng.normal(0.0, 0.03, minutes)


def _trait(rng: np.random.Generator, shape: _Shape, trait: str, warm_days: int) -> None:
    minutes = len(shape.rate)
    if trait == "holiday":
        day = int(rng.integers(warm_days, minutes // DAY))
        shape.rate[day * DAY : (day + 1) * DAY] *= rng.uniform(0.25, 0.5)
    elif trait == "level shift":
        begin = int(rng.integers(warm_days * DAY, minutes))
        shape.rate[begin:] *= rng.choice([0.6, 1.5])
        shape.slower[begin:] += rng.choice([-0.15, 0.12])
    elif trait == "hourly spikes":
        shape.rate[np.arange(minutes) % 60 < 2] *= rng.uniform(1.5, 3.0)
    elif trait == "growth":
        shape.rate *= np.exp(np.linspace(-0.5, 0.5, minutes))


def _blips(rng: np.random.Generator, shape: _Shape, days: int) -> None:
    """Put in a few minutes, about every other day, that are a little worse: nobody should be woken."""
    minutes = len(shape.rate)
    for _ in range(int(rng.poisson(0.5 * days))):
        begin, length = int(rng.integers(0, minutes)), int(rng.integers(2, 7))
        span = slice(begin, begin + length)
        match int(rng.integers(3)):
            case 0:
                shape.rate[span] *= rng.uniform(1.3, 1.9)
            case 1:
                shape.failing[span] += rng.uniform(0.01, 0.05)
            case _:
                shape.slower[span] += np.log(rng.uniform(1.1, 1.4))


def _incidents(
    rng: np.random.Generator, shape: _Shape, usual: Floats, warm_days: int, per_day: float
) -> tuple[Label, ...]:
    minutes = len(shape.rate)
    labels: list[Label] = []
    for _ in range(int(rng.poisson(per_day * (minutes / DAY - warm_days)))):
        kind = KINDS[int(rng.integers(len(KINDS)))]
        begin = int(rng.integers(warm_days * DAY, minutes - 200))
        # Nothing can be seen where nothing happens: the dead of night is left out.
        if usual[begin] < 0.25 or any(begin < one.end + _APART and one.start < begin + _APART for one in labels):
            continue
        end = begin + _strike(rng, shape, kind, begin)
        labels.append(Label(kind, begin, end))
    return tuple(sorted(labels, key=lambda one: one.start))


def _strike(rng: np.random.Generator, shape: _Shape, kind: str, begin: int) -> int:
    """Change what is drawn from and return how long it lasts."""
    length = int(rng.integers(60, 181)) if kind.endswith("creep") else int(rng.integers(15, 91))
    span = slice(begin, begin + length)
    rise = np.minimum(np.arange(len(shape.rate[span])) / (0.6 * length), 1.0)
    match kind:
        case "outage":
            shape.failing[span] = rng.uniform(0.5, 0.98)
            shape.rate[span] *= rng.uniform(0.5, 1.2)
        case "error burst":
            shape.failing[span] += rng.uniform(0.10, 0.5)
        case "error creep":
            shape.failing[span] += rng.uniform(0.06, 0.25) * rise
        case "latency step":
            shape.slower[span] += np.log(rng.uniform(1.5, 3.5))
        case "latency creep":
            shape.slower[span] += np.log(rng.uniform(1.6, 3.5)) * rise
        case "traffic drop":
            shape.rate[span] *= rng.uniform(0.0, 0.4)
        case _:
            shape.rate[span] *= rng.uniform(2.2, 5.0)
    return length


def _clustered(rng: np.random.Generator, expected: Floats, size: float) -> np.typing.NDArray[np.int64]:
    """Return counts of events that come in clusters: variance is about ``size`` times the mean."""
    clusters = rng.poisson(expected / size)
    extra = rng.poisson(clusters * (size - 1.0))
    counts: np.typing.NDArray[np.int64] = clusters + extra
    return counts


def _moments(
    rng: np.random.Generator, counts: np.typing.NDArray[np.int64], logs: Floats, spread: float
) -> tuple[Floats, Floats]:
    means = logs + spread * rng.normal(size=len(counts)) / np.sqrt(np.maximum(counts, 1))
    within = spread**2 * rng.chisquare(np.maximum(counts - 1, 1)) * (counts > 1)
    return counts * means, counts * means**2 + within


def _lost(rng: np.random.Generator, minutes: int) -> frozenset[int]:
    lost = set(np.flatnonzero(rng.random(minutes) < 0.01).tolist())
    for _ in range(6):
        begin = int(rng.integers(0, minutes))
        lost.update(range(begin, begin + int(rng.integers(5, 300))))
    return frozenset(lost)
