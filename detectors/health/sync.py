"""Whether data keeps coming at its usual pace, and whether what was started is ever finished.

Moments are seconds since 1970.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, field
from typing import Any, Final

from detectors.ewma import EwmaMoments
from detectors.tail_probability import deviation_of, surprise

_DAY: Final = 86_400.0

_MEMORY: Final = 200
_WARM_INTERVALS: Final = 8
# No sync is so punctual that a tenth of its interval would matter.
_MIN_SPREAD: Final = 0.25
# Longer than so many usual intervals is an exception, and three alike within four weeks are a habit.
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
# Where no such job ever ended: so many usual intervals and at least an hour, or this where those are not known either.
_INTERVALS_WHEN_NEW, _MIN_WHEN_NEW, _LIMIT_WHEN_NEW = 4.0, 3_600.0, 6 * 3_600.0
_GIVEN_UP_AFTER: Final = _DAY


@dataclass(slots=True)
class Cadence:
    """How often the data of an integration is brought up to date, and how unusual its present age is.

    Intervals are taken as lognormal. Long ones that come again and again (nights, weekends) are learned as a habit.
    """

    last: float | None = None
    intervals: EwmaMoments = field(default_factory=EwmaMoments)
    exceptions: list[list[float]] = field(default_factory=list)

    @property
    def warm(self) -> bool:
        """Whether enough intervals are known to say what is usual."""
        return self.intervals.count >= _WARM_INTERVALS

    @property
    def usual(self) -> float:
        """The usual seconds from one sync to the next."""
        return math.exp(self.intervals.mean)

    @property
    def longest_usual(self) -> float:
        """The age in seconds at which ``score`` passes ``STALE_THRESHOLD``."""
        by_spread = self.usual * math.exp(_STALE_DEVIATIONS * self._spread)
        return max(by_spread, self._habit())

    def advance(self, synced_at: float) -> None:
        """Take what an event says is the last sync; nothing changes where that stands still."""
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
        """Return -log10 of the chance that data gets as old as it is; ``None`` until what is usual is known."""
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
    def from_state(cls, state: dict[str, Any]) -> Cadence:
        """Return the cadence that gave this state."""
        return cls(**{**state, "intervals": EwmaMoments(**state["intervals"])})


@dataclass(slots=True)
class RunningJobs:
    """Sync jobs that said that they run and have not said that they ended.

    A job is overdue when it runs far longer than such jobs do here. It stays so until it ends, until a later job that
    also announced itself ends, or for a day.
    """

    started: dict[str, float] = field(default_factory=dict)
    durations: EwmaMoments = field(default_factory=EwmaMoments)

    def begin(self, job: str, at: float) -> None:
        """Take that a job runs."""
        self.started.setdefault(job, at)
        while len(self.started) > _MAX_RUNNING:
            del self.started[min(self.started, key=lambda name: self.started[name])]

    def end(self, job: str, at: float) -> None:
        """Take that a job ended, well or badly; one that was never announced changes nothing."""
        begun = self.started.pop(job, None)
        if begun is None:
            return
        self.durations.learn(math.log(max(at - begun, 1.0)), _MEMORY)
        self.started = {name: start for name, start in self.started.items() if start > begun}

    def limit(self, cadence: Cadence) -> float:
        """Return after how many seconds a running job is overdue."""
        if self.durations.count >= _WARM_DURATIONS:
            spread = max(self.durations.deviation, _MIN_DURATION_SPREAD)
            return max(math.exp(self.durations.mean + _DURATION_DEVIATIONS * spread), _SHORTEST_LIMIT)
        return max(_INTERVALS_WHEN_NEW * cadence.usual, _MIN_WHEN_NEW) if cadence.warm else _LIMIT_WHEN_NEW

    def give_up(self, now: float) -> None:
        """Forget jobs that began more than a day ago."""
        self.started = {name: start for name, start in self.started.items() if now - start < _GIVEN_UP_AFTER}

    def longest(self, now: float) -> float:
        """Return for how many seconds the longest-running job has been running, 0 where none is."""
        return max((now - start for start in self.started.values()), default=0.0)

    def usual(self) -> float:
        """Return how many seconds such jobs take, 0 where none is known."""
        return math.exp(self.durations.mean) if self.durations.count else 0.0

    def to_state(self) -> dict[str, Any]:
        """Return plain values."""
        return asdict(self)

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> RunningJobs:
        """Return the jobs that gave this state."""
        return cls(dict(state["started"]), EwmaMoments(**state["durations"]))
