from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from kpis.statistics import Arm, Estimate, Stratum, correlation, difference, mean_interval, scaled, wilson, yes_no
from simulator.arrays import Bools, Floats
from simulator.conversations import STAGES, Conversations
from simulator.customers import Visitors
from simulator.evidence import IntegrationUse
from simulator.outcomes import CONVERTED, UPSOLD, draw


def bounds(found: Estimate) -> tuple[float, float]:
    assert found.lower is not None
    assert found.upper is not None
    return found.lower, found.upper


@pytest.mark.parametrize(("successes", "count", "lower", "upper"), [
    (0, 10, 0.0, 0.2775328),
    (10, 10, 0.7224672, 1.0),
    (3, 7, 0.158219855, 0.749541635),
    (410, 1000, 0.379917258, 0.440771559),
])  # fmt: skip
def test_the_interval_of_a_share_is_wilsons(successes: int, count: int, lower: float, upper: float) -> None:
    # The expected bounds are scipy's, binomtest(...).proportion_ci(0.95, method="wilson").
    assert list(wilson(successes, count)) == pytest.approx([lower, upper], abs=1e-7)


def test_nothing_observed_has_no_interval() -> None:
    assert wilson(0, 0) == (None, None)
    assert mean_interval(Arm(1, 4.0, 16.0)) == (None, None)


def test_the_interval_of_a_mean_is_two_standard_errors_wide() -> None:
    values = np.array([1.0, 2.0, 4.0, 4.5, 5.0])
    found = mean_interval(Arm(5, values.sum(), (values**2).sum()))
    half = 1.959964 * values.std(ddof=1) / np.sqrt(5)
    assert list(found) == pytest.approx([values.mean() - half, values.mean() + half])


def test_too_little_data_says_so_and_shows_no_number() -> None:
    found = difference([Stratum(yes_no(200, 100), yes_no(29, 10))])
    assert found[:3] == (None, None, None)
    assert "29 without" in found.note
    assert scaled(found, 100) == found


def test_a_stratum_without_its_like_is_left_out_and_counted() -> None:
    found = difference([Stratum(yes_no(100, 50), yes_no(100, 40)), Stratum(yes_no(80, 80), yes_no(0, 0))])
    assert found.value == pytest.approx(0.1)
    assert (found.treated, found.control, found.left_out) == (100, 100, 80)


def test_a_difference_that_is_the_stage_is_not_credited_to_the_data() -> None:
    # 10 % convert early and 50 % late, with data or without; data is used late. The plain difference is 24 points.
    early = Stratum(yes_no(200, 20), yes_no(800, 80))
    late = Stratum(yes_no(800, 400), yes_no(200, 100))
    found = difference([early, late])
    assert found.value == pytest.approx(0.0)
    lower, upper = bounds(found)
    assert lower < 0 < upper


def test_few_that_agree_do_not_make_certainty() -> None:
    strata = [Stratum(yes_no(40, 40), yes_no(40, 0))]
    found = difference(strata)
    assert bounds(found)[0] < 1.0


def test_scaling_by_a_negative_number_swaps_the_bounds() -> None:
    found = scaled(difference([Stratum(yes_no(100, 60), yes_no(100, 40))]), -100)
    assert found.value == pytest.approx(-20.0)
    lower, upper = bounds(found)
    assert lower < -20 < upper


def test_a_correlation_is_pearsons_with_fishers_interval() -> None:
    rng = np.random.default_rng(3)
    x = rng.normal(size=200)
    y = 0.5 * x + rng.normal(size=200)
    found = correlation(200, (x.sum(), y.sum()), ((x**2).sum(), (y**2).sum()), (x * y).sum())
    r = float(np.corrcoef(x, y)[0, 1])
    half = 1.959964 / np.sqrt(197)
    assert list(found[:3]) == pytest.approx([r, np.tanh(np.arctanh(r) - half), np.tanh(np.arctanh(r) + half)])


def test_what_never_varies_has_no_correlation() -> None:
    assert correlation(50, (50.0, 200.0), (50.0, 850.0), 200.0).value is None


@pytest.mark.parametrize("outcome", ["conversion", "satisfaction"])
def test_intervals_cover_what_data_really_does_in_the_simulator(outcome: str) -> None:
    """The simulator decides how conversations end; nine in ten 95 % intervals must hold the true effect."""
    truth = _true_effect(outcome)
    found = [_estimate(outcome, seed) for seed in range(60)]
    covered = sum(lower <= truth <= upper for lower, upper in found)
    assert covered >= 54
    assert sum(lower > 0 for lower, _ in found) >= 50  # and they are narrow enough to see it


def _world(rng: np.random.Generator, count: int) -> tuple[Conversations, IntegrationUse]:
    """Conversations of which the later stages use data more often, as in the simulator."""
    stage = rng.choice(len(STAGES), count, p=[0.19, 0.28, 0.24, 0.23, 0.06])
    used = rng.random(count) < np.array([0.68, 0.86, 0.93, 0.92, 0.80])[stage]
    zeros, no = np.zeros(count, dtype=np.int64), np.zeros(count, dtype=np.bool_)
    visitors = Visitors(
        place=zeros,
        turn=zeros,
        known=no,
        channel=rng.integers(0, 5, count),
        country=zeros,
        segment=zeros,
        drift=np.zeros(count),
        ready=no,
    )
    talks = Conversations(start=zeros, visitors=visitors, stage=stage, queries=zeros, cancels=no, ids=[], context=[])
    stale = np.where(used, rng.exponential(2.0, count), 0.0)
    gap = rng.random(count) < 0.1
    return talks, IntegrationUse(used, zeros, stale, zeros, zeros, zeros, gap, {})


def _ends(
    outcome: str, rng: np.random.Generator, talks: Conversations, evidence: IntegrationUse
) -> tuple[Floats, Bools]:
    ends, _ = draw(rng, talks, evidence, 100.0)
    if outcome == "satisfaction":
        return ends.satisfaction, ends.satisfaction_given
    return np.isin(ends.type, [CONVERTED, UPSOLD]).astype(float), np.ones(len(ends.type), dtype=bool)


def _true_effect(outcome: str) -> float:
    """The mean difference that using data makes to those who use it, other things equal: many worlds, twice each."""
    rng = np.random.default_rng(1)
    talks, evidence = _world(rng, 400_000)
    without = replace(
        evidence, used=np.zeros(len(evidence.used), dtype=np.bool_), stale_hours=0.0 * evidence.stale_hours
    )
    means = []
    for one in (evidence, without):
        values, given = _ends(outcome, np.random.default_rng(2), talks, one)
        kept = evidence.used & given
        means.append(values[kept].mean())
    return float(means[0] - means[1])


def _estimate(outcome: str, seed: int) -> tuple[float, float]:
    rng = np.random.default_rng(seed + 100)
    talks, evidence = _world(rng, 4_000)
    values, given = _ends(outcome, rng, talks, evidence)
    strata = []
    for stage in range(len(STAGES)):
        for channel in range(5):
            here = given & (talks.stage == stage) & (talks.visitors.channel == channel)
            arms = []
            for used in (True, False):
                seen = values[here & (evidence.used == used)]
                count, total, squares = len(seen), float(seen.sum()), float((seen**2).sum())
                arms.append(yes_no(count, round(total)) if outcome == "conversion" else Arm(count, total, squares))
            strata.append(Stratum(*arms))
    return bounds(difference(strata))
