"""The record of the benchmark: what is compared, and which targets were missed."""

from __future__ import annotations

from dataclasses import replace

from benchmarks.detection.results import TARGETS, Row, markdown, missed_targets, regressions, with_others
from benchmarks.detection.scenarios import GATED, SCENARIOS

OURS = "PerformanceDetector"
GATE = Row("gate", "40 to 60", OURS, 200, 196, 0.01, 3.0, 80.0)


def test_a_target_is_missed_by_recall_false_alarms_or_delay_and_only_on_the_gate() -> None:
    bad = replace(GATE, found=192, false_alarms=0.03, delay=4.0)
    assert missed_targets([GATE], OURS) == []
    assert missed_targets([bad], OURS) == [
        "40 to 60 events a minute: recall 0.9600 (192 of 200), not 0.97",
        "40 to 60 events a minute: 0.030 false alarms a series and day, not 0.02",
        "40 to 60 events a minute: median delay 4 minutes, not 3",
    ]
    assert missed_targets([replace(bad, world="synthetic")], OURS) == []
    assert missed_targets([replace(GATE, volume="about 8", found=172, delay=9.0)], OURS) == []


def test_rows_of_others_stay_as_recorded_beside_fresh_rows_of_ours() -> None:
    other = replace(GATE, contender="HalfSpaceTrees, raw", found=20)
    fresh = replace(GATE, found=198)
    assert with_others([fresh], [GATE, other], OURS) == [fresh, other]


def test_a_row_that_is_not_in_the_record_is_a_regression_until_it_is_written() -> None:
    assert regressions([GATE], [GATE], OURS) == []
    (words,) = regressions([GATE], [], OURS)
    assert "not in the record" in words


def test_a_recall_is_shown_with_the_interval_that_its_incidents_allow() -> None:
    assert "| 200 | 0.980 (0.95 to 0.99) |" in markdown([GATE], [])
    assert "| 20 | 1.000 (0.84 to 1.00) |" in markdown([replace(GATE, incidents=20, found=20)], [])


def test_each_gated_volume_stands_on_four_seeds_that_nothing_else_uses() -> None:
    seeds: dict[str, list[str]] = {}
    for scenario in GATED:
        world, seed, volume = scenario.id.split("/")
        assert world == scenario.world == "gate"
        seeds.setdefault(volume, []).append(seed)
    assert len(seeds) == len(TARGETS)
    assert {volume: len(set(drawn)) for volume, drawn in seeds.items()} == dict.fromkeys(seeds, 4)
    others = {part for scenario in SCENARIOS for part in scenario.id.split("/")[1:2]}
    assert not others & {seed for drawn in seeds.values() for seed in drawn}
