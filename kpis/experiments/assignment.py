"""Sample ratio mismatch: whether conversations were assigned in the planned shares.

Where they were not, something depends on the arm (a crash, a timeout, a lost event), and no difference can be trusted.
The test is that of Lindon and Malek ("Anytime-valid inference for multinomial count data", NeurIPS 2022): the Bayes
factor of a Dirichlet prior around the planned shares against the planned shares. One over its highest value so far is
an always-valid p-value, so the check may be looked at every day.

Shares that are right over all may still differ by day or by tenant, and then the level of busy days or of strong
tenants looks like an effect. So each tenant's day (a *cell*) has a Bayes factor of its own. Their product adds up small
differences; the product of ``1 - RARE + RARE * factor`` finds few large ones among many cells that are right. Each is
the evidence of an always-valid test, and so is their mean.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from math import exp, lgamma, log
from typing import Final, NamedTuple

MISMATCH: Final = 0.01
"""A p-value below this is a mismatch."""
CONCENTRATION: Final = 500.0
"""How closely the prior's shares lie around the planned ones: about as those of so many conversations."""
CELL_CONCENTRATION: Final = 50.0
"""The same for one tenant's day."""
RARE: Final = 0.01
"""The share of cells that are expected to be off where few are."""
MAX_MIXED: Final = 0.05
"""Greatest share of conversations in two arms; with more, the arms are not what their names say."""
# Beyond it an exponential overflows; 1 - RARE does not matter there.
_LARGEST: Final = 700.0


class DayOfShares(NamedTuple):
    """The evidence of one day's cells that their shares are not as planned.

    ``every`` is the sum of the logarithms of the cells' Bayes factors, ``few`` that of ``1 - RARE + RARE * factor``.
    ``tenant`` and ``counts`` are of the cell with the most evidence.
    """

    day: date
    every: float
    few: float
    tenant: str
    counts: dict[str, int]


class AssignmentCheck(NamedTuple):
    """The counts of an experiment's arms against the plan.

    ``p`` is that of the shares over all, ``p_by_day`` that of the shares of each tenant's day; ``None`` where no plan
    says the shares.
    """

    counts: dict[str, int]
    shares: dict[str, float]
    p: float | None
    contaminated: int
    problem: str
    p_by_day: float | None = None

    @property
    def is_off(self) -> bool:
        """Whether differences must not be trusted."""
        return bool(self.problem)


def check(
    days: Sequence[Mapping[str, int]],
    shares: Mapping[str, float],
    contaminated: int,
    cells: Sequence[DayOfShares] = (),
) -> AssignmentCheck:
    """Return the check of the counts by day and arm.

    Parameters
    ----------
    shares
        The planned shares by arm, adding up to 1; empty where there is no plan.
    contaminated
        Conversations that were seen in two arms.
    cells
        The days of the plan's shares by tenant, in order.
    """
    arms = sorted({arm for day in days for arm in day} | set(shares))
    counts = {arm: sum(day.get(arm, 0) for day in days) for arm in arms}
    total = sum(counts.values())
    unplanned = [arm for arm in arms if shares and arm not in shares]
    p = by_day = None
    if shares and not unplanned:
        p, by_day = _p_value(days, shares), exp(-max([0.0, *_drift(cells)]))
    problem = ""
    if unplanned:
        problem = f"the plan has no arm '{unplanned[0]}'"
    elif p is not None and p < MISMATCH:
        found = ", ".join(f"{counts[arm] / total:.1%} {arm} ({shares[arm]:.1%} planned)" for arm in arms)
        problem = f"the shares of the arms are not as planned: {found}"
    elif total and contaminated / total > MAX_MIXED:
        problem = f"{contaminated / total:.1%} of the conversations were in two arms"
    elif by_day is not None and by_day < MISMATCH:
        problem = _differing(cells, shares)
    return AssignmentCheck(counts, dict(shares), p, contaminated, problem, by_day)


def _drift(cells: Sequence[DayOfShares]) -> list[float]:
    """Return the logarithm of the evidence at the end of each day that the shares of some cells are not as planned."""
    every = few = 0.0
    found = []
    for day in cells:
        every, few = every + day.every, few + day.few
        highest = max(every, few)
        found.append(highest + log((exp(every - highest) + exp(few - highest)) / 2))
    return found


def _differing(cells: Sequence[DayOfShares], shares: Mapping[str, float]) -> str:
    worst = max(cells, key=lambda day: day.few)
    total = sum(worst.counts.values())
    found = ", ".join(f"{worst.counts.get(arm, 0) / total:.1%} {arm} ({shares[arm]:.1%} planned)" for arm in shares)
    return (
        f"the shares of the arms differ by day or tenant, for example on {worst.day} of tenant {worst.tenant}: {found}"
    )


def cell_evidence(counts: Mapping[str, int], shares: Mapping[str, float]) -> tuple[float, float]:
    """Return what one tenant's day adds to ``DayOfShares.every`` and ``few``; counts are of planned arms."""
    factor = log_bayes_factor({arm: counts.get(arm, 0) for arm in shares}, shares, CELL_CONCENTRATION)
    return factor, log(1 - RARE + RARE * exp(min(factor, _LARGEST))) + max(factor - _LARGEST, 0.0)


def _p_value(days: Sequence[Mapping[str, int]], shares: Mapping[str, float]) -> float:
    so_far = dict.fromkeys(shares, 0)
    highest = 0.0
    for day in days:
        for arm, count in day.items():
            so_far[arm] += count
        highest = max(highest, log_bayes_factor(so_far, shares))
    return exp(-highest)


def log_bayes_factor(
    counts: Mapping[str, int], shares: Mapping[str, float], concentration: float = CONCENTRATION
) -> float:
    """Return the logarithm of the evidence against the shares, of counts by arm."""
    total = sum(counts.values())
    evidence = lgamma(concentration) - lgamma(concentration + total)
    for arm, share in shares.items():
        prior = concentration * share
        evidence += lgamma(prior + counts[arm]) - lgamma(prior) - counts[arm] * log(share)
    return evidence
