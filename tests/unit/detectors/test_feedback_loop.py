"""A simulated quarter: thresholds that follow verdicts keep the budget of false alarms, and still find what is real."""

from __future__ import annotations

from benchmarks.feedback.__main__ import GOALS, rate, weeks
from benchmarks.feedback.quarter import GROUPS, Quarter, quarter

_SEEDS = range(3)


def runs(*, learns: bool) -> dict[str, list[Quarter]]:
    found = [quarter(GROUPS, GOALS, seed=seed, learns=learns) for seed in _SEEDS]
    return {group.name: [one[group.name] for one in found] for group in GROUPS}


def per_week(quarters: list[Quarter], which: slice) -> float:
    return float(rate(weeks(quarters, which)).split()[0])


def test_the_budget_is_kept_at_the_end_of_a_quarter_and_recall_stays_above_the_floor() -> None:
    fixed, tuned = runs(learns=False), runs(learns=True)
    last = slice(-4, None)
    for group in GROUPS:
        mine = tuned[group.name]
        recall = sum(one.found for one in mine) / sum(one.incidents for one in mine)
        assert recall >= GOALS.recall_floor - 0.02, group.name
        assert all(one.changes == 0 for one in fixed[group.name])
        if "noisy" in group.name:
            assert per_week(fixed[group.name], last) > 2.5 * GOALS.budget
            assert per_week(mine, last) < 0.75 * per_week(fixed[group.name], last)
        if group.weak < 0.2:
            assert per_week(mine, last) <= 1.25 * GOALS.budget, group.name


def test_a_quarter_of_a_seed_is_always_the_same() -> None:
    assert quarter(GROUPS[:1], GOALS, seed=5) == quarter(GROUPS[:1], GOALS, seed=5)
