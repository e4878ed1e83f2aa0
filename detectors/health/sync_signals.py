"""Signals of the sync and quota channels, with their values and units."""

from __future__ import annotations

import math
from datetime import datetime
from typing import Final

from detectors.ewma import EwmaMoments
from detectors.health.cusum import Cusum
from detectors.health.rate_limit import HORIZON_MINUTES, NEARLY_FULL, QuotaWatch
from detectors.health.sync import STALE_THRESHOLD, RunningJobs, SyncCadence
from detectors.incidents.signals import Signal
from models.sync_status import Condition

_HOUR: Final = 3_600.0
# Conditions of a silent failure: reported as healthy or unknown, not as failing or paused.
_GREEN: Final = {Condition.HEALTHY, Condition.DEGRADED, Condition.UNKNOWN}
# Not-found queries count only where the sync itself is suspicious.
_ODD_AGE, _ODD_RUN = 1.75, 2
QUOTA_THRESHOLD: Final = 3.0
_HIGHEST_QUOTA_SCORE: Final = 6.0


def stale_signal(at: datetime, condition: Condition, cadence: SyncCadence, missing: float) -> Signal | None:
    """Return the signal of data far older than usual with a healthy status; ``missing`` is supporting evidence."""
    now = at.timestamp()
    score = cadence.score(now)
    if score is None or condition not in _GREEN:
        return None
    age = cadence.age(now)
    if score > 0 and age > _ODD_AGE * cadence.usual:
        score += missing
    if score < STALE_THRESHOLD:
        return None
    usual, upper = cadence.usual / _HOUR, cadence.longest_usual / _HOUR
    return Signal("stale_sync", at, score, STALE_THRESHOLD, age / _HOUR, usual, 0.0, upper, "hours")


def empty_signal(at: datetime, chart: Cusum, records: EwmaMoments, brought: int, missing: float) -> Signal | None:
    """Return the signal of successive successful jobs with (nearly) no records; ``detail`` is their number.

    ``records`` is the mean and variance of ln(1 + records) of normal jobs, ``brought`` the records of the last one.
    """
    score = chart.surprise + (missing if chart.run >= _ODD_RUN else 0.0)
    if score < chart.threshold:
        return None
    low, usual, high = (math.expm1(records.mean + side * records.deviation) for side in (-2.0, 0.0, 2.0))
    detail = str(chart.run)
    return Signal(
        "empty_sync", at, score, chart.threshold, float(brought), usual, max(low, 0.0), high, "records", detail
    )


def failing_signal(at: datetime, chart: Cusum, error_kind: str) -> Signal | None:
    """Return the signal of more failed jobs than usual; ``detail`` is the error kind of the last failed one."""
    if not chart.alarming:
        return None
    usual = 100.0 * chart.usual_share
    upper = min(max(5.0 * usual, 5.0), 100.0)
    observed = 100.0 * chart.recent_share
    return Signal("sync_failing", at, chart.surprise, chart.threshold, observed, usual, 0.0, upper, "%", error_kind)


def interrupted_signal(at: datetime, running: RunningJobs, cadence: SyncCadence) -> Signal | None:
    """Return the signal of an overdue job."""
    hours = running.longest(at.timestamp()) / _HOUR
    limit = running.limit(cadence) / _HOUR
    if hours <= limit:
        return None
    score = STALE_THRESHOLD * hours / limit
    return Signal("sync_interrupted", at, score, STALE_THRESHOLD, hours, running.usual() / _HOUR, 0.0, limit, "hours")


def quota_signal(at: datetime, quota: QuotaWatch) -> Signal | None:
    """Return the signal of an exhausted or soon exhausted quota.

    ``detail`` is the minutes left, ``0`` when exhausted.
    """
    forecast = quota.standing(at.timestamp())
    if forecast is None:
        return None
    urgency = 1.0 - min(forecast.minutes_left, HORIZON_MINUTES) / HORIZON_MINUTES
    score = QUOTA_THRESHOLD + urgency * (_HIGHEST_QUOTA_SCORE - QUOTA_THRESHOLD)
    left = 0 if forecast.usage >= NEARLY_FULL else max(round(forecast.minutes_left), 1)
    observed, usual, upper = 100.0 * forecast.usage, 100.0 * quota.peak, 100.0 * forecast.bar
    return Signal("rate_limit", at, score, QUOTA_THRESHOLD, observed, usual, 0.0, upper, "%", str(left))
