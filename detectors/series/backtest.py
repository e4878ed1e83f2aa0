"""Backtest of a detector on a stored series, row by row as in live operation, with quality measures.

Strictly causal: the result for a row depends on it and on earlier rows only.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from statistics import median
from typing import Any, Final, NamedTuple, Protocol

from detectors.incidents.signals import Signal
from detectors.performance.detector import Verdict
from detectors.performance.episodes import EpisodeTracker

THRESHOLD: Final = 1.0
"""Scores above this are anomalous, for every detector."""
QUIET_INTERVALS: Final = 10
"""Number of intervals without an anomaly after which an episode ends."""

_DAY: Final = 86_400.0


class Detector(Protocol):
    """The interface of a detector that can be backtested."""

    def process_one(self, x: Mapping[Any, Any]) -> Verdict:
        """Score an observation, then learn from it."""
        ...


class JudgedRow(NamedTuple):
    """The result for a row; ``episode`` is the number of its episode, if any."""

    score: float
    is_anomaly: bool
    episode: int | None


class AlarmEpisode(NamedTuple):
    """Anomalous rows with gaps of at most ``QUIET_INTERVALS``, and the highest score."""

    number: int
    start: float
    end: float
    rows: int
    worst: Signal | None


class Incident(NamedTuple):
    """A labelled incident, from ``start`` to ``end`` inclusive, in epoch seconds."""

    start: float
    end: float


class AlarmQuality(NamedTuple):
    """Agreement of alarms and labels.

    ``recall`` is the share of incidents with an anomalous row in them, ``precision`` the share of episodes with an
    anomalous row in an incident, ``false_alarms_per_day`` counts the other episodes; ``delay`` is the median of the
    seconds from an incident's start to its first anomalous row. ``None`` where the denominator is 0.
    """

    incidents: int
    found: int
    episodes: int
    false_alarms: int
    precision: float | None
    recall: float | None
    f1: float | None
    delay: float | None
    false_alarms_per_day: float | None


_UNJUDGED: Final = JudgedRow(0.0, False, None)


class Backtest:
    """Runs a detector row by row, numbers the episodes and collects the data for the measures.

    A row that is not later than the previous one is skipped; ``late`` counts them.

    Parameters
    ----------
    interval
        The usual time between rows.
    """

    def __init__(self, detector: Detector, interval: timedelta) -> None:
        self._detector = detector
        self._tracker = EpisodeTracker(interval, QUIET_INTERVALS * interval)
        self._newest: float | None = None
        self._first: float | None = None
        self.rows = 0
        self.late = 0
        self.episodes: list[AlarmEpisode] = []
        self.alarms: list[tuple[float, int]] = []
        """Time and episode of every anomalous row."""

    @property
    def days(self) -> float:
        """Length of the series."""
        return 0.0 if self._first is None or self._newest is None else (self._newest - self._first) / _DAY

    def judge(self, time: float, x: Mapping[Any, Any]) -> JudgedRow:
        """Score the next row. ``time`` is in epoch seconds, ``x`` the observation that the detector takes."""
        self.rows += 1
        if self._newest is not None and time <= self._newest:
            self.late += 1
            return _UNJUDGED
        self._first = time if self._first is None else self._first
        self._newest = time
        verdict = self._detector.process_one(x)
        at = datetime.fromtimestamp(time, UTC)
        self._tracker.observe(at, verdict.score)
        current = self._tracker.current
        if not verdict.is_anomaly or current is None:
            return JudgedRow(verdict.score, False, None)
        worst = max(verdict.signals, key=_excess, default=None)
        if current.start == at:
            self.episodes.append(AlarmEpisode(len(self.episodes) + 1, time, time, 1, worst))
        else:
            self.episodes[-1] = _longer(self.episodes[-1], time, worst)
        number = self.episodes[-1].number
        self.alarms.append((time, number))
        return JudgedRow(verdict.score, True, number)

    def quality(self, incidents: Sequence[Incident]) -> AlarmQuality:
        """Return the agreement of the alarms with ``incidents``."""
        return quality(self.alarms, incidents, self.days)


def quality(alarms: Sequence[tuple[float, int]], incidents: Sequence[Incident], days: float) -> AlarmQuality:
    """Return the agreement of alarms, each a time and the number of its episode, with incidents."""
    delays = []
    right: set[int] = set()
    for incident in incidents:
        inside = [(time, number) for time, number in alarms if incident.start <= time <= incident.end]
        right.update(number for _, number in inside)
        if inside:
            delays.append(inside[0][0] - incident.start)
    episodes = len({number for _, number in alarms})
    found, false_alarms = len(delays), episodes - len(right)
    wrong = false_alarms + len(incidents) - found
    return AlarmQuality(
        incidents=len(incidents),
        found=found,
        episodes=episodes,
        false_alarms=false_alarms,
        precision=len(right) / episodes if episodes else None,
        recall=found / len(incidents) if incidents else None,
        f1=2 * found / (2 * found + wrong) if found + wrong else None,
        delay=median(delays) if delays else None,
        false_alarms_per_day=false_alarms / days if days > 0.0 else None,
    )


def _excess(signal: Signal) -> float:
    return signal.score / signal.threshold


def _longer(episode: AlarmEpisode, time: float, worst: Signal | None) -> AlarmEpisode:
    if episode.worst is not None and (worst is None or _excess(worst) <= _excess(episode.worst)):
        worst = episode.worst
    return episode._replace(end=time, rows=episode.rows + 1, worst=worst)
