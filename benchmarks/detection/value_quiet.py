"""Series in which nothing goes wrong, one kind after the other: every alarm is a false one.

An id ``kind/seed`` is permanent. Seeds below 2000 are for tuning, the table and the gate use seeds from 2000 on.
"""

from __future__ import annotations

import math
import random
import sys
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from datetime import timedelta
from multiprocessing import get_context
from typing import Final, NamedTuple

from benchmarks.detection.value_series import DAY, Series
from detectors.series.backtest import Backtest
from detectors.series.detector import ValueDetector

_MONDAY: Final = 1_767_571_200.0  # 2026-01-05
_DAYS: Final = 14
SEEDS: Final = range(2000, 2010)
"""Never tuned on; 140 days of each kind."""
BUDGET: Final = 0.05
"""False alarms per series and day."""
_WORKERS: Final = 2


class Kind(NamedTuple):
    """How a kind is made: seconds between values, and the values of the times."""

    interval: float
    make: Callable[[random.Random, list[float]], list[float | None]]


def quiet_series(kind: str, seed: int, days: int = _DAYS) -> Series:
    """Return the series ``kind/seed``, without incidents; what was not observed is left out."""
    made = QUIET[kind]
    rng = random.Random(f"quiet/{kind}/{seed}")
    times = [_MONDAY + n * made.interval for n in range(int(days * DAY / made.interval))]
    pairs = [(time, value) for time, value in zip(times, made.make(rng, times), strict=True) if value is not None]
    return Series(f"{kind}/{seed}", [time for time, _ in pairs], [value for _, value in pairs], [])


def _hour(time: float) -> float:
    return time % DAY / 3600


