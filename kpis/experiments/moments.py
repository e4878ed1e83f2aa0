"""Sums of one arm, and the difference of two arms, with and without variance reduction.

CUPED (Deng, Xu, Kohavi and Walker, "Improving the sensitivity of online controlled experiments by utilizing
pre-experiment data", WSDM 2013) subtracts what was known before: ``y - θ (x - mean of x)``, where ``x`` is a value of
the customer from before the experiment. Assignment is random, so the difference keeps its expectation and loses
variance.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import sqrt
from typing import Final, NamedTuple

from kpis.experiments.sequences import multiplier, p_value
from kpis.statistics import ENOUGH, ROUNDING

MIN_ARM: Final = ENOUGH
"""Least conversations of each arm: below, the central limit theorem cannot be relied on."""


@dataclass(frozen=True)
class ArmMoments:
    """Count and sums of the outcomes ``y`` and the values from before ``x``."""

    n: float = 0.0
    y: float = 0.0
    yy: float = 0.0
    x: float = 0.0
    xx: float = 0.0
    xy: float = 0.0

    @property
    def mean(self) -> float:
        """Mean outcome; 0 of nothing."""
        return self.y / self.n if self.n else 0.0

    @property
    def mean_before(self) -> float:
        """Mean value from before; 0 of nothing."""
        return self.x / self.n if self.n else 0.0


class EffectEstimate(NamedTuple):
    """A difference to the control with its confidence sequence at this look.

    ``value`` is without variance reduction, ``adjusted`` with it; ``low`` and ``high`` belong to ``adjusted``.
    ``reduction`` is the share of variance that it removed. Everything is ``None`` where there is too little data.
    """

    value: float | None
    adjusted: float | None
    low: float | None
    high: float | None
    p: float
    reduction: float | None
    treated: float
    control: float


def added(moments: Iterable[ArmMoments]) -> ArmMoments:
    """Return the sum of moments."""
    rows = [(one.n, one.y, one.yy, one.x, one.xx, one.xy) for one in moments]
    return ArmMoments(*map(sum, zip(*rows, strict=True))) if rows else ArmMoments()


def theta(arms: Sequence[ArmMoments]) -> float:
    """Return the coefficient of the value from before: estimated once, within the arms, for all of them."""
    together = sum(one.xy - one.x * one.y / one.n for one in arms if one.n)
    spread = sum(_squares(one.n, one.x, one.xx) for one in arms if one.n)
    return together / spread if spread > 0 else 0.0


def _squares(n: float, total: float, squares: float) -> float:
    """Return the sum of squares around the mean; 0 where only rounding is left, so that equal values do not vary."""
    spread = squares - total * total / n
    return spread if spread > ROUNDING * squares else 0.0


def variance(arm: ArmMoments, coefficient: float, *, yes_no: bool) -> float:
    """Return the variance of ``y - coefficient * x``; a yes/no outcome gets one more yes and one more no.

    So an arm in which nobody (or everybody) did is not taken for certainty.
    """
    if arm.n < 2:
        return 0.0
    spread = _squares(arm.n, arm.y, arm.yy) / (arm.n - 1)
    if yes_no:
        share = (arm.y + 1) / (arm.n + 2)
        spread = share * (1 - share)
    with_before = (arm.xy - arm.x * arm.y / arm.n) / (arm.n - 1)
    before = _squares(arm.n, arm.x, arm.xx) / (arm.n - 1)
    return max(0.0, spread - 2 * coefficient * with_before + coefficient * coefficient * before)


def effect(
    treated: ArmMoments, control: ArmMoments, coefficient: float, planned: float, *, yes_no: bool
) -> EffectEstimate:
    """Return the difference of two arms.

    Parameters
    ----------
    coefficient
        ``theta``, of all arms and all conversations of the metric; 0 for the plain difference.
    planned
        Conversations of both arms together that the experiment was planned for.
    """
    if min(treated.n, control.n) < MIN_ARM:
        return EffectEstimate(None, None, None, None, 1.0, None, treated.n, control.n)
    value = treated.mean - control.mean
    adjusted = value - coefficient * (treated.mean_before - control.mean_before)
    plain, squared = (
        sum(variance(arm, one, yes_no=yes_no) / arm.n for arm in (treated, control)) for one in (0.0, coefficient)
    )
    error, n = sqrt(squared), treated.n + control.n
    if plain == 0 or error == 0:  # what did not vary has nothing to remove, even where the value from before varies
        return EffectEstimate(value, adjusted, None, None, 1.0, None, treated.n, control.n)
    half = float(multiplier(n, planned)) * error
    return EffectEstimate(
        value,
        adjusted,
        adjusted - half,
        adjusted + half,
        float(p_value(adjusted, error, n, planned)),
        1 - squared / plain,
        treated.n,
        control.n,
    )
