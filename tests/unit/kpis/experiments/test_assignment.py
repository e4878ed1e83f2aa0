"""The check of the arms' shares against the plan."""

from __future__ import annotations

import numpy as np
import pytest

from kpis.experiments.assignment import MISMATCH, check, log_bayes_factor

_PLAN = {"with": 0.8, "without": 0.2}


def test_shares_as_planned_pass_on_every_day() -> None:
    rng = np.random.default_rng(3)
    off = 0
    for _ in range(300):
        days = [{"with": 200 - one, "without": one} for one in rng.binomial(200, 0.2, 30).tolist()]
        off += check(days, _PLAN, 0).is_off
    assert off <= 300 * MISMATCH * 2


def test_other_shares_are_off_and_said() -> None:
    found = check([{"with": 7_600, "without": 2_400}], _PLAN, 0)
    assert found.is_off
    assert found.p is not None
    assert found.p < 1e-6
    assert found.problem == (
        "the shares of the arms are not as planned: 76.0% with (80.0% planned), 24.0% without (20.0% planned)"
    )


def test_a_mismatch_of_an_earlier_day_stays_known() -> None:
    off = {"with": 700, "without": 300}
    made_up_for = {"with": 7_300, "without": 1_700}
    assert check([off], _PLAN, 0).is_off
    assert check([off, made_up_for], _PLAN, 0).is_off
    assert not check([{"with": 8_000, "without": 2_000}], _PLAN, 0).is_off


def test_an_arm_that_nobody_planned_is_off() -> None:
    found = check([{"with": 800, "without": 200, "beta": 5}], _PLAN, 0)
    assert (found.problem, found.p) == ("the plan has no arm 'beta'", None)


def test_a_planned_arm_without_conversations_is_off() -> None:
    found = check([{"with": 500}], _PLAN, 0)
    assert found.is_off
    assert found.counts == {"with": 500, "without": 0}


def test_many_conversations_in_two_arms_are_off() -> None:
    days = [{"with": 800, "without": 200}]
    assert not check(days, _PLAN, 40).is_off
    assert check(days, _PLAN, 60).problem == "6.0% of the conversations were in two arms"


def test_without_a_plan_nothing_is_checked() -> None:
    found = check([{"a": 900, "b": 100}], {}, 0)
    assert (found.p, found.is_off) == (None, False)
    assert check([], {}, 0).counts == {}


def test_the_evidence_is_the_ratio_of_two_likelihoods() -> None:
    # One conversation: the prior expects the planned share, so there is no evidence either way.
    assert log_bayes_factor({"with": 1, "without": 0}, _PLAN) == pytest.approx(0)
    # A second one of the same arm: (500 * 0.2 + 1) / (500 + 1) against 0.2.
    two = log_bayes_factor({"with": 0, "without": 2}, _PLAN)
    assert two == pytest.approx(np.log((101 / 501) / 0.2))
