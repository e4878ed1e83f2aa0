"""The usual pace of syncs, jobs that run, and runs of bad jobs."""

from __future__ import annotations

import pytest

from detectors.health.cusum import Cusum
from detectors.health.sync import STALE_THRESHOLD, RunningJobs, SyncCadence

_MINUTE, _HOUR, _DAY = 60.0, 3_600.0, 86_400.0


def _every(seconds: float, times: int = 50) -> SyncCadence:
    cadence = SyncCadence()
    for number in range(times):
        cadence.advance(number * seconds)
    return cadence


def test_nothing_is_unusual_before_the_usual_is_known() -> None:
    cadence = _every(_HOUR, times=5)
    assert cadence.score(100 * _DAY) is None


@pytest.mark.parametrize("interval", [5 * _MINUTE, _HOUR, _DAY])
def test_the_same_lateness_scores_the_same_at_any_pace(interval: float) -> None:
    cadence = _every(interval)
    assert cadence.last is not None
    on_time, late = cadence.score(cadence.last + interval), cadence.score(cadence.last + 3 * interval)
    assert on_time is not None
    assert late is not None
    assert on_time < 1.0
    assert late > STALE_THRESHOLD


def test_the_bar_is_where_the_score_passes_the_threshold() -> None:
    cadence = _every(_HOUR)
    assert cadence.last is not None
    below, above = (cadence.score(cadence.last + cadence.longest_usual * factor) for factor in (0.99, 1.01))
    assert below is not None
    assert above is not None
    assert below < STALE_THRESHOLD < above


def test_a_standstill_teaches_nothing() -> None:
    cadence = _every(_HOUR)
    before = cadence.to_state()
    assert cadence.last is not None
    cadence.advance(cadence.last)
    cadence.advance(cadence.last - _HOUR)
    assert cadence.to_state() == before


def test_two_long_gaps_are_accidents_and_three_are_a_habit() -> None:
    cadence = SyncCadence()
    at, bars = 0.0, []
    for _ in range(4):
        for _ in range(20):
            at += 15 * _MINUTE
            cadence.advance(at)
        bars.append(cadence.longest_usual)
        at += 12 * _HOUR
        cadence.advance(at)
    assert bars[2] < 2 * _HOUR
    assert cadence.longest_usual > 12 * _HOUR


def test_a_running_job_is_overdue_against_what_such_jobs_take() -> None:
    running = RunningJobs()
    for day in range(5):
        running.begin(f"full-{day}", day * _DAY)
        running.end(f"full-{day}", day * _DAY + 5 * _MINUTE)
    running.begin("hanging", 6 * _DAY)
    limit = running.limit(SyncCadence())
    assert 15 * _MINUTE <= limit < _HOUR
    assert running.longest(6 * _DAY + 2 * _HOUR) > limit


def test_a_later_announced_job_that_ends_settles_an_earlier_one() -> None:
    running = RunningJobs()
    running.begin("lost", 0.0)
    running.begin("next", _HOUR)
    running.end("next", _HOUR + 5 * _MINUTE)
    assert running.longest(2 * _HOUR) == 0.0


def test_a_job_is_given_up_after_a_day() -> None:
    running = RunningJobs()
    running.begin("lost", 0.0)
    running.give_up(_DAY + 1.0)
    assert running.longest(_DAY + 1.0) == 0.0


def test_an_unannounced_end_changes_nothing() -> None:
    running = RunningJobs()
    running.end("unknown", 10.0)
    assert running.to_state() == RunningJobs().to_state()


def _chart() -> Cusum:
    chart = Cusum(alternative=0.6, threshold=3.0, bad_again=0.1)
    for _ in range(200):
        chart.learn(bad=False)
    return chart


def test_a_run_of_bad_jobs_alarms_and_two_good_ones_end_it() -> None:
    chart = _chart()
    alarms = []
    for _ in range(10):
        chart.learn(bad=True)
        alarms.append(chart.alarming)
    assert alarms[:4] == [False, False, True, True]
    chart.learn(bad=False)
    chart.learn(bad=False)
    assert not chart.alarming


def test_what_is_always_bad_is_no_surprise() -> None:
    chart = Cusum(alternative=0.6, threshold=3.0, bad_again=0.1)
    for number in range(2_000):
        chart.learn(bad=number % 3 == 0)
    alarms = 0
    for number in range(300):
        chart.learn(bad=number % 3 == 0)
        alarms += chart.alarming
    assert alarms == 0
    assert chart.usual_share == pytest.approx(1 / 3, abs=0.1)
