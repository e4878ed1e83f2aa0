"""A quota that runs out is told before it has."""

from __future__ import annotations

import json

import pytest

from detectors.health.rate_limit import QuotaWatch

_MINUTE, _HOUR, _DAY = 60.0, 3_600.0, 86_400.0
_EVERY = 10 * _MINUTE


def _usage(at: float, busiest: float = 0.5) -> float:
    """An hourly quota that is used evenly, and begins anew with each hour."""
    return busiest * (at % _HOUR) / _HOUR


def _watch(days: int = 3) -> QuotaWatch:
    watch = QuotaWatch()
    for step in range(int(days * _DAY / _EVERY)):
        watch.observe(step * _EVERY, _usage(step * _EVERY))
    return watch


def test_ordinary_windows_foretell_nothing() -> None:
    watch = QuotaWatch()
    for step in range(int(3 * _DAY / _EVERY)):
        watch.observe(step * _EVERY, _usage(step * _EVERY))
        assert watch.standing(step * _EVERY) is None


def test_a_runaway_client_is_foretold_before_the_quota_is_gone() -> None:
    watch, start = _watch(), 3 * _DAY
    told, gone = None, None
    for step in range(1, 13):
        at = start + step * _EVERY
        usage = min(_usage(at) + step / 6, 1.0)
        watch.observe(at, usage)
        forecast = watch.standing(at)
        if forecast is not None and told is None:
            told = at
            assert 0 < forecast.minutes_left <= 60
        if usage == 1.0 and gone is None:
            gone = at
    assert told is not None
    assert gone is not None
    assert gone - told >= 10 * _MINUTE


def test_a_quota_that_is_gone_has_no_minutes_left() -> None:
    watch = _watch()
    watch.observe(3 * _DAY + _MINUTE, 1.0)
    forecast = watch.standing(3 * _DAY + _MINUTE)
    assert forecast is not None
    assert forecast.minutes_left == 0.0


def test_the_forecast_counts_down_between_reports() -> None:
    watch, start = _watch(), 3 * _DAY
    for step, usage in enumerate((0.3, 0.5, 0.7)):
        watch.observe(start + (step + 1) * _EVERY, usage)
    at = start + 3 * _EVERY
    now, later = watch.standing(at), watch.standing(at + 5 * _MINUTE)
    assert now is not None
    assert later is not None
    assert later.minutes_left == pytest.approx(now.minutes_left - 5.0)


def test_a_new_window_ends_it() -> None:
    watch, start = _watch(), 3 * _DAY
    watch.observe(start + _MINUTE, 1.0)
    watch.observe(start + _HOUR, 0.05)
    assert watch.standing(start + _HOUR) is None


def test_reports_that_cease_foretell_nothing_for_long() -> None:
    watch = _watch()
    watch.observe(3 * _DAY + _MINUTE, 1.0)
    assert watch.standing(3 * _DAY + 4 * _HOUR) is None


def test_a_quota_that_is_used_up_every_day_is_not_told_every_day() -> None:
    watch = QuotaWatch()
    told = []
    for step in range(int(10 * _DAY / _EVERY)):
        at = step * _EVERY
        watch.observe(at, min(_usage(at, busiest=1.25), 1.0))
        told.append(watch.standing(at) is not None)
    assert not any(told[-int(2 * _DAY / _EVERY) :])


def test_a_restored_watch_foretells_the_same() -> None:
    watch = _watch()
    restored = QuotaWatch.from_state(json.loads(json.dumps(watch.to_state())))
    for step in range(1, 30):
        at = 3 * _DAY + step * _EVERY
        for one in (watch, restored):
            one.observe(at, min(step / 12, 1.0))
        assert watch.standing(at) == restored.standing(at)
    assert watch.to_state() == restored.to_state()
