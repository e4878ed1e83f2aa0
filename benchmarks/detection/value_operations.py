"""Families of operations series whose incidents stay within the range that the series usually has, or build up slowly.

Backgrounds: plateaus of load, batches, feeds of counts with bursts, memory that is let go, days with one peak, machines
that wander, spiky clicks, heavy-tailed latencies, sparse requests. Incidents: a daily peak that is missing or comes at
another hour, a slow ramp, an oscillation, calm, a burst of heavy spikes, half the usual values.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Mapping
from typing import Final

from benchmarks.detection.value_series import (
    DAY,
    INCIDENTS,
    Family,
    Place,
    Series,
    autoregressive,
    inject,
    poisson,
    season,
)

_MONDAY: Final = 1_578_268_800.0  # 2020-01-06
# Incidents begin after the first 15 %, which a judge of the standard profile leaves out.
_BEGIN: Final = 17
_LONGEST: Final = 25


def operations_series(family: str, seed: int) -> Series:
    """Return the series ``family/seed``, reproducible for ever."""
    made = OPERATIONS[family]
    rng = random.Random(f"operations/{family}/{seed}")
    times = [_MONDAY + n * made.interval for n in range(made.points)]
    values = made.background(rng, times)
    kinds = {kind: _INCIDENTS[kind] for kind in made.incidents}
    return Series(f"{family}/{seed}", times, values, inject(rng, times, values, kinds, begin=_BEGIN, longest=_LONGEST))


def _plateaus(rng: random.Random, times: list[float]) -> list[float]:
    """CPU of a pool: a few levels of load, each for hours to days, with short jobs on top."""
    levels = [rng.uniform(5, 70) for _ in range(rng.randint(1, 4))]
    noise, stays, job = rng.uniform(0.3, 2.5), rng.uniform(60, 700), rng.choice([0.0, 0.005, 0.03])
    level, made = levels[0], []
    for wave in autoregressive(rng, len(times), rng.choice([0.0, 0.7]), noise):
        level = rng.choice(levels) if rng.random() < 1 / stays else level
        made.append(
            min(100.0, max(0.0, level + wave + (rng.expovariate(1 / (6 * noise)) if rng.random() < job else 0)))
        )
    return made


def _batches(rng: random.Random, times: list[float]) -> list[float]:
    """Bytes on a network: lognormal, with a batch at regular intervals and bursts at any time."""
    scale, tail = 10 ** rng.uniform(3, 8), rng.uniform(0.2, 0.9)
    every, size, burst = rng.choice([6, 12, 36, 144, 288]), rng.uniform(2, 12), rng.choice([0.002, 0.01])
    made = []
    for n in range(len(times)):
        value = scale * math.exp(rng.gauss(0, tail))
        value += scale * size * rng.uniform(0.7, 1.3) if n % every == 0 else 0.0
        made.append(value + (scale * size * rng.paretovariate(2.0) if rng.random() < burst else 0.0))
    return made


def _feed(rng: random.Random, times: list[float]) -> list[float]:
    """Mentions of a name: counts with a day and a weekend, and bursts that fade within minutes to an hour."""
    mean, phase, weekend = 10 ** rng.uniform(0, 2), rng.uniform(0, DAY), rng.uniform(0.5, 1.0)
    rate, heavy, extra = rng.uniform(0.002, 0.02), rng.uniform(1.3, 2.5), 0.0
    fades = rng.uniform(0.3, 0.8)
    made = []
    for time, wave in zip(times, autoregressive(rng, len(times), 0.9, rng.uniform(0.1, 0.4)), strict=True):
        extra = fades * extra + (min(30.0, rng.paretovariate(heavy)) if rng.random() < rate else 0.0)
        made.append(float(poisson(rng, mean * ((0.2 + season(time, phase, weekend)) * math.exp(wave) + extra))))
    return made


def _memory(rng: random.Random, times: list[float]) -> list[float]:
    """Memory of a process: it grows until it is let go, now and then all of it."""
    base, grows, most = rng.uniform(20, 50), rng.uniform(0.02, 0.6), rng.uniform(5, 20)
    noise, extra, made = rng.uniform(0.05, 1.0), 0.0, []
    for _ in times:
        extra += grows * rng.uniform(0.0, 2.0)
        extra = extra * rng.uniform(0.0, 0.3) if extra > most * rng.uniform(0.8, 1.2) else extra
        made.append(base + extra + rng.gauss(0, noise))
    return made


def _one_peak(rng: random.Random, times: list[float]) -> list[float]:
    """Load with one smooth peak a day, lower at weekends."""
    low, top, phase, weekend = rng.uniform(5, 30), rng.uniform(20, 70), rng.uniform(0, DAY), rng.uniform(0.4, 1.0)
    noise = rng.uniform(0.02, 0.1) * top
    wave = autoregressive(rng, len(times), 0.8, noise)
    return [
        low + top * season(t, phase, weekend) + w + rng.gauss(0, 0.5 * noise) for t, w in zip(times, wave, strict=True)
    ]


def _wander(rng: random.Random, times: list[float]) -> list[float]:
    """Return a machine's temperature: hours of drift, minutes of inertia, a sensor's noise."""
    drift = autoregressive(rng, len(times), 0.998, rng.uniform(1, 5))
    wave = autoregressive(rng, len(times), rng.uniform(0.85, 0.97), rng.uniform(0.5, 2))
    noise = rng.uniform(0.05, 0.5)
    return [80 + d + w + rng.gauss(0, noise) for d, w in zip(drift, wave, strict=True)]


def _room(rng: random.Random, times: list[float]) -> list[float]:
    """Return a room's temperature: the day, working days, and the weather."""
    depth, weekend = rng.uniform(0.5, 4), rng.uniform(0.2, 1.0)
    weather = autoregressive(rng, len(times), 0.985, rng.uniform(0.5, 2.5))
    return [70 + depth * season(t, 0, weekend) + w + rng.gauss(0, 0.3) for t, w in zip(times, weather, strict=True)]


