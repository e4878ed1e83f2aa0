from __future__ import annotations

import json
import math
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest
import river.checks
from river import metrics
from river.checks import anomaly as anomaly_checks

from detectors.performance.detector import PerformanceDetector, Verdict

DAY = 1440
MONDAY = 1_767_571_200


def _minute(number: int, count: float = 40, errors: float = 1, ms: float = 250.0) -> dict[str, Any]:
    """Return a minute whose response times scatter around ``ms``, without any chance in it."""
    log = math.log1p(ms)
    return {
        "time": MONDAY + 60 * number,
        "count": count,
        "errors": errors,
        "log_latency_sum": count * log,
        "log_latency_squares": count * (log * log + 0.25),
    }


def _traffic(minutes: int, mean: float, seed: int = 1) -> Iterator[dict[str, Any]]:
    rng = np.random.default_rng(seed)
    busy = 1.0 + 0.6 * np.sin(2.0 * np.pi * np.arange(minutes) / DAY)
    counts = rng.poisson(mean * busy * rng.gamma(20.0, 0.05, minutes))
    errors = rng.binomial(counts, 0.02)
    for number, (count, failed) in enumerate(zip(counts.tolist(), errors.tolist(), strict=True)):
        logs = rng.normal(5.5, 0.6, count)
        yield {
            "time": MONDAY + 60 * number,
            "count": count,
            "errors": failed,
            "log_latency_sum": float(logs.sum()),
            "log_latency_squares": float((logs * logs).sum()),
        }


def _taught(minutes: int = 2 * DAY, **values: float) -> PerformanceDetector:
    detector = PerformanceDetector()
    for number in range(minutes):
        detector.learn_one(_minute(number, **values))
    return detector


def _first_alarm(detector: PerformanceDetector, begin: int, length: int, **values: float) -> tuple[int, Verdict]:
    for number in range(begin, begin + length):
        verdict = detector.process_one(_minute(number, **values))
        if verdict.is_anomaly:
            return number - begin, verdict
    raise AssertionError("nothing was noticed")


def test_rivers_own_estimator_checks_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    """On minutes with labels: river's own data set for this would have to be downloaded."""

    def labelled(_: object, scale: int = 1) -> Iterator[object]:
        minutes = list(_traffic(400 * scale, 30.0))
        for minute in minutes[300:310]:
            minute["errors"] = minute["count"]
        dataset: Any = river.checks._DummyDataset
        yield dataset(*[(minute, 300 <= n < 310) for n, minute in enumerate(minutes)])

    def ranks_anomalies_higher(detector: PerformanceDetector, dataset: Any) -> None:
        metric: Any = metrics.ROCAUC
        area = metric()
        for minute, label in dataset:
            area.update(label, min(detector.score_one(minute) / 2.0, 1.0))
            detector.learn_one(minute)
        assert area.get() > 0.9

    monkeypatch.setattr(river.checks, "_yield_datasets", labelled)
    monkeypatch.setattr(anomaly_checks, "check_roc_auc", ranks_anomalies_higher)
    river.checks.check_estimator(PerformanceDetector())


@pytest.mark.parametrize("mean", [0.3, 1.5, 8.0, 60.0])
def test_ordinary_traffic_is_quiet_from_the_first_minute_on(mean: float) -> None:
    detector = PerformanceDetector()
    assert not any(detector.process_one(minute).is_anomaly for minute in _traffic(4 * DAY, mean))


def test_evidence_of_days_in_a_series_of_hardly_any_calls_is_no_alarm() -> None:
    """A call in twenty minutes: evidence added up without end became tens of alarms of "162 within 1382 minutes"."""
    rng, detector = np.random.default_rng(6), PerformanceDetector()
    for number, count in enumerate(rng.poisson(0.05, 9 * DAY).tolist()[: 5 * DAY]):
        assert not detector.process_one(_minute(number, count=count, errors=0)).is_anomaly, number


