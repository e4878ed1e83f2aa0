from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Any

import pytest

from detectors.performance.detector import Verdict
from detectors.series.backtest import Backtest, Incident, quality

MINUTE = timedelta(minutes=1)


class SaysSo:
    """Finds anomalous what is told to be."""

    def process_one(self, x: Mapping[Any, Any]) -> Verdict:
        score = float(x["value"])
        return Verdict(score, score > 1.0, (), {}, True)


def judged(anomalous: Iterable[int], rows: int = 100) -> Backtest:
    test = Backtest(SaysSo(), MINUTE)
    for n in range(rows):
        test.judge(60.0 * n, {"value": 2.0 if n in anomalous else 0.5})
    return test


def test_anomalies_close_to_each_other_are_one_episode() -> None:
    test = judged([20, 21, 30, 60])
    assert [(episode.number, episode.start, episode.end, episode.rows) for episode in test.episodes] == [
        (1, 1200.0, 1800.0, 3),
        (2, 3600.0, 3600.0, 1),
    ]


def test_only_anomalous_rows_carry_the_number_of_the_episode() -> None:
    test = Backtest(SaysSo(), MINUTE)
    found = [test.judge(60.0 * n, {"value": 2.0 if n in {1, 3} else 0.0}) for n in range(5)]
    assert [row.episode for row in found] == [None, 1, None, 1, None]
    assert [row.is_anomaly for row in found] == [False, True, False, True, False]


def test_a_row_that_is_not_later_is_counted_and_not_judged() -> None:
    test = Backtest(SaysSo(), MINUTE)
    scores = [test.judge(time, {"value": 3.0}).score for time in (60.0, 60.0, 0.0, 120.0)]
    assert scores == [3.0, 0.0, 0.0, 3.0]
    assert (test.rows, test.late) == (4, 2)


def test_quality_counts_incidents_episodes_and_the_delay() -> None:
    test = judged([20, 21, 60, 90], rows=1441)
    found = test.quality([Incident(1080.0, 1500.0), Incident(3300.0, 3600.0), Incident(10_000.0, 11_000.0)])
    assert (found.incidents, found.found, found.episodes, found.false_alarms) == (3, 2, 3, 1)
    assert found.precision == pytest.approx(2 / 3)
    assert found.recall == pytest.approx(2 / 3)
    assert found.f1 == pytest.approx(2 / 3)
    assert found.delay == 210.0
    assert found.false_alarms_per_day == pytest.approx(1.0)


def test_one_episode_over_two_incidents_finds_both_and_is_no_false_alarm() -> None:
    found = quality([(10.0, 1), (20.0, 1)], [Incident(9.0, 10.0), Incident(20.0, 25.0)], days=1.0)
    assert (found.found, found.false_alarms, found.f1) == (2, 0, 1.0)


def test_where_there_is_nothing_to_divide_by_there_is_no_figure() -> None:
    found = quality([], [], days=0.0)
    assert (found.precision, found.recall, found.f1, found.delay, found.false_alarms_per_day) == (None,) * 5


def test_an_incident_that_nothing_found_costs_recall_only() -> None:
    found = quality([], [Incident(0.0, 5.0)], days=1.0)
    assert (found.recall, found.f1, found.precision) == (0.0, 0.0, None)
