"""An office's first weekend, in time zones whose midnight is not that of UTC: quiet, and an outage is still found."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from detectors.performance.detector import PerformanceDetector
from simulator.arrays import Ints

MONDAY = datetime(2026, 3, 2, tzinfo=UTC)


def _week(offset_hours: float, weekend: float, per_minute: float) -> Ints:
    """Return ten days of counts: days from 8 to 18 local, nights of an eighth, weekends from local midnight."""
    rng = np.random.default_rng(int(100 * weekend) + round(2 * offset_hours) + 40)
    local = np.arange(10 * 1440) / 60.0 + offset_hours
    day = 0.125 + np.exp(-0.5 * ((local % 24.0 - 13.0) / 3.0) ** 2)
    rate = per_minute * day * np.where(local // 24 % 7 >= 5, weekend, 1.0)
    counts: Ints = rng.poisson(rate * rng.gamma(14.0, 1.0 / 14.0, len(rate)))
    return counts


def _alarms(counts: Ints) -> list[str]:
    detector, alarms = PerformanceDetector(), []
    for minute, count in enumerate(counts.tolist()):
        at = MONDAY + timedelta(minutes=minute)
        latencies = {"log_latency_sum": 6.0 * count, "log_latency_squares": 36.1 * count}
        verdict = detector.process_one({"time": int(at.timestamp()), "count": count, "errors": 0, **latencies})
        if any(signal.channel == "volume" for signal in verdict.signals):
            alarms.append(f"{at:%a %H:%M}")
    return alarms


@pytest.mark.parametrize("offset_hours", [-8, -5, 0, 2, 9])
@pytest.mark.parametrize("weekend", [0.15, 0.3, 1.2])
def test_a_first_weekend_is_no_incident_in_any_time_zone(offset_hours: float, weekend: float) -> None:
    assert _alarms(_week(offset_hours, weekend, 60.0)) == []


@pytest.mark.parametrize("offset_hours", [-5, 9])
@pytest.mark.parametrize("day", [1, 5, 7])
def test_a_day_without_calls_is_one_whatever_its_weekday(offset_hours: float, day: int) -> None:
    counts = _week(offset_hours, 0.6, 60.0)
    noon = int(day * 1440 + (12 - offset_hours) * 60)
    counts[noon : noon + 120] = 0
    assert _alarms(counts[: noon + 120])


def test_a_drop_in_the_first_week_is_one_where_no_weekend_begins() -> None:
    counts = _week(0, 0.6, 60.0)
    noon = 3 * 1440 + 12 * 60
    counts[noon : noon + 60] = counts[noon : noon + 60] // 4
    assert _alarms(counts[: noon + 60])
