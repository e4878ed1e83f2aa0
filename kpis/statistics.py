"""95 % intervals from counts and sums that ClickHouse aggregates.

Everything works on an ``Arm``: count, sum and sum of squares; for a yes/no outcome both sums are the number of yes.
There is no resampling: intervals are deterministic.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Final, NamedTuple

from models.counting import counted

Z_95: Final = 1.959963984540054
# A sum of squares around the mean below this part of the sum of squares is rounding: the values are equal.
ROUNDING: Final = 1e-12
# Minimum size of each group: below it a difference is not shown, because its interval would be unreliable.
ENOUGH: Final = 30
# Below this size a stratum's own variance is unreliable.
OWN_SPREAD: Final = 10


class Arm(NamedTuple):
    """One group: ``n`` observations, their sum, the sum of their squares; ``yes_no`` where each is 0 or 1."""

    n: int
    total: float
    squares: float
    yes_no: bool = False

    @property
    def mean(self) -> float:
        """The mean; 0 of nothing."""
        return self.total / self.n if self.n else 0.0

    @property
    def variance(self) -> float:
        """The sample variance; 0 where fewer than two."""
        if self.n < 2:
            return 0.0
        return max(0.0, self.squares - self.total * self.total / self.n) / (self.n - 1)


def yes_no(count: int, successes: int) -> Arm:
    """Return the arm of a yes/no outcome."""
    return Arm(count, float(successes), float(successes), yes_no=True)


class Stratum(NamedTuple):
    """Two groups within one stratum, for example one stage in one channel."""

    treated: Arm
    control: Arm


class Estimate(NamedTuple):
    """A value between two bounds (95 %); all ``None`` where there is too little data, and ``note`` says so.

    ``treated`` and ``control`` are sample sizes; ``left_out`` is the number of treated without a comparable control.
    """

    value: float | None
    lower: float | None
    upper: float | None
    treated: int
    control: int
    left_out: int = 0
    note: str = ""


class ConfidenceInterval(NamedTuple):
    """Bounds (95 %); ``None`` where nothing was observed."""

    lower: float | None
    upper: float | None


def wilson(successes: int, count: int) -> ConfidenceInterval:
    """Return the Wilson score interval of a share: sensible at 0, at 1 and with few observations."""
    if count == 0:
        return ConfidenceInterval(None, None)
    share, spread = successes / count, Z_95 * Z_95 / count
    middle = (share + spread / 2) / (1 + spread)
    half = Z_95 * math.sqrt(share * (1 - share) / count + spread / (4 * count)) / (1 + spread)
    return ConfidenceInterval(max(0.0, middle - half), min(1.0, middle + half))


def mean_interval(arm: Arm) -> ConfidenceInterval:
    """Return the interval of a mean by its standard error."""
    if arm.n < 2:
        return ConfidenceInterval(None, None)
    half = Z_95 * math.sqrt(arm.variance / arm.n)
    return ConfidenceInterval(arm.mean - half, arm.mean + half)


def difference(strata: Iterable[Stratum], *, enough: int = ENOUGH) -> Estimate:
    """Return the mean of treated less that of control, standardised to the strata of the treated.

    The difference of each stratum is weighted by its treated observations (direct standardisation): the effect on the
    treated. A stratum with fewer than two of either is left out and counted in ``left_out``.

    Parameters
    ----------
    strata
        Strata with both groups; with one stratum it is the plain difference.
    enough
        Minimum number of observations of each group, over all used strata.
    """
    every = list(strata)
    kept = [one for one in every if one.treated.n >= 2 and one.control.n >= 2]
    treated, control = (sum(getattr(one, side).n for one in kept) for side in ("treated", "control"))
    left_out = sum(one.treated.n for one in every) - treated
    if min(treated, control) < enough:
        note = (
            f"too little data: {treated} with and {control} without that can be compared; {enough} of each are needed"
        )
        return Estimate(None, None, None, treated, control, left_out, note)
    value = sum(one.treated.n * (one.treated.mean - one.control.mean) for one in kept) / treated
    pooled = _pooled(one.treated for one in kept), _pooled(one.control for one in kept)
    variance = sum(
        (one.treated.n / treated) ** 2
        * (_variance_of_mean(one.treated, pooled[0]) + _variance_of_mean(one.control, pooled[1]))
        for one in kept
    )
    half = Z_95 * math.sqrt(variance)
    return Estimate(value, value - half, value + half, treated, control, left_out)


def scaled(estimate: Estimate, by: float) -> Estimate:
    """Return an estimate in another unit, for example per conversation to all of them."""
    if estimate.value is None or estimate.lower is None or estimate.upper is None:
        return estimate
    ends = sorted((estimate.lower * by, estimate.upper * by))
    return estimate._replace(value=estimate.value * by, lower=ends[0], upper=ends[1])


def correlation(count: int, sums: tuple[float, float], squares: tuple[float, float], product: float) -> Estimate:
    """Return Pearson's correlation of two figures, with Fisher's interval.

    Parameters
    ----------
    sums, squares, product
        The sums of x and y, of their squares, and of x times y.
    """
    if count < ENOUGH:
        return Estimate(
            None, None, None, count, 0, note=f"too little data: {counted(count, 'pair')}; {ENOUGH} are needed"
        )
    spread_x, spread_y = (count * square - total * total for square, total in zip(squares, sums, strict=True))
    if spread_x <= 0 or spread_y <= 0:
        return Estimate(None, None, None, count, 0, note="one of the two never varies: nothing to correlate")
    r = (count * product - sums[0] * sums[1]) / math.sqrt(spread_x * spread_y)
    r = max(-1.0, min(1.0, r))
    if abs(r) == 1.0:
        return Estimate(r, r, r, count, 0)
    middle, half = math.atanh(r), Z_95 / math.sqrt(count - 3)
    return Estimate(r, math.tanh(middle - half), math.tanh(middle + half), count, 0)


def _pooled(arms: Iterable[Arm]) -> float:
    every = list(arms)
    free = sum(one.n - 1 for one in every)
    return sum((one.n - 1) * one.variance for one in every) / free if free else 0.0


def _variance_of_mean(arm: Arm, pooled: float) -> float:
    """Return a regularised arm.

    A yes/no arm gets one more yes and one more no; another arm with few observations uses the pooled variance.
    """
    if arm.yes_no:
        share = (arm.total + 1) / (arm.n + 2)
        return share * (1 - share) / (arm.n + 2)
    return (arm.variance if arm.n >= OWN_SPREAD else pooled) / arm.n