def _weekday(time: float) -> int:
    return int((time - _MONDAY) // DAY) % 7


def _wave(time: float) -> float:
    return 0.5 - 0.5 * math.cos((_hour(time) - 3) * math.pi / 12)


def _poisson(rng: random.Random, mean: float) -> int:
    if mean > 30:
        return max(0, round(rng.gauss(mean, math.sqrt(mean))))
    count, left, product = 0, math.exp(-mean), rng.random()
    while product > left:
        product *= rng.random()
        count += 1
    return count


def _rare_counts(rng: random.Random, times: list[float]) -> list[float | None]:
    """Errors a minute, say: 0 in about 92 % of minutes, with or without a season of the day."""
    mean, depth = rng.uniform(0.03, 0.15), rng.choice([0.0, 0.5, 1.0])
    return [float(_poisson(rng, mean * (1 - depth + 2 * depth * _wave(t)))) for t in times]


def _zero_inflated(rng: random.Random, times: list[float]) -> list[float | None]:
    """Nothing most of the time, else an amount of any size: sales, bytes of a batch."""
    share, scale, spread = rng.uniform(0.02, 0.2), 10 ** rng.uniform(0, 5), rng.uniform(0.3, 1.2)
    return [scale * math.exp(rng.gauss(0, spread)) if rng.random() < share else 0.0 for _ in times]


def _bursts_of_counts(rng: random.Random, times: list[float]) -> list[float | None]:
    """Rare counts that come in clusters: a customer who tries again."""
    rate, made, left = rng.uniform(0.005, 0.02), list[float | None](), 0
    for _ in times:
        left = rng.randint(2, 8) if left == 0 and rng.random() < rate else max(0, left - 1)
        made.append(float(_poisson(rng, 1.2)) if left else 0.0)
    return made


def _ramp(rng: random.Random, times: list[float]) -> list[float | None]:
    """Return a disk that fills: a straight line with noise, up or down."""
    slope, noise = rng.choice([-1, 1]) * 10 ** rng.uniform(-2, 2), rng.choice([0.0, 0.1, 1.0, 10.0])
    start = rng.uniform(-100, 100)
    return [start + slope * n + noise * abs(slope) * rng.gauss(0, 1) for n in range(len(times))]


def _counter(rng: random.Random, times: list[float]) -> list[float | None]:
    """Count requests since the start of a process, which goes on and on."""
    return _counting(rng, times, never=True)


def _counter_resets(rng: random.Random, times: list[float]) -> list[float | None]:
    """Count the same of a process that is started anew now and then, or once a night."""
    return _counting(rng, times, never=False)


def _counting(rng: random.Random, times: list[float], *, never: bool) -> list[float | None]:
    mean, depth, nightly = 10 ** rng.uniform(-0.5, 2), rng.choice([0.0, 0.4]), rng.random() < 0.5
    total, made, every = rng.uniform(0, 1000), list[float | None](), rng.uniform(120, 1500)
    for time in times:
        restart = time % DAY < 60 if nightly else rng.random() < 1 / every
        total = 0.0 if restart and not never else total + _poisson(rng, mean * (1 - depth + 2 * depth * _wave(time)))
        made.append(total)
    return made


def _steps(rng: random.Random, times: list[float]) -> list[float | None]:
    """Sessions, replicas, a set point: constant or a little noisy between steps that come a few times a day."""
    level, unit, every = rng.uniform(5, 50), rng.uniform(0.5, 5), rng.uniform(60, 400)
    noise, made = rng.choice([0.0, 0.05, 0.2]) * unit, list[float | None]()
    for _ in times:
        if rng.random() < 1 / every:
            level = min(100.0, max(0.0, level + rng.choice([-3, -2, -1, 1, 2, 3]) * unit))
        made.append(level + rng.gauss(0, noise))
    return made


def _constant_jitter(rng: random.Random, times: list[float]) -> list[float | None]:
    """Return a constant whose last digits move: rounding, a clock, a sensor at rest."""
    level, jitter = rng.uniform(-100, 100), 10 ** rng.uniform(-9, -2)
    shape = rng.choice(["gauss", "uniform", "two", "rare"])
    moves: dict[str, Callable[[], float]] = {
        "gauss": lambda: rng.gauss(0, jitter),
        "uniform": lambda: rng.uniform(-jitter, jitter),
        "two": lambda: rng.choice([0.0, jitter]),
        "rare": lambda: rng.choice([-jitter, jitter]) if rng.random() < 0.02 else 0.0,
    }
    return [level + moves[shape]() for _ in times]


def _negatives(rng: random.Random, times: list[float]) -> list[float | None]:
    """Temperatures, balances: below zero, across it, with a season and slow weather."""
    mean, depth, memory, made, value = rng.uniform(-50, 5), rng.uniform(0, 10), rng.uniform(0.5, 0.99), [], 0.0
    for time in times:
        value = memory * value + rng.gauss(0, math.sqrt(1 - memory * memory))
        made.append(mean + depth * _wave(time) + value)
    return list[float | None](made)


def _business_hours(rng: random.Random, times: list[float]) -> list[float | None]:
    """Much from nine to five on working days, next to nothing at other times."""
    top, night, opens, closes = rng.uniform(20, 300), rng.uniform(0, 0.02), rng.uniform(6, 9), rng.uniform(16, 20)
    made = list[float | None]()
    for time in times:
        is_open = _weekday(time) < 5 and opens <= _hour(time) < closes
        made.append(float(_poisson(rng, top * (1.0 if is_open else night))))
    return made


def _missing_hours(rng: random.Random, times: list[float]) -> list[float | None]:
    """Return a seasonal series that is not observed for hours, some of them the same every night."""
    top, nightly = rng.uniform(20, 300), rng.random() < 0.5
    made, missing = list[float | None](), 0
    for time in times:
        missing = rng.randint(30, 480) if missing == 0 and rng.random() < 1 / 1500 else max(0, missing - 1)
        absent = missing > 0 or (nightly and _hour(time) < 4)
        made.append(None if absent else float(_poisson(rng, top * (0.2 + _wave(time)))))
    return made


def _heavy_tail(rng: random.Random, times: list[float]) -> list[float | None]:
    """Latencies: most alike, a few of them far higher."""
    scale, tail = 10 ** rng.uniform(0, 3), rng.uniform(0.3, 0.7)
    return [scale * math.exp(rng.gauss(0, tail)) for _ in times]


def _nightly_batch(rng: random.Random, times: list[float]) -> list[float | None]:
    """Noise, and a peak at the same hour of every night."""
    base, peak, at, long = rng.uniform(5, 50), rng.uniform(2, 10), rng.uniform(0, 23), rng.uniform(0.2, 1.0)
    return [base * (peak if at <= _hour(t) < at + long else 1.0) * rng.uniform(0.9, 1.1) for t in times]


def _random_walk(rng: random.Random, times: list[float]) -> list[float | None]:
    """Return a price: every value is the last one and a little."""
    value, step, made = rng.uniform(50, 500), rng.uniform(0.01, 1), list[float | None]()
    for _ in times:
        value += rng.gauss(0, step)
        made.append(value)
    return made


QUIET: Final[dict[str, Kind]] = {
    "rare counts": Kind(60, _rare_counts),
    "zero-inflated": Kind(60, _zero_inflated),
    "clustered counts": Kind(60, _bursts_of_counts),
    "ramp": Kind(60, _ramp),
    "growing counter": Kind(60, _counter),
    "counter with resets": Kind(60, _counter_resets),
    "steps": Kind(60, _steps),
    "constant with jitter": Kind(60, _constant_jitter),
    "negative values": Kind(60, _negatives),
    "weekly business hours": Kind(60, _business_hours),
    "missing hours": Kind(60, _missing_hours),
    "heavy tail": Kind(60, _heavy_tail),
    "nightly batch": Kind(60, _nightly_batch),
    "random walk": Kind(60, _random_walk),
    "business hours by 5 minutes": Kind(300, _business_hours),
    "ramp by 5 minutes": Kind(300, _ramp),
    "rare counts by 5 minutes": Kind(300, _rare_counts),
    "missing hours by 5 minutes": Kind(300, _missing_hours),
}


class Alarms(NamedTuple):
    """False alarms of one kind of series: the sum, the maximum of one series, and the days observed."""

    kind: str
    alarms: int
    worst: int
    days: float

    @property
    def per_day(self) -> float:
        """False alarms per series and day."""
        return self.alarms / self.days


def false_alarms(kind: str, seed: int, days: int = _DAYS) -> int:
    """Return how many episodes ``ValueDetector`` makes of ``kind/seed``: all are false."""
    interval = timedelta(seconds=QUIET[kind].interval)
    test = Backtest(ValueDetector(), interval)
    one = quiet_series(kind, seed, days)
    for time, value in zip(one.times, one.values, strict=True):
        test.judge(time, {"time": time, "value": value})
    return len(test.episodes)


def measured(kinds: Iterable[str] = tuple(QUIET), seeds: Sequence[int] = SEEDS) -> list[Alarms]:
    """Return the false alarms of each kind, two series at a time; all kinds take about five minutes."""
    chosen = list(kinds)
    pairs = [(kind, seed) for kind in chosen for seed in seeds]
    with ProcessPoolExecutor(_WORKERS, mp_context=get_context("spawn")) as pool:
        counts = list(pool.map(false_alarms, [kind for kind, _ in pairs], [seed for _, seed in pairs]))
    found = []
    for place, kind in enumerate(chosen):
        of_kind = counts[place * len(seeds) : (place + 1) * len(seeds)]
        found.append(Alarms(kind, sum(of_kind), max(of_kind), _DAYS * len(seeds)))
    return found


def over_budget(found: Iterable[Alarms]) -> list[str]:
    """Return in words which kinds had more false alarms than the budget allows."""
    return [f"{one.kind}: {one.per_day:.3f} false alarms a day" for one in found if one.per_day > BUDGET]


def markdown(found: Iterable[Alarms]) -> str:
    """Return the table."""
    rows = [f"| {one.kind} | {one.alarms} | {one.per_day:.3f} | {one.worst} |" for one in found]
    return "\n".join(["| kind | false alarms | a series and day | the worst series |", "|---|---|---|---|", *rows])


if __name__ == "__main__":
    results = measured()
    print(markdown(results))
    over = over_budget(results)
    for words in over:
        print(f"over budget: {words}")
    sys.exit(1 if over else 0)
