"""Score of the standard profile: a window per incident, early detections count more, a false alarm costs little.

Each incident has a window around its start; all windows of a series together are a tenth of it. The first alarm in a
window counts from 1 at the window's start to 0 at its end, along a sigmoid. A window without one costs 1. An alarm
outside costs 0.11, and less shortly after a window. Alarms in the first 15 % of a series, at most 750 values, are not
counted. Only the first anomalous value of an episode is an alarm.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final, NamedTuple

from benchmarks.detection.value_series import Series
from detectors.series.backtest import QUIET_INTERVALS

_FALSE_ALARM: Final = 0.11
_WINDOWS: Final = 0.1
_PROBATION, _MAX_PROBATION = 0.15, 750
_STEEPNESS: Final = 5.0
_FAR: Final = 3.0


class ProfileScore(NamedTuple):
    """Sum over series: windows, those with an alarm, alarms outside, and the points of all together."""

    windows: int
    found: int
    false_alarms: int
    points: float

    @property
    def normalised(self) -> float:
        """0 for a detector without alarms, 100 for one that has one alarm at the start of every window."""
        return 50.0 * (self.points + self.windows) / self.windows if self.windows else 0.0


def profile_score(corpus: Sequence[tuple[Series, Sequence[bool]]]) -> ProfileScore:
    """Return the score of a detector; each series has a flag per value, whether it was anomalous."""
    windows = found = false_alarms = 0
    points = 0.0
    for series, anomalous in corpus:
        spans = _windows(series)
        first: dict[int, float] = dict.fromkeys(range(len(spans)), math.inf)
        for at in _starts(anomalous):
            if at < min(_PROBATION * len(anomalous), _MAX_PROBATION):
                continue
            inside = [which for which, (start, end) in enumerate(spans) if start <= at <= end]
            if inside:
                first[inside[0]] = min(first[inside[0]], at)
                continue
            false_alarms += 1
            points += _FALSE_ALARM * _after(at, spans)
        for which, best in first.items():
            windows += 1
            if best == math.inf:
                points -= 1.0
                continue
            start, end = spans[which]
            found += 1
            points += _sigmoid((best - end) / max(1, end - start)) / _sigmoid(-1.0)
    return ProfileScore(windows, found, false_alarms, points)


def _windows(series: Series) -> list[tuple[int, int]]:
    """Return the first and last place of every window; windows that would overlap end where the next begins."""
    size = len(series.values)
    half = int(0.5 * _WINDOWS * size / max(1, len(series.incidents)))
    places = [next(n for n, time in enumerate(series.times) if time >= start) for start, _ in series.incidents]
    spans = [(max(0, place - half), min(size - 1, place + half)) for place in places]
    return [
        (start, min(end, spans[which + 1][0] - 1) if which + 1 < len(spans) else end)
        for which, (start, end) in enumerate(spans)
    ]


def _starts(anomalous: Sequence[bool]) -> list[int]:
    starts, last = [], -QUIET_INTERVALS - 1
    for at, flag in enumerate(anomalous):
        if flag:
            if at - last > QUIET_INTERVALS:
                starts.append(at)
            last = at
    return starts


def _after(at: int, spans: Sequence[tuple[int, int]]) -> float:
    """Return the weight of a false alarm, -1 to 0: it grows with the distance from the last window before."""
    before = [(start, end) for start, end in spans if end < at]
    if not before:
        return -1.0
    start, end = before[-1]
    distance = (at - end) / max(1, end - start)
    return _sigmoid(distance) if distance < _FAR else -1.0


def _sigmoid(distance: float) -> float:
    return 2.0 / (1.0 + math.exp(_STEEPNESS * distance)) - 1.0
