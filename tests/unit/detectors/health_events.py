"""Health events of a connector that syncs every quarter of an hour, as tests need them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, Final

from detectors.health.detector import HealthDetector, HealthFacts
from detectors.incidents.signals import Signal

NOON: Final = datetime(2026, 1, 15, 12, 0, tzinfo=UTC)
EVERY: Final = timedelta(minutes=15)


def event(at: datetime, **facts: Any) -> HealthFacts:
    """A healthy job that has just ended, but for the given facts."""
    healthy = HealthFacts(
        at,
        "healthy",
        last_sync_at=at,
        sync_success_rate=1.0,
        error_rate=0.01,
        data_freshness_score=1.0,
        api_rate_limit_usage=0.2,
        sync_job_id=f"job-{at:%d%H%M}",
        records_synced=300,
        records_failed=0,
        duration_ms=8_000,
    )
    return healthy._replace(**facts)


def settled(until: datetime = NOON, jobs: int = 120, **facts: Any) -> HealthDetector:
    """A detector that has seen ordinary jobs, the last one at ``until``."""
    detector = HealthDetector()
    for ago in range(jobs - 1, -1, -1):
        detector.observe(event(until - ago * EVERY, **facts))
    return detector


def channels(signals: tuple[Signal, ...]) -> set[str]:
    return {signal.channel for signal in signals}


def quiet_minute(detector: HealthDetector, at: datetime) -> tuple[Signal, ...]:
    return detector.tick(at, 10, 0, {})
