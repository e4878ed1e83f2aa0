"""The detectors of one tenant and provider: turns minutes and health events into insights. Pure."""

from __future__ import annotations

from bisect import insort
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID

from detectors.health.detector import HealthDetector, HealthFacts
from detectors.incidents.signals import Signal
from detectors.incidents.tracker import IncidentTracker
from detectors.performance.detector import PerformanceDetector
from detectors.thresholds import DEFAULTS, UNCHANGED, ThresholdSchedule
from models.insights import Insight
from models.minutes import MinuteCounts, Series

MINUTE: Final = timedelta(minutes=1)
# After a long gap without any events, such as a stopped producer, at most this many silent minutes are evaluated.
MAX_SILENT_MINUTES: Final = 1_440
# Maximum number of buffered health events that are ahead of the minutes.
_MAX_WAITING: Final = 20_000
# Data becomes stale over hours, not minutes: the health of a calm series is checked this often, and at once when a
# health event arrives.
_CALM_MINUTES: Final = 5
_NOTHING: Final = MinuteCounts()
_EVER: Final = datetime(1970, 1, 1, tzinfo=UTC)


class SeriesMonitor:
    """Evaluates one series minute by minute, in order; a repeated minute is ignored.

    ``scored_through`` is the start of the last evaluated minute, ``saved_through`` the one at which the state was last
    saved, ``saved`` the number of saves.
    """

    def __init__(self, series: Series) -> None:
        self.series = series
        self.saved = 0
        self.saved_through: datetime | None = None
        self._schedule = UNCHANGED
        self.reset(None)

    def reset(self, begins_after: datetime | None) -> None:
        """Forget what was learned, and begin after a minute; ``None``: with the first one it receives."""
        user, provider = self.series
        self.scored_through = begins_after
        self._performance = PerformanceDetector()
        self._health = HealthDetector()
        self._incidents = IncidentTracker(UUID(bytes=user), provider)
        self._waiting: list[HealthFacts] = []
        self._unwell = False
        self._unseen = MinuteCounts()
        self._thresholds: Mapping[str, float] = DEFAULTS
        self._thresholds_until: datetime | None = None if self._schedule is UNCHANGED else _EVER

    def set_schedule(self, schedule: ThresholdSchedule) -> None:
        """Take the thresholds of the tenant from a schedule, each from its time on."""
        self._schedule = schedule
        self._thresholds_until = _EVER

    def add_health(self, events: Iterable[HealthFacts]) -> None:
        """Add health events, in any order; each is evaluated with its minute."""
        for event in events:
            insort(self._waiting, event, key=_moment)
        while len(self._waiting) > _MAX_WAITING:
            self._health.observe(self._waiting.pop(0))

    def minute(self, start: datetime, counts: MinuteCounts | None) -> list[Insight]:
        """Evaluate a minute (``None``: no events) and the silent ones before it; return new insights."""
        if self.scored_through is None:
            return self._judge(start, counts or _NOTHING)
        silent = (start - self.scored_through) // MINUTE - 1
        if silent < 0:
            return []
        if silent == 0:
            return self._judge(start, counts or _NOTHING)
        news: list[Insight] = []
        for ago in range(min(silent, MAX_SILENT_MINUTES), 0, -1):
            news += self._judge(start - ago * MINUTE, _NOTHING)
        return news + self._judge(start, counts or _NOTHING)

    @property
    def changed(self) -> bool:
        """Whether it has evaluated a minute since its state was last saved."""
        return self.scored_through != self.saved_through

    def _judge(self, start: datetime, counts: MinuteCounts) -> list[Insight]:
        if self._thresholds_until is not None and start >= self._thresholds_until:
            self._take_thresholds(start)
        verdict = self._performance.process_one(
            {
                "time": start.timestamp(),
                "count": counts.queries,
                "errors": counts.errors,
                "log_latency_sum": counts.log_latency_sum,
                "log_latency_squares": counts.log_latency_squares,
            }
        )
        self.scored_through = start
        health = self._health_at(start + MINUTE, counts, calm=not verdict.signals)
        signals = (*verdict.signals, *self._above(health))
        return self._incidents.update(start, signals, counts.error_kinds)

    def _take_thresholds(self, start: datetime) -> None:
        tenant = UUID(bytes=self.series[0])
        self._thresholds = self._schedule.at(tenant, start)
        self._thresholds_until = self._schedule.next_change(tenant, start)
        self._performance.set_thresholds(self._thresholds)

    def _above(self, signals: Sequence[Signal]) -> Sequence[Signal]:
        """Return the health signals that reach the tenant's thresholds."""
        if self._thresholds is DEFAULTS:
            return signals
        return [
            one._replace(threshold=max(one.threshold, self._thresholds[one.channel]))
            for one in signals
            if one.score >= self._thresholds[one.channel]
        ]

    def _health_at(self, end: datetime, counts: MinuteCounts, *, calm: bool) -> tuple[Signal, ...]:
        """Return the health signals at the end of a minute."""
        unseen = self._unseen
        if counts.queries:
            unseen.queries += counts.queries
            unseen.errors += counts.errors
            for kind, count in counts.error_kinds.items():
                unseen.error_kinds[kind] = unseen.error_kinds.get(kind, 0) + count
        news = False
        while self._waiting and self._waiting[0].at < end:
            self._health.observe(self._waiting.pop(0))
            news = True
        if calm and not news and not self._unwell and end.minute % _CALM_MINUTES:
            return ()
        self._unseen = MinuteCounts()
        standing = self._health.tick(end, unseen.queries, unseen.errors, unseen.error_kinds)
        self._unwell = bool(standing)
        return standing

    def to_state(self) -> dict[str, Any]:
        """Return the state as plain JSON values, without the buffered health events, which are in ClickHouse."""
        return {
            "through": None if self.scored_through is None else int(self.scored_through.timestamp()),
            "saved": self.saved,
            "performance": self._performance.to_state(),
            "health": self._health.to_state(),
            "incidents": self._incidents.to_state(),
            "unwell": self._unwell,
            "unseen": [self._unseen.queries, self._unseen.errors, dict(self._unseen.error_kinds)],
        }

    @classmethod
    def from_state(cls, series: Series, state: dict[str, Any]) -> SeriesMonitor:
        """Return a monitor restored from this state."""
        watch = cls(series)
        through = state["through"]
        watch.scored_through = None if through is None else datetime.fromtimestamp(through, UTC)
        watch.saved_through, watch.saved = watch.scored_through, state["saved"]
        watch._performance = PerformanceDetector.from_state(state["performance"])
        watch._health = HealthDetector.from_state(state["health"])
        watch._incidents = IncidentTracker.from_state(state["incidents"])
        watch._unwell = state["unwell"]
        queries, errors, kinds = state["unseen"]
        watch._unseen = MinuteCounts(queries, errors, error_kinds=dict(kinds))
        return watch


def _moment(event: HealthFacts) -> datetime:
    return event.at
