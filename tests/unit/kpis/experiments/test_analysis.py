"""From daily sums to results."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pytest

from kpis.experiments.analysis import DailySums, ExperimentResult, result, sums
from kpis.experiments.design import ExperimentPlan
from kpis.experiments.metrics import METRICS
from kpis.experiments.moments import ArmMoments

_PLAN = ExperimentPlan("x", "without", {"with": 0.8, "without": 0.2}, "conversion", 0.02, 10_000)
_START = date(2026, 3, 2)
_STAGES = ("awareness", "purchase", "retention")


def _rows(
    lift: float = 0.0, *, only: str = "", days: int = 20, control: float = 0.2, mixed: int = 0
) -> list[DailySums]:
    """Return sums of 600 conversations a day; ``only`` is the one stage with a lift."""
    rng = np.random.default_rng(9)
    rows = []
    for day in range(days):
        for stage in _STAGES:
            without = int(rng.binomial(200, control))
            for arm, size in (("with", 200 - without), ("without", without)):
                share = 0.3 + (lift if arm == "with" and only in {"", stage} else 0.0)
                yes = int(rng.binomial(size, share))
                for metric in METRICS:
                    moments = ArmMoments(size, yes, yes)
                    at = _START + timedelta(days=day)
                    rows.append(DailySums(at, arm, stage, "vip", metric, mixed if stage == "awareness" else 0, moments))
    return rows


def _effect(found: ExperimentResult, metric: str) -> tuple[float, float]:
    [one] = [one for one in found.effects if one.metric.id == metric]
    assert one.effect.low is not None
    assert one.effect.high is not None
    return one.effect.low, one.effect.high


def test_an_effect_is_found_between_its_bounds_and_said() -> None:
    found = result("x", _rows(0.08), _PLAN)
    low, high = _effect(found, "conversion")
    assert 0 < low < 0.08 < high
    assert found.verdict.startswith("with: better by ")
    assert (found.control, found.primary) == ("without", "conversion")
    assert found.assignment.p is not None
    assert not found.assignment.is_off


def test_no_effect_is_said_with_its_largest_size() -> None:
    found = result("x", _rows(days=150), _PLAN)
    assert found.verdict.startswith("with: no effect larger than ")


def test_a_wrong_assignment_comes_before_every_difference() -> None:
    found = result("x", _rows(0.08, control=0.3), _PLAN)
    assert found.verdict.startswith("do not trust: assignment is off (the shares of the arms are not as planned: ")
    assert result("x", _rows(0.08, mixed=100), _PLAN).verdict.startswith("do not trust: assignment is off (")


def test_without_a_plan_the_verdict_says_that_nothing_was_checked() -> None:
    found = result("x", _rows(0.08), None)
    assert found.primary == "durable_resolution"
    assert found.verdict.endswith(" (assignment not checked: no plan says the shares)")


def test_one_stage_with_an_effect_is_told_from_those_without() -> None:
    found = result("x", _rows(0.12, only="purchase"), _PLAN)
    by_stage = {one.part: one for one in found.parts if (one.metric.id, one.dimension) == ("conversion", "stage")}
    assert set(by_stage) == set(_STAGES)
    assert by_stage["purchase"].verdict.startswith("better by")
    assert all(by_stage[name].p_adjusted > 0.05 for name in ("awareness", "retention"))
    assert all(one.p_adjusted >= one.effect.p for one in found.parts)


def test_stages_add_up_to_the_whole() -> None:
    found = result("x", _rows(), _PLAN)
    stages = [one for one in found.parts if (one.metric.id, one.dimension) == ("conversion", "stage")]
    [whole] = [one for one in found.effects if one.metric.id == "conversion"]
    assert sum(one.effect.treated for one in stages) == whole.effect.treated
    assert sum(one.effect.control for one in stages) == whole.effect.control
    assert whole.effect.treated + whole.effect.control == sum(found.assignment.counts.values()) == 20 * 600


def test_every_day_is_told_as_it_was_known_then() -> None:
    rows = _rows(0.08)
    found = result("x", rows, _PLAN)
    assert [one.day for one in found.days] == [_START + timedelta(days=n) for n in range(20)]
    fifth = result("x", [row for row in rows if row.day <= _START + timedelta(days=4)], _PLAN)
    assert found.days[4].effect == fifth.days[-1].effect
    assert (found.days[-1].effect.low, found.days[-1].effect.high) == pytest.approx(_effect(found, "conversion"))


def test_one_arm_alone_and_nothing_at_all_are_not_yet_clear() -> None:
    alone = result("x", [row for row in _rows() if row.arm == "with"], None)
    assert alone.verdict.startswith("not yet clear: only one arm was seen")
    assert result("x", [], None).verdict.startswith("not yet clear: no conversation was seen")


def test_metrics_that_make_no_sense_here_are_left_out() -> None:
    found = result("x", _rows(), _PLAN, ("durable_resolution", "csat"))
    assert {one.metric.id for one in (*found.effects, *found.parts)} == {"durable_resolution", "csat"}
    assert found.primary == "durable_resolution"


def test_rows_of_the_database_become_sums() -> None:
    row = {"day": _START, "arm": "a", "stage": "", "segment": "", "metric": "csat", "mixed": 1}
    [one] = sums([{**row, "n": 3, "y": 2, "yy": 1.5, "x": 0, "xx": 0, "xy": 0}])
    assert one.moments == ArmMoments(3, 2, 1.5, 0, 0, 0)


def test_a_planned_arm_that_nobody_is_in_is_there() -> None:
    treated = [row for row in _rows() if row.arm == "with"]
    found = result("x", treated, _PLAN._replace(shares={"with": 0.9999, "without": 0.0001}))
    assert found.verdict == "with: not yet clear: 0 conversations in the smaller arm, 30 are needed"
    assert {one.effect.control for one in (*found.effects, *found.parts)} == {0}
    assert result("x", treated, _PLAN).verdict.startswith("do not trust: assignment is off (")
    assert result("x", [], _PLAN).verdict.startswith("with: not yet clear: 0 conversations")
    assert {one.metric.id for one in result("x", [], _PLAN).effects} == {"conversion"}


def test_two_arms_whose_days_are_not_over_are_not_said_to_be_one() -> None:
    young = [row for row in _rows() if row.metric == "conversion"]
    assert result("x", young, None).verdict.startswith("with: not yet clear: 0 conversations in the smaller arm")


def test_a_stage_in_which_nobody_buys_beside_one_that_was_known_before_has_no_interval() -> None:
    rng = np.random.default_rng(4)
    rows = []
    for arm in ("with", "without"):
        for stage, bought in (("purchase", 1.0), ("retention", 0.0)):
            x = rng.normal(5.0, 1.0, 100)
            y = bought * (x + rng.normal(0.0, 1.0, 100))
            products = (y, y * y, x, x * x, x * y)
            moments = ArmMoments(100, *(float(one.sum()) for one in products))
            rows += [DailySums(_START, arm, stage, "", metric, 0, moments) for metric in ("conversion", "value")]
    parts = {
        one.part: one for one in result("x", rows, None).parts if (one.metric.id, one.dimension) == ("value", "stage")
    }
    assert parts["retention"].verdict == "not yet clear: everybody has the same value"
    assert parts["purchase"].effect.reduction is not None


def test_rows_are_not_looked_through_for_each_arm() -> None:
    compared = 0

    class Arm(str):
        __slots__ = ()
        __hash__ = str.__hash__

        def __eq__(self, other: object) -> bool:
            nonlocal compared
            compared += 1
            return str.__eq__(self, other)

    rows = [
        DailySums(_START + timedelta(days=day), Arm(f"a{arm}"), "", f"s{segment}", "conversion", 0, ArmMoments(9, 3, 3))
        for day in range(5)
        for arm in range(20)
        for segment in range(5)
    ]
    plan = _PLAN._replace(control="a0", shares={f"a{arm}": 0.05 for arm in range(20)})
    found = result("x", rows, plan)
    assert len(found.effects) == 19
    assert compared < 15 * len(rows)  # a search for each arm compares 20 times in every table
