"""What a contender's scores are worth: incidents found, how soon, and false alarms."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from benchmarks.detection.series import DAY, Label, LabelledSeries
from simulator.arrays import Floats

WARM_DAYS: Final = 3
"""The first days of every series are for learning: nothing in them counts."""
BUDGET: Final = 0.05
"""False alarms per series and day."""
_QUIET: Final = 10
# Windows still hold an incident for a while after it is over.
_AFTERMATH: Final = 30
_SWEEP: Final = 80


@dataclass
class Outcome:
    """What was found among the incidents of some series."""

    days: float = 0.0
    false_alarms: int = 0
    incidents: dict[str, int] = field(default_factory=dict)
    delays: dict[str, list[int]] = field(default_factory=dict)

    @property
    def found(self) -> int:
        """Number of incidents that an episode began in, or went on into."""
        return sum(len(delays) for delays in self.delays.values())

    @property
    def recall(self) -> float:
        """The share of incidents that were found."""
        total = sum(self.incidents.values())
        return self.found / total if total else 0.0

    @property
    def false_alarms_per_day(self) -> float:
        """False alarms per series and day."""
        return self.false_alarms / self.days

    @property
    def delay(self) -> float | None:
        """Median minutes from an incident's start to the end of the first minute that was told anomalous."""
        delays = [delay for found in self.delays.values() for delay in found]
        return float(np.median(delays)) if delays else None


def episodes(scores: Floats, threshold: float) -> list[tuple[int, int]]:
    """Return first and last minute of each episode after the warm days (``detectors.performance.episodes``)."""
    hot = np.flatnonzero(scores[WARM_DAYS * DAY :] > threshold) + WARM_DAYS * DAY
    if len(hot) == 0:
        return []
    # Quiet for ten minutes closes an episode: the next hot minute comes eleven or more after the last one.
    cuts = np.flatnonzero(np.diff(hot) > _QUIET)
    return list(zip(hot[np.r_[0, cuts + 1]].tolist(), hot[np.r_[cuts, len(hot) - 1]].tolist(), strict=True))


def judge(series: Sequence[LabelledSeries], scores: Sequence[Floats], threshold: float) -> Outcome:
    """Return what episodes of scores above the threshold find."""
    outcome = Outcome()
    for one, its_scores in zip(series, scores, strict=True):
        found = episodes(its_scores, threshold)
        outcome.days += one.minutes / DAY - WARM_DAYS
        outcome.false_alarms += sum(not any(_touches(span, label) for label in one.labels) for span in found)
        for label in one.labels:
            outcome.incidents[label.kind] = outcome.incidents.get(label.kind, 0) + 1
            hot = np.flatnonzero(its_scores[label.start : label.end] > threshold)
            if len(hot) > 0:
                outcome.delays.setdefault(label.kind, []).append(int(hot[0]) + 1)
    return outcome


def within_budget(series: Sequence[LabelledSeries], scores: Sequence[Floats]) -> float:
    """Return the lowest threshold that keeps to the budget on these very series: the best that hindsight can do."""
    joined = np.concatenate([one[WARM_DAYS * DAY :] for one in scores])
    candidates = np.unique(np.quantile(joined, 1.0 - np.geomspace(0.2, 1e-6, _SWEEP)))
    low, high = 0, len(candidates) - 1
    while low < high:  # more or less monotonous: good enough for a comparison
        middle = (low + high) // 2
        if judge(series, scores, float(candidates[middle])).false_alarms_per_day <= BUDGET:
            high = middle
        else:
            low = middle + 1
    return float(candidates[high])


def _touches(span: tuple[int, int], label: Label) -> bool:
    return span[0] < label.end + _AFTERMATH and span[1] >= label.start
