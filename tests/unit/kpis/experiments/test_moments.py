"""Differences of arms from sums, with and without what was known before."""

from __future__ import annotations

import numpy as np
import pytest

from kpis.experiments.moments import MIN_ARM, ArmMoments, added, effect, theta, variance
from kpis.experiments.sequences import multiplier

_RNG = np.random.default_rng(5)


def _arm(y: object, x: object = None) -> ArmMoments:
    outcomes = np.asarray(y, np.float64)
    before = np.zeros(len(outcomes)) if x is None else np.asarray(x, np.float64)
    products = (outcomes, outcomes**2, before, before**2, outcomes * before)
    return ArmMoments(len(outcomes), *(float(one.sum()) for one in products))


def _correlated(count: int, lift: float) -> ArmMoments:
    before = _RNG.normal(2.0, 1.0, count)
    return _arm(lift + 0.8 * before + _RNG.normal(0.0, 0.6, count), before)


def test_the_plain_difference_is_that_of_the_means() -> None:
    treated, control = _RNG.normal(3.0, 1.0, 400), _RNG.normal(2.5, 2.0, 100)
    found = effect(_arm(treated), _arm(control), 0.0, 1_000, yes_no=False)
    error = np.sqrt(treated.var(ddof=1) / 400 + control.var(ddof=1) / 100)
    half = float(multiplier(500, 1_000)) * error
    assert found.value == found.adjusted == pytest.approx(treated.mean() - control.mean())
    assert (found.low, found.high) == pytest.approx((found.value - half, found.value + half))
    assert found.reduction == 0


def test_sums_of_parts_are_those_of_the_whole() -> None:
    y, x = _RNG.normal(size=100), _RNG.normal(size=100)
    whole, parts = _arm(y, x), [_arm(y[:30], x[:30]), _arm(y[30:], x[30:])]
    assert vars(added(parts)) == pytest.approx(vars(whole))
    assert added([]) == ArmMoments()


def test_the_coefficient_is_that_of_a_regression_within_the_arms() -> None:
    x1, x0 = (
        _RNG.normal(5.0, 1.0, 50),
        _RNG.normal(1.0, 1.0, 40),
    )  # arms that differ before must not look like an effect
    y1, y0 = 10 + 0.7 * x1, 0.7 * x0
    assert theta([_arm(y1, x1), _arm(y0, x0)]) == pytest.approx(0.7)
    assert theta([_arm(y1), _arm(y0)]) == 0
    assert theta([ArmMoments(), ArmMoments()]) == 0


def test_what_was_known_before_removes_its_share_of_the_variance() -> None:
    treated, control = _correlated(4_000, 0.1), _correlated(1_000, 0.0)
    plain = effect(treated, control, 0.0, 5_000, yes_no=False)
    reduced = effect(treated, control, theta([treated, control]), 5_000, yes_no=False)
    assert plain.low is not None
    assert plain.high is not None
    assert reduced.low is not None
    assert reduced.high is not None
    assert reduced.reduction is not None
    assert reduced.reduction == pytest.approx(0.64, abs=0.03)  # the squared correlation
    assert reduced.high - reduced.low == pytest.approx(np.sqrt(1 - reduced.reduction) * (plain.high - plain.low))
    assert reduced.low <= 0.1 <= reduced.high
    assert reduced.value == plain.value


def test_an_arm_in_which_nobody_did_is_not_taken_for_certainty() -> None:
    nobody, few = _arm(np.zeros(100)), _arm([1.0] * 5 + [0.0] * 95)
    assert variance(nobody, 0.0, yes_no=True) == pytest.approx((1 / 102) * (101 / 102))
    found = effect(few, nobody, 0.0, 200, yes_no=True)
    assert found.low is not None
    assert found.value == 0.05
    assert found.low < 0


def test_too_little_data_has_no_interval() -> None:
    found = effect(_arm(np.ones(500)), _arm(np.ones(MIN_ARM - 1)), 0.0, 1_000, yes_no=True)
    assert (found.low, found.high, found.p, found.control) == (None, None, 1.0, MIN_ARM - 1)


def test_outcomes_that_never_vary_have_no_interval() -> None:
    found = effect(_arm(np.full(100, 5.0)), _arm(np.full(100, 5.0)), 0.0, 200, yes_no=False)
    assert (found.value, found.low, found.p) == (0, None, 1.0)


@pytest.mark.parametrize("price", [19.99, 0.1, 1e9 / 3])
def test_equal_amounts_do_not_vary_by_rounding(price: float) -> None:
    treated, control = (ArmMoments(n, sum([price] * n), sum([price * price] * n)) for n in (1_000, 777))
    assert variance(treated, 0.0, yes_no=False) == 0
    assert effect(treated, control, 0.0, 2_000, yes_no=False).low is None
    assert theta([ArmMoments(n, 1, 1, sum([price] * n), sum([price * price] * n), price) for n in (1_000, 777)]) == 0
