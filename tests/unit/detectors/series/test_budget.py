"""Budget of false alarms of a series by the interval of its values."""

from __future__ import annotations

import math

import pytest

from detectors.series.budget import LOOKS, budget

_MINUTE, _HOUR, _DAY = 60.0, 3_600.0, 86_400.0


@pytest.mark.parametrize("interval", [1.0, _MINUTE, 5 * _MINUTE, 10 * _MINUTE, 30 * _MINUTE, _HOUR, _DAY, None])
def test_no_series_may_have_more_than_its_share_of_a_day(interval: float | None) -> None:
    found = budget(interval)
    assert found.allowed <= 1.5e-3
    assert found.allowed * found.per_day <= 0.08 + 1e-12
    assert found.any_channel >= -math.log10(found.allowed) - 1e-12


def test_a_channel_with_less_of_the_budget_has_to_show_more() -> None:
    found = budget(5 * _MINUTE)
    assert len(found.looks) == LOOKS
    assert found.any_channel < found.looks[0] < found.looks[1] < found.looks[2] < found.hours < found.noise
    assert sum(10**-target for target in found.looks) == pytest.approx(0.9 * 10**-found.any_channel)


def test_the_more_values_a_day_the_more_an_alarm_takes_beyond_one_in_five_minutes() -> None:
    targets = [budget(interval).any_channel for interval in (5 * _MINUTE, _MINUTE, 10.0, 1.0)]
    assert targets == sorted(targets)
    assert targets[0] < targets[-1]


def test_a_value_an_hour_may_be_asked_for_a_larger_share() -> None:
    assert budget(_HOUR).allowed > budget(5 * _MINUTE).allowed
    assert budget(_HOUR).allowed * 24 <= 0.03 + 1e-12