def _spiky_clicks(rng: random.Random, times: list[float]) -> list[float]:
    """Price or rate of clicks by the hour: noise, a weak day, and spikes of a few times the usual."""
    scale, depth, tail = 10 ** rng.uniform(-2, 2), rng.uniform(0, 0.8), rng.uniform(0.15, 0.4)
    rate = rng.choice([0.0, 0.005, 0.02])
    return [
        scale
        * (0.5 + depth * season(t))
        * math.exp(rng.gauss(0, tail))
        * (rng.uniform(1.5, 4) if rng.random() < rate else 1)
        for t in times
    ]


def _latency(rng: random.Random, times: list[float]) -> list[float]:
    """Latency of a service: lognormal, worse by day, with bad quarters of an hour."""
    scale, tail, depth = 10 ** rng.uniform(0, 3), rng.uniform(0.1, 0.5), rng.uniform(0, 0.6)
    bad, left, made = rng.choice([0.0, 0.001, 0.004]), 0, []
    for time in times:
        left = rng.randint(1, 4) if left == 0 and rng.random() < bad else max(0, left - 1)
        factor = rng.uniform(2, 5) if left else 1.0
        made.append(scale * factor * (1 + depth * season(time)) * math.exp(rng.gauss(0, tail)))
    return made


def _sparse_requests(rng: random.Random, times: list[float]) -> list[float]:
    """Send requests to a small service: mostly a few or none, by day, with sessions of more."""
    mean, share = rng.uniform(0.2, 4), rng.uniform(0.005, 0.03)
    left, made = 0, []
    for time in times:
        left = rng.randint(1, 6) if left == 0 and rng.random() < share else max(0, left - 1)
        made.append(float(poisson(rng, mean * (0.2 + season(time)) * (8.0 if left else 1.0))))
    return made


def _missed_peak(on: Place) -> None:
    """Return to what the series has at its lowest of the day, for the length of a peak."""
    low = _of_day_before(on, 0.1)
    noise = 0.05 * on.spread
    for n in on.at:
        on.values[n] = min(on.values[n], low + on.rng.gauss(0, noise))


def _shifted_day(on: Place) -> None:
    """Let hours have the values of some hours before: the peak comes later."""
    lag = round(on.rng.uniform(0.2, 0.4) * DAY / (on.times[1] - on.times[0]))
    before = list(on.values)
    for n in on.at:
        on.values[n] = before[n - lag]


def _ramp(on: Place) -> None:
    """Leak: grow slowly, then fall back at once."""
    height = on.rng.uniform(0.8, 2.0) * on.spread
    for place, n in enumerate(on.at):
        on.values[n] += height * place / len(on.at)


def _oscillation(on: Place) -> None:
    """Swing within the usual range, at a period that the series does not have."""
    depth, period = on.rng.uniform(0.3, 0.6) * on.spread, on.rng.uniform(4, 16)
    for place, n in enumerate(on.at):
        on.values[n] += depth * math.sin(2 * math.pi * place / period)


def _calm(on: Place) -> None:
    """Lose all noise but a little: a cache in front, a sensor that averages."""
    middle = sum(on.values[n] for n in on.at) / len(on.at)
    for n in on.at:
        on.values[n] = middle + 0.1 * (on.values[n] - middle)


def _burst(on: Place) -> None:
    """Spike every few values, heavily."""
    for n in on.at:
        if on.rng.random() < 0.3:
            on.values[n] += on.spread * min(6.0, on.rng.paretovariate(1.2))


def _zero(on: Place) -> None:
    for n in on.at:
        on.values[n] = 0.0


def _half(on: Place) -> None:
    """Lose half of the traffic, or double it."""
    factor = on.rng.choice([0.4, 1.8])
    for n in on.at:
        on.values[n] *= factor


def _of_day_before(on: Place, share: float) -> float:
    size = round(DAY / (on.times[1] - on.times[0]))
    day = sorted(on.values[max(0, on.at.start - size) : on.at.start])
    return day[int(share * len(day))]


_INCIDENTS: Final[Mapping[str, Callable[[Place], None]]] = {
    **INCIDENTS,
    "missed peak": _missed_peak,
    "shifted day": _shifted_day,
    "ramp": _ramp,
    "oscillation": _oscillation,
    "calm": _calm,
    "burst": _burst,
    "zero": _zero,
    "half": _half,
}


OPERATIONS: Final = {
    "plateaus": Family(4032, 300, _plateaus, ("shift", "bump", "spike", "stuck", "ramp", "noisy")),
    "batches": Family(4032, 300, _batches, ("bump", "zero", "burst", "shift", "spike")),
    "feed": Family(8064, 300, _feed, ("burst", "bump", "zero", "half")),
    "memory": Family(4032, 300, _memory, ("ramp", "shift", "stuck", "oscillation")),
    "one peak": Family(6048, 300, _one_peak, ("missed peak", "shifted day", "bump", "ramp", "zero", "oscillation")),
    "wander": Family(8064, 300, _wander, ("dip", "oscillation", "ramp", "stuck", "calm", "noisy")),
    "room": Family(3600, 3600, _room, ("dip", "shift", "missed peak", "shifted day", "stuck", "noisy")),
    "spiky clicks": Family(1600, 3600, _spiky_clicks, ("spike", "burst", "bump", "half", "shift")),
    "latency": Family(4032, 300, _latency, ("half", "ramp", "burst", "bump", "noisy", "calm")),
    "sparse requests": Family(4032, 300, _sparse_requests, ("bump", "burst", "zero", "half")),
}
