from __future__ import annotations

import json

from detectors.performance.alarm import Alarm


def test_while_it_lasts_less_is_enough_to_go_on() -> None:
    alarm = Alarm(patience=100)
    assert alarm.bar(0) == 1.0
    alarm.sound(5)
    assert alarm.bar(15) < 1.0
    assert alarm.bar(16) == 1.0


def test_what_came_in_before_it_sounded_is_in_doubt() -> None:
    alarm = Alarm(patience=100)
    assert not alarm.doubts(0)
    alarm.sound(20)
    assert alarm.doubts(6)
    assert not alarm.doubts(21)


def test_what_alarms_for_longer_than_patience_becomes_normal_once() -> None:
    alarm = Alarm(patience=30)
    assert [index for index in range(100) if alarm.sound(index)] == [30]
    assert not alarm.doubts(50)


def test_after_a_pause_patience_starts_anew() -> None:
    alarm = Alarm(patience=30)
    for index in (*range(20), *range(40, 60)):
        assert not alarm.sound(index)
    assert alarm.doubts(59)


def test_a_restored_alarm_goes_on() -> None:
    alarm, other = Alarm(patience=30), Alarm(patience=30)
    for index in range(30):
        alarm.sound(index)
    other.restore(json.loads(json.dumps(alarm.to_state())))
    assert other.sound(30)
