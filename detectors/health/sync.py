"""Cadence of syncs and unfinished sync jobs. Times are seconds since 1970."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, field
from typing import Any, Final

from detectors.ewma import EwmaMoments
from detectors.tail_probability import deviation_of, surprise

_DAY: Final = 86_400.0

_MEMORY: Final = 200
_WARM_INTERVALS: Final = 8
# Minimum relative deviation of intervals.
_MIN_SPREAD: Final = 0.25
# Intervals longer than this multiple are exceptions; three similar ones within four weeks are learned as normal.
_EXCEPTIONAL: Final = 2.5
_EXCEPTIONS, _HABIT, _HABIT_MARGIN, _REMEMBERED = 8, 3, 1.25, 28 * _DAY
STALE_THRESHOLD: Final = 4.0
_STALE_DEVIATIONS: Final = deviation_of(STALE_THRESHOLD)
_HIGHEST_SCORE: Final = 99.0

_MAX_RUNNING: Final = 4
_WARM_DURATIONS: Final = 3
_MIN_DURATION_SPREAD: Final = 0.4
_DURATION_DEVIATIONS: Final = 4.0
_SHORTEST_LIMIT: Final = 900.0
# Overdue without known durations: this many usual intervals and at least an hour, or this where intervals are unknown.
_INTERVALS_WHEN_NEW, _MIN_WHEN_NEW, _LIMIT_WHEN_NEW = 4.0, 3_600.0, 6 * 3_600.0
_GIVEN_UP_AFTER: Final = _DAY


@dataclass(slots=True)
class SyncCadence:
    """Sync interval of an integration, and the anomaly score of the present data age.

    Intervals are modelled as lognormal. Recurring long ones (nights, weekends) are learned as normal.
    """

    last: float | None = None
    intervals: EwmaMoments = field(default_factory=EwmaMoments)
    exceptions: list[list[float]] = field(default_factory=list)

    @property
    def warm(self) -> bool:
        """Whether enough intervals are known."""
        return self.intervals.count >= _WARM_INTERVALS

    @property
    def usual(self) -> float:
        """The usual interval between syncs in seconds."""
        return math.exp(self.intervals.mean)

    @property
    def longest_usual(self) -> float:
        """The age in seconds at which ``score`` passes ``STALE_THRESHOLD``."""
        by_spread = self.usual * math.exp(_STALE_DEVIATIONS * self._spread)
        return max(by_spread, self._habit())

    def advance(self, synced_at: float) -> None:
        """Update the time of the last sync; an unchanged time is ignored."""
        if self.last is None or synced_at <= self.last:
            self.last = synced_at if self.last is None else self.last
            return
        interval, self.last = synced_at - self.last, synced_at
        if self.warm and interval > _EXCEPTIONAL * self.usual:
            recent = [one for one in self.exceptions if synced_at - one[0] < _REMEMBERED]
            self.exceptions = [*recent, [synced_at, interval]][-_EXCEPTIONS:]
            interval = _EXCEPTIONAL * self.usual
        self.intervals.learn(math.log(interval), _MEMORY)

    def age(self, now: float) -> float:
        """Return the seconds since the last sync, 0 where none is known."""
        return 0.0 if self.last is None else max(now - self.last, 0.0)

    def score(self, now: float) -> float | None:
        """Return -log10 of the probability of the present data age; ``None`` until intervals are known."""
        age = self.age(now)
        if not self.warm:
            return None
        if age <= max(self.usual, self._habit()):
            return 0.0
        return min(surprise((math.log(age) - self.intervals.mean) / self._spread), _HIGHEST_SCORE)

    @property
    def _spread(self) -> float:
        return max(self.intervals.deviation, _MIN_SPREAD)

    def _habit(self) -> float:
        if len(self.exceptions) < _HABIT:
            return 0.0
        return _HABIT_MARGIN * sorted(seconds for _, seconds in self.exceptions)[-_HABIT]

    def to_state(self) -> dict[str, Any]:
        """Return plain values."""
        return asdict(self)

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> SyncCadence:
        """Return a cadence restored from this state."""
        return cls(**{**state, "intervals": EwmaMoments(**state["intervals"])})


@dataclass(slots=True)
class RunningJobs:
    """Sync jobs that reported a start and no end yet.

    A job is overdue when it runs far longer than usual. It stays so until it ends, until a later job that reported its
    start ends, or for a day.
    """

    started: dict[str, float] = field(default_factory=dict)
    durations: EwmaMoments = field(default_factory=EwmaMoments)

    def begin(self, job: str, at: float) -> None:
        """Record that a job runs."""
        self.started.setdefault(job, at)
        while len(self.started) > _MAX_RUNNING:
            del self.started[min(self.started, key=lambda name: self.started[name])]

    def end(self, job: str, at: float) -> None:
        """Record that a job ended; a job without a reported start is ignored."""
        begun = self.started.pop(job, None)
        if begun is None:
            return
        self.durations.learn(math.log(max(at - begun, 1.0)), _MEMORY)
        self.started = {name: start for name, start in self.started.items() if start > begun}

    def limit(self, cadence: SyncCadence) -> float:
        """Return the seconds after which a running job is overdue."""
        if self.durations.count >= _WARM_DURATIONS:
            spread = max(self.durations.deviation, _MIN_DURATION_SPREAD)
            return max(math.exp(self.durations.mean + _DURATION_DEVIATIONS * spread), _SHORTEST_LIMIT)
        return max(_INTERVALS_WHEN_NEW * cadence.usual, _MIN_WHEN_NEW) if cadence.warm else _LIMIT_WHEN_NEW

    def give_up(self, now: float) -> None:
        """Forget jobs that began more than a day ago."""
        self.started = {name: start for name, start in self.started.items() if now - start < _GIVEN_UP_AFTER}

    def longest(self, now: float) -> float:
        """Return the run time of the longest-running job in seconds, 0 where none runs."""
        return max((now - start for start in self.started.values()), default=0.0)

    def usual(self) -> float:
        """Return the usual duration of jobs in seconds, 0 where unknown."""
        return math.exp(self.durations.mean) if self.durations.count else 0.0

    def to_state(self) -> dict[str, Any]:
        """Return plain values."""
        return asdict(self)

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> RunningJobs:
        """Return an object restored from this state."""
        return cls(dict(state["started"]), EwmaMoments(**state["durations"]))
