"""The score of the standard profile, and the series it is measured on."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from benchmarks.detection.value_operations import OPERATIONS, operations_series
from benchmarks.detection.value_profile import ProfileScore, profile_score
from benchmarks.detection.value_series import Series

# Two windows of 50 values around the incidents: 375 to 425 and 675 to 725. The first 150 values are not counted.
SERIES = Series(
    "made/0", [300.0 * n for n in range(1000)], [0.0] * 1000, [(120_000.0, 121_000.0), (210_000.0, 210_000.0)]
)


def scored(*anomalous: int) -> ProfileScore:
    return profile_score([(SERIES, flags(anomalous))])


def flags(anomalous: Iterable[int]) -> list[bool]:
    chosen = set(anomalous)
    return [n in chosen for n in range(1000)]


def test_silence_scores_0_and_one_alarm_at_the_start_of_every_window_100() -> None:
    assert scored().normalised == 0.0
    assert scored(375, 675).normalised == pytest.approx(100.0)
    assert scored(375, 675)[:3] == (2, 2, 0)


def test_a_later_alarm_in_a_window_counts_less_and_only_the_first_counts() -> None:
    early, middle, late = (scored(at).points for at in (376, 400, 425))
    assert early > middle > late == pytest.approx(-1.0)
    assert scored(400, 420) == scored(400)
    assert scored(400).normalised == pytest.approx(50 * (1 + 0.848284 / 0.986614) / 2, rel=1e-5)


def test_a_false_alarm_costs_a_ninth_of_a_missed_window_and_less_right_after_one() -> None:
    assert scored(200).points == pytest.approx(-2.11)
    assert -2.11 < scored(440).points < -2.0
    assert scored(200).false_alarms == 1


def test_an_episode_is_one_alarm_where_it_begins() -> None:
    assert scored(*range(365, 380)) == scored(365)
    assert scored(200, 210, 220) == scored(200)
    assert scored(200, 211).false_alarms == 2


def test_alarms_in_the_first_values_are_not_counted() -> None:
    assert scored(10, 100, 149) == scored()
    assert scored(150).false_alarms == 1


def test_the_score_of_series_together_is_that_of_all_their_windows() -> None:
    both = profile_score([(SERIES, flags([375, 675])), (SERIES, flags([]))])
    assert both.normalised == pytest.approx(50.0)


@pytest.mark.parametrize("family", OPERATIONS)
def test_operations_series_are_reproducible_and_their_incidents_come_after_the_first_values(family: str) -> None:
    one = operations_series(family, 3)
    assert one == operations_series(family, 3)
    assert one != operations_series(family, 4)
    assert len(one.times) == len(one.values) == OPERATIONS[family].points
    assert 1 <= len(one.incidents) <= 4
    assert all(one.times[len(one.times) * 15 // 100] < start < end for start, end in one.incidents)