def test_an_outage_is_noticed_within_two_minutes_and_says_what_was_seen() -> None:
    after, verdict = _first_alarm(_taught(), 2 * DAY, 10, errors=30)
    assert after <= 1
    (signal,) = verdict.signals
    assert (signal.channel, signal.unit) == ("errors", "%")
    assert signal.at == datetime.fromtimestamp(MONDAY, UTC) + timedelta(minutes=2 * DAY + after)
    assert signal.score > signal.threshold
    assert signal.observed > signal.upper > signal.expected == pytest.approx(2.5, rel=0.05)
    assert signal.detail == "32 of 120 failed within 3 minutes"
    assert verdict.scores["errors"] == verdict.score > 1.0


def test_an_error_rate_that_rose_hours_ago_is_what_is_expected_now() -> None:
    """Against the rate of two days alone 5.6 % would be expected where 9 % have failed for six hours."""
    detector = _taught(count=100, errors=5)
    for number in range(2 * DAY, 2 * DAY + 360):
        assert not detector.process_one(_minute(number, count=100, errors=9)).is_anomaly
    _, verdict = _first_alarm(detector, 2 * DAY + 360, 10, count=100, errors=60)
    (signal,) = verdict.signals
    assert 7.5 < signal.expected < 9.0


def test_errors_that_follow_the_last_hours_do_not_follow_an_incident() -> None:
    detector = _taught(count=100, errors=5)
    for number in range(2 * DAY, 2 * DAY + 180):
        verdict = detector.process_one(_minute(number, count=100, errors=20))
    (signal,) = verdict.signals
    assert signal.expected < 6.0


def test_slow_answers_are_noticed_in_milliseconds() -> None:
    after, verdict = _first_alarm(_taught(), 2 * DAY, 10, ms=700.0)
    assert after <= 5
    (signal,) = verdict.signals
    assert (signal.channel, signal.unit) == ("latency", "ms")
    assert signal.observed > signal.upper > signal.expected == pytest.approx(250.0, rel=0.02)


def test_silence_is_noticed_where_traffic_is_usual() -> None:
    after, verdict = _first_alarm(_taught(), 2 * DAY, 15, count=0, errors=0)
    assert after <= 8
    (signal,) = verdict.signals
    assert (signal.channel, signal.unit) == ("volume", "per minute")
    assert signal.observed < signal.lower < signal.expected == pytest.approx(40.0, rel=0.05)


def test_a_surge_is_noticed() -> None:
    _, verdict = _first_alarm(_taught(), 2 * DAY, 15, count=160, errors=4)
    assert [signal.channel for signal in verdict.signals] == ["volume"]
    assert verdict.signals[0].observed > verdict.signals[0].upper


def test_faster_answers_and_fewer_errors_alarm_nobody() -> None:
    detector = _taught(errors=4)
    assert not any(detector.process_one(_minute(2 * DAY + n, errors=0, ms=60.0)).is_anomaly for n in range(60))


def test_a_few_answers_that_time_out_are_not_a_slow_provider() -> None:
    detector = _taught(count=1, errors=0)
    slow, log = math.log1p(25_000.0), math.log1p(250.0)
    for number in range(2 * DAY, 2 * DAY + 30):
        minute = _minute(number, count=1, errors=0)
        if number % 7 == 0:
            minute |= {"log_latency_sum": slow, "log_latency_squares": slow * slow}
        assert minute["log_latency_sum"] in {slow, log}
        assert detector.process_one(minute).score <= 1.0


def test_an_alarm_does_not_become_the_new_normal_within_hours() -> None:
    detector = _taught()
    scores = [detector.process_one(_minute(2 * DAY + n, errors=12)).score for n in range(180)]
    assert min(scores[10:]) > 1.0


def test_a_change_that_stays_is_accepted_after_a_day() -> None:
    detector = _taught(8 * DAY)
    verdicts = [detector.process_one(_minute(8 * DAY + n, count=160, errors=4)) for n in range(2 * DAY)]
    assert verdicts[30].is_anomaly
    assert not any(verdict.is_anomaly for verdict in verdicts[DAY:])


