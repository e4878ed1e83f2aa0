"""Confidence sequences: narrowest where planned, and p-values that agree with them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.experiments import SCENARIOS, rates
from kpis.experiments.confidence import ALPHA, best_information
from kpis.experiments.sequences import holm, multiplier, p_value
from kpis.statistics import Z_95


def test_the_interval_is_narrowest_at_the_planned_sample() -> None:
    n = np.array([1_000.0, 2_500.0, 5_000.0, 7_500.0, 10_000.0, 12_500.0, 20_000.0, 100_000.0])
    widths = multiplier(n, 10_000)
    assert n[np.argmin(widths)] == 10_000
    assert widths.min() == pytest.approx(3.04, abs=0.01)
    assert best_information() == pytest.approx(np.log1p(best_information()) + 2 * np.log(1 / ALPHA))


def test_it_is_wider_than_an_interval_that_is_looked_at_once() -> None:
    assert (multiplier(np.arange(1.0, 10**6, 1_000.0), 10_000) > Z_95).all()


@settings(max_examples=200, deadline=None)
@given(
    estimate=st.floats(-10, 10), error=st.floats(0.01, 10), n=st.integers(10, 10**6), planned=st.integers(100, 10**6)
)
def test_a_p_value_is_below_alpha_exactly_where_the_interval_excludes_zero(
    estimate: float, error: float, n: int, planned: int
) -> None:
    excess = abs(estimate) / (error * float(multiplier(n, planned))) - 1
    p = float(p_value(estimate, error, n, planned))
    assert 0 <= p <= 1
    if abs(excess) > 1e-9:
        assert (p < ALPHA) == (excess > 0)


def test_holms_p_values_are_those_of_the_textbook() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([]) == []
    assert holm([0.9, 0.8]) == [1.0, 1.0]


@pytest.mark.parametrize("scenario", SCENARIOS[:3], ids=lambda one: one.name)
def test_the_truth_is_covered_on_every_day_of_most_experiments(scenario: object) -> None:
    one = next(known for known in SCENARIOS if known == scenario)
    found = rates(one, one.effect, 7, 150)
    assert found.covered_always >= 0.95
    assert found.fixed_always < 0.85  # what peeking does to an interval for one look
    assert rates(one, 0.0, 8, 150).rejected_ever <= 0.05


def test_the_documented_tables_hold_what_they_promise() -> None:
    page = (Path(__file__).parents[4] / "docs" / "experiments.md").read_text(encoding="utf-8")
    rows = {
        tuple(cells)
        for line in page.splitlines()
        if (cells := [cell.strip() for cell in line.strip("|").split("|")])[0] in {one.name for one in SCENARIOS}
    }
    covered = [[float(cell.rstrip("%")) for cell in row[2:6]] for row in rows if len(row) == 7]
    rejected = [[float(cell.rstrip("%")) for cell in row[1:]] for row in rows if len(row) == 5]
    assert len(covered) == len(rejected) == len(SCENARIOS)
    for at_end, always, fixed, _ in covered:
        assert min(at_end, always) >= 95
        assert fixed == pytest.approx(95, abs=1)
    for at_end, ever, fixed, watched in rejected:
        assert max(at_end, ever) <= 5
        assert fixed == pytest.approx(5, abs=1)
        assert watched > 20
