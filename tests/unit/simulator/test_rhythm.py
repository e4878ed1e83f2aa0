from __future__ import annotations

from datetime import UTC, datetime
from typing import Literal

import numpy as np
import pytest

from simulator.rhythm import Rate, arrivals, intensity, level, week_profile
from simulator.tenants import DEFAULT_TENANTS
from simulator.times import DAY_MS, HOUR_MS, MINUTE_MS, to_ms

MONDAY = to_ms(datetime(2026, 3, 2, tzinfo=UTC))
OFFICE = DEFAULT_TENANTS[2]


@pytest.mark.parametrize("rhythm", ["office", "shop"])
def test_a_week_has_mean_one_and_a_day_and_week_shape(rhythm: Literal["office", "shop"]) -> None:
    profile = week_profile(rhythm)
    assert profile.mean() == pytest.approx(1.0)
    days = profile.reshape(7, 24, 60).sum(axis=2)
    assert np.all(days[:, 3] < 0.4 * days[:, 12])
    weekend, tuesday = days[5:].sum(axis=1).mean(), days[1].sum()
    assert (weekend < 0.4 * tuesday) if rhythm == "office" else (weekend > tuesday)


def test_busy_hours_are_those_of_the_tenants_own_clock() -> None:
    hours = MONDAY + np.arange(24) * HOUR_MS
    busiest = int(np.argmax(intensity(OFFICE, hours)))
    assert (busiest + OFFICE.utc_offset_minutes / 60) % 24 == pytest.approx(10.5, abs=1.0)


def test_counts_scatter_more_than_chance_alone() -> None:
    minutes = MONDAY + np.arange(5_000) * MINUTE_MS
    begun = arrivals(np.random.default_rng(1), minutes, np.full(5_000, 30.0))
    counts = np.bincount((begun - MONDAY) // MINUTE_MS, minlength=5_000)
    assert counts.mean() == pytest.approx(30.0, rel=0.03)
    assert 2.0 < counts.var() / counts.mean() < 6.0
    assert np.all(np.diff(begun) >= 0)


def test_days_differ_without_a_jump_at_midnight() -> None:
    minutes = MONDAY + np.arange(0, 10 * DAY_MS, MINUTE_MS)
    levels = level(3, OFFICE, minutes)
    assert 0.03 < levels.std() < 0.3
    assert np.abs(np.diff(levels)).max() < 0.001


def test_a_level_is_the_same_however_much_is_looked_at() -> None:
    minutes = MONDAY + np.arange(0, 2 * DAY_MS, MINUTE_MS)
    assert np.allclose(level(3, OFFICE, minutes)[1_500:1_600], level(3, OFFICE, minutes[1_500:1_600]), rtol=1e-12)


def test_a_rate_changes_at_its_moment() -> None:
    rate = Rate(0.1, 2.0, 1_000)
    assert rate.at(np.array([999, 1_000])).tolist() == [0.1, 2.0]
    assert [rate.highest(0, 1_000), rate.highest(0, 1_001), rate.highest(1_000, 2_000)] == [0.1, 2.0, 2.0]


def test_rates_that_make_the_same_volume_have_one_fingerprint() -> None:
    assert Rate(1.0, 1.0, 5).fingerprint == Rate(1.0, 1.0, 9).fingerprint
    assert len({Rate(1.0, after, switch).fingerprint for after in (1.0, 2.0) for switch in (5, 9)}) == 3