def test_a_cold_detector_says_that_it_is_cold() -> None:
    detector = PerformanceDetector()
    assert not detector.process_one(_minute(0)).warm
    assert _taught(60).process_one(_minute(60)).warm


def test_scoring_does_not_learn() -> None:
    detector = _taught(300)
    before = json.dumps(detector.to_state())
    assert detector.score_one(_minute(300, errors=40)) > 1.0
    assert json.dumps(detector.to_state()) == before


def test_score_then_learn_is_the_same_as_one_pass() -> None:
    one, other = PerformanceDetector(), PerformanceDetector()
    for minute in _traffic(300, 20.0):
        score = one.score_one(minute)
        one.learn_one(minute)
        assert other.process_one(minute).score == score
    assert one.to_state() == other.to_state()


@pytest.mark.parametrize("number", [299, 0, -50])
def test_a_minute_that_is_not_newer_is_ignored(number: int) -> None:
    detector = _taught(300)
    before = detector.to_state()
    assert detector.process_one(_minute(number, errors=40)).score == 0.0
    assert detector.to_state() == before


@pytest.mark.parametrize("missing", [None, math.nan, math.inf])
def test_what_is_not_known_is_not_zero(missing: float | None) -> None:
    detector = _taught()
    for number in range(2 * DAY, 2 * DAY + 60):
        assert not detector.process_one(_minute(number) | {"count": missing}).is_anomaly
    for number in range(2 * DAY + 60, 2 * DAY + 120):
        assert not detector.process_one(_minute(number) | {"errors": missing, "log_latency_sum": missing}).is_anomaly
    assert _first_alarm(detector, 2 * DAY + 120, 10, errors=30)[0] <= 1


def test_a_gap_in_time_is_not_silence() -> None:
    detector = _taught()
    assert not detector.process_one(_minute(2 * DAY + 600)).is_anomaly
    assert _first_alarm(detector, 2 * DAY + 601, 10, errors=30)[0] <= 1


def test_series_without_errors_and_latency_are_watched_for_volume() -> None:
    detector = PerformanceDetector(timedelta(hours=1))
    for number in range(24 * 14):
        detector.learn_one({"time": MONDAY + 3600 * number, "count": 900 if number % 24 > 7 else 100})
    quiet = detector.process_one({"time": MONDAY + 3600 * 24 * 14, "count": 100})
    assert quiet.warm
    verdicts = [detector.process_one({"time": MONDAY + 3600 * (24 * 14 + n), "count": 4000}) for n in range(1, 4)]
    assert any(verdict.is_anomaly for verdict in verdicts)


@pytest.mark.parametrize("seconds", [10, 60, 300, 900, 3600, 86_400])
def test_any_interval_works(seconds: int) -> None:
    detector = PerformanceDetector(timedelta(seconds=seconds))
    quiet = _minute(0)
    for number in range(600):
        assert not detector.process_one(quiet | {"time": MONDAY + seconds * number}).is_anomaly
    alarm = [detector.process_one(quiet | {"time": MONDAY + seconds * number, "errors": 35}) for number in (600, 601)]
    assert alarm[1].is_anomaly


def test_constant_series_of_nothing_stay_quiet() -> None:
    detector = PerformanceDetector()
    minute = {"count": 5, "errors": 0, "log_latency_sum": 0.0, "log_latency_squares": 0.0}
    assert not any(detector.process_one(minute | {"time": MONDAY + 60 * n}).is_anomaly for n in range(3 * DAY))


