from __future__ import annotations

import json

from detectors.performance.recurring_alarms import RecurringAlarms


def _days(habits: RecurringAlarms, first: int, days: int, loud_at: int | None) -> None:
    for hour in range(24 * first, 24 * (first + days)):
        habits.note(hour, ["volume"] if hour % 24 == loud_at else [])
        habits.note(hour, [])


def test_one_alarm_is_no_habit_but_two_days_in_a_row_are() -> None:
    habits = RecurringAlarms(["errors", "volume"])
    _days(habits, 0, 1, loud_at=2)
    assert not habits.has("volume", 26)
    _days(habits, 1, 1, loud_at=2)
    assert habits.has("volume", 50)
    assert not habits.has("volume", 51)
    assert not habits.has("errors", 50)


def test_a_habit_outlasts_a_weekend_and_is_forgotten_within_a_week() -> None:
    habits = RecurringAlarms(["volume"])
    _days(habits, 0, 5, loud_at=2)
    _days(habits, 5, 1, loud_at=None)
    assert habits.has("volume", 2)
    _days(habits, 6, 6, loud_at=None)
    assert not habits.has("volume", 2)


def test_restored_habits_are_the_same() -> None:
    habits, other = RecurringAlarms(["errors", "volume"]), RecurringAlarms(["errors", "volume"])
    _days(habits, 0, 3, loud_at=7)
    habits.note(73, ["errors"])
    other.restore(json.loads(json.dumps(habits.to_state())))
    assert other.to_state() == habits.to_state()
    assert other.has("volume", 7)
