"""Sample ratio mismatch: whether conversations were assigned in the planned shares.

Where they were not, something depends on the arm (a crash, a timeout, a lost event), and no difference can be trusted.
The test is that of Lindon and Malek ("Anytime-valid inference for multinomial count data", NeurIPS 2022): the Bayes
factor of a Dirichlet prior around the planned shares against the planned shares. One over its highest value so far is
an always-valid p-value, so the check may be looked at every day.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import exp, lgamma, log
from typing import Final, NamedTuple

MISMATCH: Final = 0.01
"""A p-value below this is a mismatch."""
CONCENTRATION: Final = 500.0
"""How closely the prior's shares lie around the planned ones: about as those of so many conversations."""
MAX_MIXED: Final = 0.05
"""Greatest share of conversations in two arms; with more, the arms are not what their names say."""


class AssignmentCheck(NamedTuple):
    """The counts of an experiment's arms against the plan. ``p`` is ``None`` where no plan says the shares."""

    counts: dict[str, int]
    shares: dict[str, float]
    p: float | None
    contaminated: int
    problem: str

    @property
    def is_off(self) -> bool:
        """Whether differences must not be trusted."""
        return bool(self.problem)


def check(days: Sequence[Mapping[str, int]], shares: Mapping[str, float], contaminated: int) -> AssignmentCheck:
    """Return the check of the counts by day and arm.

    Parameters
    ----------
    shares
        The planned shares by arm, adding up to 1; empty where there is no plan.
    contaminated
        Conversations that were seen in two arms.
    """
    arms = sorted({arm for day in days for arm in day} | set(shares))
    counts = {arm: sum(day.get(arm, 0) for day in days) for arm in arms}
    total = sum(counts.values())
    unplanned = [arm for arm in arms if shares and arm not in shares]
    p = None
    if shares and not unplanned:
        p = _p_value(days, shares)
    problem = ""
    if unplanned:
        problem = f"the plan has no arm '{unplanned[0]}'"
    elif p is not None and p < MISMATCH:
        found = ", ".join(f"{counts[arm] / total:.1%} {arm} ({shares[arm]:.1%} planned)" for arm in arms)
        problem = f"the shares of the arms are not as planned: {found}"
    elif total and contaminated / total > MAX_MIXED:
        problem = f"{contaminated / total:.1%} of the conversations were in two arms"
    return AssignmentCheck(counts, dict(shares), p, contaminated, problem)


def _p_value(days: Sequence[Mapping[str, int]], shares: Mapping[str, float]) -> float:
    so_far = dict.fromkeys(shares, 0)
    highest = 0.0
    for day in days:
        for arm, count in day.items():
            so_far[arm] += count
        highest = max(highest, log_bayes_factor(so_far, shares))
    return exp(-highest)


def log_bayes_factor(counts: Mapping[str, int], shares: Mapping[str, float]) -> float:
    """Return the logarithm of the evidence against the shares, of counts by arm."""
    total = sum(counts.values())
    evidence = lgamma(CONCENTRATION) - lgamma(CONCENTRATION + total)
    for arm, share in shares.items():
        prior = CONCENTRATION * share
        evidence += lgamma(prior + counts[arm]) - lgamma(prior) - counts[arm] * log(share)
    return evidence
