"""Signals as the channels give them, for tests of what becomes of them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

from detectors.incidents.signals import Signal
from detectors.incidents.tracker import IncidentTracker
from models.insights import Insight

START: Final = datetime(2026, 1, 15, 10, 42, tzinfo=UTC)
TENANT: Final = UUID(int=7)


def minute(number: int) -> datetime:
    return START + timedelta(minutes=number)


def errors(at: datetime, percent: float = 12.0, score: float = 9.0) -> Signal:
    return Signal("errors", at, score, 5.0, percent, 1.2, 0.8, 2.1, "%", "24 of 200 failed within 5 minutes")


def latency(at: datetime, ms: float = 900.0) -> Signal:
    return Signal("latency", at, 8.0, 6.0, ms, 300.0, 200.0, 400.0, "ms", "80 answers within 15 minutes")


def volume(at: datetime, per_minute: float) -> Signal:
    return Signal("volume", at, 8.0, 6.0, per_minute, 40.0, 25.0, 60.0, "per minute", "2 within 5 minutes")


def stale(at: datetime, hours: float = 2.0) -> Signal:
    return Signal("stale_sync", at, 9.0, 4.0, hours, 0.25, 0.0, 0.6, "hours")


def empty(at: datetime, jobs: int = 4) -> Signal:
    return Signal("empty_sync", at, 4.0, 3.5, 0.0, 300.0, 100.0, 600.0, "records", str(jobs))


def failing(at: datetime, kind: str = "auth") -> Signal:
    return Signal("sync_failing", at, 4.0, 3.0, 60.0, 1.0, 0.0, 5.0, "%", kind)


def interrupted(at: datetime) -> Signal:
    return Signal("sync_interrupted", at, 6.0, 4.0, 3.0, 0.1, 0.0, 0.5, "hours")


def quota(at: datetime, percent: float = 80.0, left: str = "25") -> Signal:
    return Signal("rate_limit", at, 4.0, 3.0, percent, 50.0, 0.0, 60.0, "%", left)


def tracker() -> IncidentTracker:
    return IncidentTracker(TENANT, "hubspot")


def last(
    signals_by_minute: dict[int, list[Signal]], kinds: dict[str, int] | None = None, until: int | None = None
) -> Insight:
    """The newest insight of a tracker that saw these minutes (and quiet ones between them)."""
    one = tracker()
    told: list[Insight] = []
    for number in range((max(signals_by_minute) if until is None else until) + 1):
        signals = signals_by_minute.get(number, [])
        told += one.update(minute(number), signals, (kinds or {}) if signals else {})
    return (one.open_insights() or told)[-1]
