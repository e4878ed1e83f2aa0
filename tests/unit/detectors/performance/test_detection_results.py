"""The record of the benchmark: what is compared, and which targets were missed."""

from __future__ import annotations

from dataclasses import replace

from benchmarks.detection.results import Row, missed_targets, regressions, with_others

OURS = "PerformanceDetector"
GATE = Row("gate", "40 to 60", OURS, 70, 0.98, 0.01, 3.0, 80.0)


def test_a_target_is_missed_by_recall_false_alarms_or_delay_and_only_on_the_gate() -> None:
    bad = replace(GATE, recall=0.96, false_alarms=0.03, delay=4.0)
    assert missed_targets([GATE], OURS) == []
    assert missed_targets([bad], OURS) == [
        "40 to 60 events a minute: recall 0.960, not 0.97",
        "40 to 60 events a minute: 0.030 false alarms a series and day, not 0.02",
        "40 to 60 events a minute: median delay 4 minutes, not 3",
    ]
    assert missed_targets([replace(bad, world="synthetic")], OURS) == []
    assert missed_targets([replace(GATE, volume="about 8", recall=0.86, delay=9.0)], OURS) == []


def test_rows_of_others_stay_as_recorded_beside_fresh_rows_of_ours() -> None:
    other = replace(GATE, contender="HalfSpaceTrees, raw", recall=0.1)
    fresh = replace(GATE, recall=0.99)
    assert with_others([fresh], [GATE, other], OURS) == [fresh, other]


def test_a_row_that_is_not_in_the_record_is_a_regression_until_it_is_written() -> None:
    assert regressions([GATE], [GATE], OURS) == []
    (words,) = regressions([GATE], [], OURS)
    assert "not in the record" in words
