"""Every contender on every scenario, two processes at a time, and what came of it."""

from __future__ import annotations

import multiprocessing
from collections import defaultdict
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from typing import Final, NamedTuple

import numpy as np

from benchmarks.detection import results
from benchmarks.detection.contenders import OURS, STOCK
from benchmarks.detection.judge import judge, within_budget
from benchmarks.detection.scenarios import GATED, SCENARIOS, VOLUMES, volume_class
from benchmarks.detection.series import LabelledSeries
from simulator.arrays import Floats

_CONTENDERS: Final = (OURS, *STOCK)
_WORKERS: Final = 2
ALL: Final = (*SCENARIOS, *GATED)
"""All scenarios, in the order of the tables."""


class Run(NamedTuple):
    """One series with each contender's scores, in the order of ``_CONTENDERS``, and the seconds each took."""

    world: str
    series: LabelledSeries
    scores: list[Floats]
    seconds: list[float]


def run_all(*, ours: bool = False) -> Iterator[list[Run]]:
    """Yield the runs of one scenario after the other; with ``ours`` those of our detector alone."""
    with ProcessPoolExecutor(_WORKERS, mp_context=multiprocessing.get_context("spawn")) as pool:
        yield from pool.map(partial(_run, ours=ours), range(len(ALL)))


def _run(number: int, *, ours: bool) -> list[Run]:
    scenario = ALL[number]
    alone = ours or scenario in GATED
    runs = []
    for series in scenario.draw():
        scored = [contender.run(series) for contender in (_CONTENDERS[:1] if alone else _CONTENDERS)]
        runs.append(Run(scenario.world, series, [one for one, _ in scored], [seconds for _, seconds in scored]))
    return runs


def _grouped(runs: Sequence[Run]) -> dict[tuple[str, str], list[Run]]:
    groups: defaultdict[tuple[str, str], list[Run]] = defaultdict(list)
    for world in dict.fromkeys(run.world for run in runs):
        for _, volume in VOLUMES:
            groups[world, volume] = [run for run in runs if (run.world, volume_class(run.series)) == (world, volume)]
    return {key: group for key, group in groups.items() if group}


def table(runs: Sequence[Run]) -> list[results.Row]:
    """Return a row for each world, class of volume and contender."""
    rows = []
    for (world, volume), group in _grouped(runs).items():
        series = [run.series for run in group]
        minutes = sum(one.minutes for one in series)
        for place, contender in enumerate(_CONTENDERS[: len(group[0].scores)]):
            scores = [run.scores[place] for run in group]
            threshold = within_budget(series, scores) if contender.threshold is None else contender.threshold
            outcome = judge(series, scores, threshold)
            rows.append(
                results.Row(
                    world=world,
                    volume=volume,
                    contender=contender.name,
                    incidents=sum(outcome.incidents.values()),
                    found=outcome.found,
                    false_alarms=round(outcome.false_alarms_per_day, 4),
                    delay=outcome.delay,
                    microseconds=round(1e6 * sum(run.seconds[place] for run in group) / minutes, 1),
                )
            )
    return rows


def by_kind(runs: Sequence[Run]) -> list[results.KindRow]:
    """Return what our detector found of each kind of incident."""
    rows = []
    for (world, volume), group in _grouped(runs).items():
        outcome = judge([run.series for run in group], [run.scores[0] for run in group], OURS.threshold or 1.0)
        for kind, incidents in sorted(outcome.incidents.items()):
            delays = outcome.delays.get(kind, [])
            delay = float(np.median(delays)) if delays else None
            rows.append(results.KindRow(world, kind, volume, incidents, len(delays), delay))
    return sorted(rows, key=lambda row: (row.world, row.kind))
