"""Turns signals into incidents: concurrent signals of one tenant and provider form one insight."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from detectors.incidents.evidence import Evidence, distance, ratio
from detectors.incidents.explain import explained
from detectors.incidents.signals import Signal
from detectors.performance.error_mix import ErrorMix
from models.insights import Insight

QUIET_MINUTES: Final = 10
"""An incident ends after this time without a signal."""
REOPEN_MINUTES: Final = 30
"""If one of its channels has a signal again within this time, the same incident is reopened."""
# The detectors' longest window: after it a step in latency has its full height.
_SETTLING: Final = timedelta(minutes=15)
# An unchanged incident is published again when it is 50 % worse, and not more often than this.
_WORSE: Final = 1.5
_PAUSE: Final = timedelta(minutes=5)


class IncidentTracker:
    """Tracks the incidents of one tenant and provider, minute by minute in order.

    A minute that is not newer than the last one is ignored, so that repeats give no second insight.
    """

    def __init__(self, tenant: UUID, provider: str) -> None:
        self._tenant = tenant
        self._provider = provider
        self._newest: datetime | None = None
        self._failures = ErrorMix()
        self._incident: _Incident | None = None

    def update(self, at: datetime, signals: Sequence[Signal], error_kinds: Mapping[str, int]) -> list[Insight]:
        """Add the signals and error kinds of a minute; return new or changed insights."""
        if self._newest is not None and at <= self._newest:
            return []
        self._newest = at
        incident = self._incident
        calm = not signals and (incident is None or incident.over)
        self._failures.learn(error_kinds, calm=calm)
        if calm:
            return []
        if incident is None or (incident.over and not incident.goes_on(at, signals)):
            incident = self._incident = _Incident(at)
            self._failures.begin()
        incident.take(at, signals)
        insight = self._insight(incident, at)
        return [insight] if incident.has_news(at, insight) else []

    def open_insights(self) -> list[Insight]:
        """Return the incident that is open, if one is."""
        if self._incident is None or self._incident.over or self._newest is None:
            return []
        return [self._insight(self._incident, self._newest)]

    def _insight(self, incident: _Incident, at: datetime) -> Insight:
        evidence = incident.evidence(at, self._failures.excess())
        return explained(
            evidence,
            tenant=self._tenant,
            provider=self._provider,
            ended_at=incident.last if incident.over else None,
        )

    def to_state(self) -> dict[str, Any]:
        """Return the state as plain JSON values."""
        return {
            "tenant": str(self._tenant),
            "provider": self._provider,
            "newest": None if self._newest is None else self._newest.isoformat(),
            "failures": self._failures.to_state(),
            "incident": None if self._incident is None else self._incident.to_state(),
        }

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> IncidentTracker:
        """Return a tracker restored from this state."""
        one = cls(UUID(state["tenant"]), state["provider"])
        one._newest = None if state["newest"] is None else datetime.fromisoformat(state["newest"])
        one._failures = ErrorMix.from_state(state["failures"])
        incident = state["incident"]
        one._incident = None if incident is None else _Incident.from_state(incident)
        return one


class _Incident:
    """The current or the last incident."""

    def __init__(self, started_at: datetime) -> None:
        self.started_at = started_at
        self.last = started_at
        self.over = False
        self._first: dict[str, Signal] = {}
        self._worst: dict[str, Signal] = {}
        self._settled: float | None = None
        # Last published: time, (kind, severity, status, channels), and the distance of the worst signal.
        self._told_at: datetime | None = None
        self._told: list[str] = []
        self._told_distance = 0.0

    def take(self, at: datetime, signals: Sequence[Signal]) -> None:
        """Add a minute."""
        if signals:
            self.last = at
        self.over = at - self.last >= timedelta(minutes=QUIET_MINUTES)
        for signal in signals:
            self._first.setdefault(signal.channel, signal)
            worst = self._worst.setdefault(signal.channel, signal)
            if (distance(signal), signal.score) > (distance(worst), worst.score):
                self._worst[signal.channel] = signal
            if signal.channel == "latency" and self._settled is None:
                settling = signal.at - self._first["latency"].at < _SETTLING
                self._settled = None if settling else ratio(signal)

    def goes_on(self, at: datetime, signals: Sequence[Signal]) -> bool:
        """Whether these signals reopen the incident."""
        known = any(signal.channel in self._worst for signal in signals)
        return known and at - self.last <= timedelta(minutes=REOPEN_MINUTES)

    def evidence(self, at: datetime, error_kinds: Mapping[str, float]) -> Evidence:
        """Return its evidence."""
        return Evidence(self.started_at, at, self._first, self._worst, error_kinds, self._settled)

    def has_news(self, at: datetime, insight: Insight) -> bool:
        """Whether the insight differs from the last published one; if so, it is marked as published."""
        said = [insight.kind, insight.severity, insight.status, *sorted(self._worst)]
        far = max(distance(signal) for signal in self._worst.values())
        worse = far >= _WORSE * self._told_distance and (self._told_at is None or at - self._told_at >= _PAUSE)
        if said == self._told and not worse:
            return False
        self._told_at, self._told, self._told_distance = at, said, far
        return True

    def to_state(self) -> dict[str, Any]:
        return {
            "started_at": self.started_at.isoformat(),
            "last": self.last.isoformat(),
            "over": self.over,
            "first": [_plain(signal) for signal in self._first.values()],
            "worst": [_plain(signal) for signal in self._worst.values()],
            "settled": self._settled,
            "told_at": None if self._told_at is None else self._told_at.isoformat(),
            "told": list(self._told),
            "told_distance": self._told_distance,
        }

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> _Incident:
        one = cls(datetime.fromisoformat(state["started_at"]))
        one.last = datetime.fromisoformat(state["last"])
        one.over = state["over"]
        one._first = {signal.channel: signal for signal in map(_signal, state["first"])}
        one._worst = {signal.channel: signal for signal in map(_signal, state["worst"])}
        one._settled = state["settled"]
        one._told_at = None if state["told_at"] is None else datetime.fromisoformat(state["told_at"])
        one._told = list(state["told"])
        one._told_distance = state["told_distance"]
        return one


def _plain(signal: Signal) -> list[Any]:
    channel, at, *rest = signal
    return [channel, at.isoformat(), *rest]


def _signal(plain: list[Any]) -> Signal:
    channel, at, *rest = plain
    return Signal(channel, datetime.fromisoformat(at), *rest)