def test_what_happens_every_night_is_a_habit_and_alarms_nobody_any_more() -> None:
    detector, alarms = _taught(3 * DAY), []
    for number in range(3 * DAY, 8 * DAY):
        batch = 130 <= number % DAY < 140
        if detector.process_one(_minute(number, count=800 if batch else 40, errors=20 if batch else 1)).is_anomaly:
            alarms.append(number // DAY)
    assert set(alarms) == {3, 4}


def test_days_as_intervals_are_judged_by_their_weekday() -> None:
    detector, rng = PerformanceDetector(timedelta(days=1)), np.random.default_rng(5)
    counts = [int(rng.poisson(900 if day % 7 < 5 else 300)) for day in range(70)]
    verdicts = [detector.process_one({"time": MONDAY + 86_400 * day, "count": n}) for day, n in enumerate(counts)]
    assert not any(verdict.is_anomaly for verdict in verdicts[21:])
    assert detector.process_one({"time": MONDAY + 86_400 * 70, "count": 4_000}).is_anomaly


def test_a_state_of_the_version_before_is_taken_over_and_judges_on() -> None:
    """It knew no minutes of the hour, no fit of the day, no errors of the last hours, and accumulated nothing."""
    detector = _taught()
    old = json.loads(json.dumps(detector.to_state()))
    del old["errors"]["fast"]
    for name in ("day", "minutes", "accumulated"):
        del old["volume"][name]
    taken_over = PerformanceDetector.from_state(old)
    for number in range(2 * DAY, 2 * DAY + 30):
        minute = _minute(number, count=5 if number > 2 * DAY + 10 else 40)
        assert taken_over.process_one(minute).is_anomaly == detector.process_one(minute).is_anomaly


def test_a_long_drop_on_a_quiet_series_is_told_from_what_accumulates() -> None:
    detector = PerformanceDetector()
    rng = np.random.default_rng(4)
    counts = rng.poisson(1.6, 8 * DAY)
    counts[7 * DAY + 600 : 7 * DAY + 690] = rng.poisson(0.5, 90)
    alarms = []
    for number, count in enumerate(counts.tolist()):
        verdict = detector.process_one(_minute(number, count=count, errors=0))
        if verdict.is_anomaly:
            alarms.append((number, verdict.signals[0]))
    assert alarms
    assert {signal.channel for _, signal in alarms} == {"volume"}
    assert 7 * DAY + 610 < alarms[0][0] < 7 * DAY + 690
    _, signal = alarms[0]
    assert signal.observed < signal.lower < signal.expected
    assert int(signal.detail.split()[-2]) > 15


def test_errors_that_more_than_double_are_found_where_many_are_usual_and_their_rate_wanders() -> None:
    rng, minutes, risen = np.random.default_rng(2), 5 * DAY, 60
    hours = np.arange(minutes) / 60.0
    rates = 0.1 * np.exp(np.interp(hours, np.arange(minutes // 60 + 3), rng.normal(0.0, 0.35, minutes // 60 + 3)))
    rates[-400:], rates[-risen:] = 0.1, 0.26
    errors = rng.binomial(150, rng.beta(100.0 * rates, 100.0 * (1.0 - rates)))
    detector = PerformanceDetector()
    alarms = [
        number
        for number, failed in enumerate(errors.tolist())
        if detector.process_one(_minute(number, count=150, errors=failed)).is_anomaly
    ]
    assert alarms
    assert alarms[0] >= minutes - risen


def test_the_same_rush_in_the_same_minutes_of_every_hour_is_usual() -> None:
    detector = PerformanceDetector()
    rng = np.random.default_rng(5)
    counts = rng.poisson(60.0, 6 * DAY)
    counts[np.arange(6 * DAY) % 60 < 2] *= 4
    heard = [
        number
        for number, count in enumerate(counts.tolist())
        if detector.process_one(_minute(number, count=count, errors=0)).is_anomaly
    ]
    assert not [number for number in heard if number >= 2 * DAY]


def test_a_drop_on_a_weekday_that_was_never_seen_is_noticed_once_the_day_proved_usual() -> None:
    detector = PerformanceDetector()
    rng = np.random.default_rng(6)
    counts = rng.poisson(60.0 * (1.0 + 0.3 * np.sin(2.0 * np.pi * np.arange(4 * DAY) / DAY)))
    counts[3 * DAY + 600 :] = rng.poisson(18.0, DAY - 600)
    first = next(
        number
        for number, count in enumerate(counts.tolist())
        if detector.process_one(_minute(number, count=count, errors=0)).is_anomaly
    )
    assert 0 <= first - (3 * DAY + 600) <= 15
