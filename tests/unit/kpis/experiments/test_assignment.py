"""The check of the arms' shares against the plan."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, timedelta

import numpy as np
import pytest

from kpis.experiments.assignment import (
    MISMATCH,
    AssignmentCheck,
    DayOfShares,
    cell_evidence,
    check,
    log_bayes_factor,
)

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


def _checked(days: Sequence[Mapping[str, Mapping[str, int]]]) -> AssignmentCheck:
    """Return the check of counts by tenant and arm, a mapping for each day."""
    cells = []
    for number, tenants in enumerate(days):
        evidence = {tenant: cell_evidence(counts, _PLAN) for tenant, counts in tenants.items()}
        worst = max(evidence, key=lambda tenant: evidence[tenant][0])
        every, few = (sum(one[place] for one in evidence.values()) for place in (0, 1))
        cells.append(DayOfShares(date(2026, 3, 2) + timedelta(days=number), every, few, worst, dict(tenants[worst])))
    whole = [{arm: sum(counts[arm] for counts in tenants.values()) for arm in _PLAN} for tenants in days]
    return check(whole, _PLAN, 0, cells)


def _day(rng: np.random.Generator, **control: tuple[int, float]) -> dict[str, dict[str, int]]:
    """Return a day's counts of tenants, from their conversations and the share of the control."""
    without = {tenant: int(rng.binomial(n, share)) for tenant, (n, share) in control.items()}
    return {tenant: {"with": control[tenant][0] - one, "without": one} for tenant, one in without.items()}


def test_tenants_and_days_with_the_planned_shares_pass_on_every_day() -> None:
    rng = np.random.default_rng(5)
    off = sum(
        _checked([_day(rng, a=(100, 0.2), b=(400, 0.2), c=(5, 0.2)) for _ in range(30)]).is_off for _ in range(150)
    )
    assert off <= 150 * MISMATCH * 4


def test_shares_that_change_from_day_to_day_are_off_although_they_are_right_over_all() -> None:
    rng = np.random.default_rng(6)
    days = [_day(rng, a=(400, 0.15 if number % 2 else 0.25)) for number in range(28)]
    found = _checked(days)
    assert check([day["a"] for day in days], _PLAN, 0).problem == ""
    assert found.p is not None
    assert found.p > MISMATCH
    assert found.problem.startswith("the shares of the arms differ by day or tenant, for example on 2026-03-")


def test_shares_that_differ_between_tenants_are_off_although_they_are_right_over_all() -> None:
    rng = np.random.default_rng(7)
    found = _checked([_day(rng, strong=(200, 0.1), weak=(200, 0.3)) for _ in range(10)])
    assert found.p is not None
    assert found.p > MISMATCH
    assert "differ by day or tenant" in found.problem


def test_one_day_of_one_tenant_among_many_is_found() -> None:
    rng = np.random.default_rng(8)
    days = [_day(rng, **{f"t{tenant}": (60, 0.2) for tenant in range(10)}) for _ in range(20)]
    assert not _checked(days).is_off
    days[-1]["t3"] = {"with": 20, "without": 40}
    assert " on 2026-03-21 of tenant t3: 33.3% with (80.0% planned), 66.7% without" in _checked(days).problem


def test_evidence_beyond_every_exponential_stays_a_number() -> None:
    every, few = cell_evidence({"with": 0, "without": 100_000}, _PLAN)
    assert every > 10_000
    assert few == pytest.approx(every, abs=10)
    assert _checked([{"a": {"with": 0, "without": 100_000}}]).p_by_day == 0
