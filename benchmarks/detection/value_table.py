"""``ValueDetector`` beside river's stock detectors over the same series, with the same number of false alarms allowed.

The threshold of every stock detector is the one that finds most incidents of the tuning series without more false
alarms than ``ValueDetector`` has on them; ours is 1, always. All figures are of other series.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Final, NamedTuple

from benchmarks.detection.value_contenders import CONTENDERS, Scores
from benchmarks.detection.value_operations import OPERATIONS, operations_series
from benchmarks.detection.value_profile import ProfileScore, profile_score
from benchmarks.detection.value_series import FAMILIES, Series, series
from detectors.series.backtest import QUIET_INTERVALS, Incident, quality

_OURS: Final = "ValueDetector"
_TUNING_SEEDS: Final = range(2)
_SEEDS: Final = range(1000, 1003)
_MAX_ROWS: Final = 0.1
_QUANTILES: Final = (0.9, 0.95, 0.98, 0.99, 0.995, 0.998, 0.999, 0.9995, 0.9998, 0.9999, 1.0)


class Result(NamedTuple):
    """What a detector did on all the series together."""

    incidents: int
    found: int
    episodes: int
    false_alarms: int
    rows: int
    microseconds: float
    profile: ProfileScore

    @property
    def f1(self) -> float:
        """Harmonic mean of recall and precision, an incident found counting as one right alarm."""
        return 2 * self.found / (self.found + self.incidents + self.false_alarms) if self.found else 0.0


def value_table() -> str:
    """Return the table as Markdown; takes minutes."""
    tuning = [one for corpus in _corpora(_TUNING_SEEDS).values() for one in corpus]
    others = [one for corpus in _corpora(_SEEDS).values() for one in corpus]
    allowed = measured(_OURS, tuning, 1.0).false_alarms
    lines = [
        "| detector | standard profile | recall | precision | F1 | false alarms per 10,000 values | µs per value |",
        "|---|---|---|---|---|---|---|",
    ]
    for name in CONTENDERS:
        threshold = 1.0 if name == _OURS else best_threshold(name, tuning, allowed)
        lines.append(_line(name, measured(name, others, threshold)))
    return "\n".join(lines)


def family_table() -> str:
    """Return how ``ValueDetector`` does on each family, as Markdown."""
    lines = ["| family | standard profile | found | false alarms per 10,000 values |", "|---|---|---|---|"]
    for family, corpus in _corpora(_SEEDS).items():
        result = measured(_OURS, corpus, 1.0)
        per = 1e4 * result.false_alarms / result.rows
        found = f"{result.found} of {result.incidents}"
        lines.append(f"| {family} | {result.profile.normalised:.0f} | {found} | {per:.1f} |")
    return "\n".join(lines)


def _corpora(seeds: Sequence[int]) -> dict[str, list[Series]]:
    """Return the series of every family."""
    return {
        **{family: [series(family, seed) for seed in seeds] for family in FAMILIES},
        **{family: [operations_series(family, seed) for seed in seeds] for family in OPERATIONS},
    }


def measured(name: str, corpus: Sequence[Series], threshold: float) -> Result:
    """Return how a detector does with a threshold; a score above it is an anomaly."""
    started = time.process_time()
    scores = {one.id: CONTENDERS[name](one) for one in corpus}
    seconds = time.process_time() - started
    return _summed(corpus, scores, threshold, seconds)


def best_threshold(name: str, corpus: Sequence[Series], allowed: int) -> float:
    """Return the threshold that finds most without more false alarms than allowed."""
    scores = {one.id: CONTENDERS[name](one) for one in corpus}
    ordered = sorted(score for of_one in scores.values() for score in of_one)
    # Just below too: a score that saturates is above no threshold it can reach.
    candidates = {ordered[int(share * (len(ordered) - 1))] - bit for share in _QUANTILES for bit in (0.0, 1e-9)}
    results = {threshold: _summed(corpus, scores, threshold, 0.0) for threshold in candidates}
    # Where all rows are anomalous there is one endless episode, and it finds everything.
    quiet = {
        threshold: one
        for threshold, one in results.items()
        if one.false_alarms <= allowed and sum(score > threshold for score in ordered) <= _MAX_ROWS * len(ordered)
    }
    return max(quiet, key=lambda threshold: (quiet[threshold].found, threshold))


def _summed(corpus: Sequence[Series], scores: Mapping[str, Scores], threshold: float, seconds: float) -> Result:
    incidents = found_ones = episodes = false_alarms = 0
    for one in corpus:
        found = quality(_alarms(one, scores[one.id], threshold), [Incident(*span) for span in one.incidents], one.days)
        incidents += found.incidents
        found_ones += found.found
        episodes += found.episodes
        false_alarms += found.false_alarms
    rows = sum(len(one.values) for one in corpus)
    profile = profile_score([(one, [score > threshold for score in scores[one.id]]) for one in corpus])
    return Result(incidents, found_ones, episodes, false_alarms, rows, 1e6 * seconds / rows, profile)


def _alarms(one: Series, scores: Scores, threshold: float) -> list[tuple[float, int]]:
    quiet = QUIET_INTERVALS * timedelta(seconds=one.times[1] - one.times[0]).total_seconds()
    alarms: list[tuple[float, int]] = []
    for moment, score in zip(one.times, scores, strict=True):
        if score > threshold:
            new = not alarms or moment - alarms[-1][0] > quiet
            alarms.append((moment, (alarms[-1][1] if alarms else 0) + new))
    return alarms


def _line(name: str, result: Result) -> str:
    recall = result.found / result.incidents
    precision = (result.episodes - result.false_alarms) / result.episodes if result.episodes else 0.0
    per = 1e4 * result.false_alarms / result.rows
    measures = f"{recall:.2f} | {precision:.2f} | {result.f1:.2f} | {per:.1f} | {result.microseconds:.0f}"
    return f"| {name} | {result.profile.normalised:.0f} | {measures} |"


if __name__ == "__main__":
    print(f"{value_table()}\n\n{family_table()}")
