from __future__ import annotations

import pytest

from detectors.performance.week_profile import WeekProfile

MONDAY = 96  # in hours since Thursday, 1970-01-01


def _taught(days: int) -> WeekProfile:
    """Return a profile of days of 10 an interval by night and 50 by day, weekends half of it."""
    profile = WeekProfile()
    for hour in range(MONDAY, MONDAY + 24 * days):
        profile.learn(hour, _mean(hour), 1.0)
    return profile


def _mean(hour: int) -> float:
    weekend = (hour - MONDAY) // 24 % 7 >= 5
    return (50.0 if 8 <= hour % 24 < 20 else 10.0) * (0.5 if weekend else 1.0)


def _usual(profile: WeekProfile, hour: int, part: float = 0.5) -> float:
    known = profile.usual(hour, part)
    assert known is not None
    return known[0]


def test_nothing_is_known_at_first() -> None:
    assert WeekProfile().usual(MONDAY, 0.5) is None


def test_after_a_day_its_hours_are_known() -> None:
    profile = _taught(1)
    assert _usual(profile, MONDAY + 24 + 12) == pytest.approx(50.0)
    assert _usual(profile, MONDAY + 24 + 3) == pytest.approx(10.0)


def test_after_a_week_the_weekend_is_known() -> None:
    profile = _taught(7)
    assert _usual(profile, MONDAY + 24 * 12 + 12) == pytest.approx(25.0, rel=0.15)
    assert _usual(profile, MONDAY + 24 * 9 + 12) == pytest.approx(50.0, rel=0.15)


def test_between_hours_it_goes_straight_and_says_how_far_it_may_jump_instead() -> None:
    profile = _taught(1)
    at_eight = profile.usual(MONDAY + 24 + 8, 0.0)
    assert at_eight is not None
    usual, doubt = at_eight
    assert usual == pytest.approx(30.0)
    assert usual + doubt == pytest.approx(50.0)


def test_one_strange_day_does_not_become_the_rule() -> None:
    profile = _taught(14)
    for hour in range(MONDAY + 24 * 14, MONDAY + 24 * 15):
        profile.learn(hour, 40.0 * _mean(hour), 1.0)
    assert _usual(profile, MONDAY + 24 * 21 + 12) < 125.0


def test_what_is_learned_with_little_weight_changes_little() -> None:
    profile = _taught(14)
    for hour in range(MONDAY + 24 * 14, MONDAY + 24 * 15):
        profile.learn(hour, 0.0, 0.02)
    assert _usual(profile, MONDAY + 24 * 21 + 12) > 45.0


def test_a_restored_profile_is_the_same() -> None:
    profile, other = _taught(10), WeekProfile()
    other.restore(profile.to_state())
    assert [other.usual(MONDAY + hour, 0.2) for hour in range(168)] == [
        profile.usual(MONDAY + hour, 0.2) for hour in range(168)
    ]
