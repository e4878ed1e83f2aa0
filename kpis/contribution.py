"""Contribution analysis: the change of a figure, divided among the values of a dimension. Pure.

A mean or a share of the whole is that of its parts weighted by their volume, ``R = Σ w r``. Its change is divided by
the symmetric (midpoint) decomposition into a rate and a mix effect of each part:

    rate = (r1 - r0) * (w0 + w1) / 2
    mix  = (w1 - w0) * ((r0 + r1) / 2 - P),  P = (R0 + R1) / 2

The two halves are E. M. Kitagawa's ("Components of a Difference Between Two Rates", Journal of the American Statistical
Association 50, 1955); the reference ``P`` and the treatment of parts that come and go are Z. Griliches' and H. Regev's
("Firm productivity in Israeli industry 1979-1988", Journal of Econometrics 65, 1995). ``Σ (w1 - w0) = 0``, so ``P``
does not change the sum; with it, more volume of a part that is better than the whole counts as an improvement. The
effects add up to ``R1 - R0`` without a remainder. A part that is in one of the periods only has a mix effect and no
rate effect: there is no rate to compare its own with.

A sum is additive: the effect of a part is its own change.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from enum import StrEnum
from math import fsum
from typing import Final, NamedTuple

Key = str | None
"""A value of a dimension; ``None``: several small ones together."""


class Makeup(StrEnum):
    """How the figures of parts make up the figure of the whole."""

    MEAN = "mean"
    """The whole is the mean of its parts, weighted by their volume."""
    SUM = "sum"
    """The whole is the sum of its parts."""
    NEITHER = "neither"
    """The whole does not follow from its parts: a quantile, a peak, a count of distinct customers."""


class Part(NamedTuple):
    """One value of a dimension in one period.

    ``amount`` and ``weight`` add up over parts: numerator and denominator of a mean. Of a sum ``amount`` is the sum and
    ``weight`` is not used. ``n`` is the sample size.
    """

    amount: float
    weight: float
    n: float

    @property
    def rate(self) -> float | None:
        """The mean of the part; ``None`` where it has no volume."""
        return self.amount / self.weight if self.weight > 0 else None


Parts = Mapping[Key, Part]
_NOTHING: Final = Part(0.0, 0.0, 0.0)


class Contribution(NamedTuple):
    """What one value of a dimension adds to the change of a figure.

    Parameters
    ----------
    value
        ``None`` for several small values together; ``joined`` is how many there are.
    before, now
        The figure of the part; ``None``: it has none in that period.
    share_before, share_now
        Its share of the volume (of a sum: of the sum), 0 to 1.
    mix, rate
        The effects of its share and of its own figure, in the unit of the figure. A sum has neither: ``None``.
    effect
        Both together.
    """

    value: Key
    joined: int
    before: float | None
    now: float | None
    share_before: float
    share_now: float
    n_before: float
    n_now: float
    mix: float | None
    rate: float | None
    effect: float


def decompose(makeup: Makeup, before: Parts, now: Parts, *, minimum: float = 0, most: int = 10) -> list[Contribution]:
    """Return the contributions of all values, the largest first and the joined ones last.

    Parameters
    ----------
    minimum
        Values whose sample is smaller in both periods are joined.
    most
        Number of contributions; the smallest are joined beyond it. At least 2.

    Returns
    -------
    list of Contribution
        Their effects add up to the change of the whole. Empty where a mean has no volume in one of the periods.
    """
    keys = {*before, *now}
    small = {key for key in keys if max(before.get(key, _NOTHING).n, now.get(key, _NOTHING).n) < minimum}
    found = _effects(makeup, before, now, small if len(small) > 1 else set())
    if len(found) <= most:
        return found
    named = [one.value for one in found if one.value is not None]
    return _effects(makeup, before, now, keys - set(named[: most - 1]))


def _effects(makeup: Makeup, before: Parts, now: Parts, together: Collection[Key]) -> list[Contribution]:
    old, new = _joined(before, together), _joined(now, together)
    effects = _of_means(old, new) if makeup is Makeup.MEAN else _of_sums(old, new)
    found = [one._replace(joined=len(together)) if together and one.value is None else one for one in effects]
    return sorted(found, key=lambda one: (one.value is None, -abs(one.effect), one.value or ""))


def _joined(parts: Parts, together: Collection[Key]) -> dict[Key, Part]:
    if not together:
        return dict(parts)
    kept = {key: part for key, part in parts.items() if key not in together}
    return {**kept, None: added(part for key, part in parts.items() if key in together)}


def added(parts: Iterable[Part]) -> Part:
    """Return several parts as one."""
    every = list(parts)
    return Part(*(fsum(numbers) for numbers in zip(*every, strict=True))) if every else _NOTHING


def _of_means(before: Parts, now: Parts) -> list[Contribution]:
    whole0, whole1 = added(before.values()), added(now.values())
    if whole0.rate is None or whole1.rate is None:
        return []
    middle = (whole0.rate + whole1.rate) / 2
    found = []
    for key in {**before, **now}:
        old, new = before.get(key, _NOTHING), now.get(key, _NOTHING)
        w0, w1 = old.weight / whole0.weight, new.weight / whole1.weight
        r0, r1 = (new if old.rate is None else old).rate or 0.0, (old if new.rate is None else new).rate or 0.0
        mix, rate = (w1 - w0) * ((r0 + r1) / 2 - middle), (r1 - r0) * (w0 + w1) / 2
        found.append(Contribution(key, 1, old.rate, new.rate, w0, w1, old.n, new.n, mix, rate, mix + rate))
    return found


def _of_sums(before: Parts, now: Parts) -> list[Contribution]:
    whole0, whole1 = added(before.values()).amount, added(now.values()).amount
    found = []
    for key in {**before, **now}:
        old, new = before.get(key, _NOTHING), now.get(key, _NOTHING)
        w0, w1 = (old.amount / whole0 if whole0 else 0.0), (new.amount / whole1 if whole1 else 0.0)
        effect = new.amount - old.amount
        found.append(Contribution(key, 1, old.amount, new.amount, w0, w1, old.n, new.n, None, None, effect))
    return found


def split_evenly(parts: Mapping[tuple[str, ...], Part]) -> dict[Key, Part]:
    """Return the parts of single values from those of sets of values, so that they still add up to the whole.

    A part with several values counts in equal shares for each of them, and one without any for the empty text. ``n`` is
    not divided: it is the sample that a value occurs in.
    """
    shares: dict[Key, list[Part]] = {}
    for values, part in parts.items():
        for value in values or ("",):
            many = max(1, len(values))
            shares.setdefault(value, []).append(Part(part.amount / many, part.weight / many, part.n))
    return {value: added(some) for value, some in shares.items()}


def standout(found: Iterable[Contribution], change: float) -> tuple[Contribution | None, float]:
    """Return the value whose contribution is furthest beyond its volume, and how far: 0 (not at all) to 1 and more.

    If every value changed alike, each would contribute in proportion to its share. What one adds in the direction of
    the change beyond that sets it apart. It is divided by the most it could be where nothing else changed, so that 1 is
    "all of the change", whether the value is large or small. A dimension with a single value sets nothing apart.
    """
    best: tuple[Contribution | None, float] = (None, 0.0)
    for one in found:
        share = (one.share_before + one.share_now) / 2
        if change and one.value is not None and share < 1:
            beyond = (one.effect / change - share) / (1 - share)
            if beyond > best[1]:
                best = (one, beyond)
    return best
