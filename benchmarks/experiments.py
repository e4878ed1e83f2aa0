"""Monte Carlo simulation of experiments: coverage of the intervals, false positives of A/A tests, power of plans.

Each scenario draws conversations of two arms for 30 days, many times, aggregates them by day as the database does, and
runs the code of ``kpis.experiments`` on every day. ``make bench-experiments``; ``ARGS=--write`` updates the docs.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from kpis.experiments.assignment import MISMATCH, check
from kpis.experiments.confidence import ALPHA
from kpis.experiments.design import required_sample
from kpis.experiments.metrics import WINSORISED_AT
from kpis.experiments.moments import ArmMoments, EffectEstimate, effect, theta
from kpis.experiments.sequences import holm, multiplier
from kpis.statistics import Z_95

EXPERIMENTS: Final = 4_000
DAYS: Final = 30
PER_DAY: Final = 300
SHARES: Final = (0.8, 0.2)
_SIZES: Final = tuple(round(PER_DAY * share) for share in SHARES)
_STAGES: Final = 5
_PAGE: Final = Path(__file__).parents[1] / "docs" / "experiments.md"
_BEGIN: Final = "<!-- make bench-experiments ARGS=--write: begin -->\n"
_END: Final = "<!-- make bench-experiments ARGS=--write: end -->\n"

Floats = npt.NDArray[np.float64]
Draw = Callable[[np.random.Generator, int, float], tuple[Floats, Floats]]


class Scenario(NamedTuple):
    """A distribution of outcomes and covariates; ``effect`` is the difference of the mean in the treated arm.

    ``capped`` outcomes are winsorised at each look, at the quantile of both arms so far.
    """

    name: str
    draw: Draw
    effect: float
    yes_no: bool = False
    capped: bool = False


class Rates(NamedTuple):
    """Shares of the experiments of a scenario: covered and rejected, at the end and on all or any days."""

    covered_end: float
    covered_always: float
    fixed_end: float
    fixed_always: float
    rejected_end: float
    rejected_ever: float
    reduction: float


def _shares(rng: np.random.Generator, count: int, effect_: float) -> tuple[Floats, Floats]:
    return (rng.random(count) < 0.6 + effect_).astype(np.float64), np.zeros(count)


def _rare(rng: np.random.Generator, count: int, effect_: float) -> tuple[Floats, Floats]:
    return (rng.random(count) < 0.05 + effect_).astype(np.float64), np.zeros(count)


def _stars(rng: np.random.Generator, count: int, effect_: float) -> tuple[Floats, Floats]:
    before = rng.normal(0.0, 1.0, count)
    return 3.8 + effect_ + 0.7 * before + rng.normal(0.0, 0.7, count), before


def _value(rng: np.random.Generator, count: int, effect_: float) -> tuple[Floats, Floats]:
    sold = rng.random(count) < 0.1
    value = np.where(sold, 40.0 * (1 + effect_) * rng.lognormal(0.0, 1.2, count), 0.0)
    return value, np.zeros(count)


SCENARIOS: Final = (
    Scenario("share, 60 %", _shares, 0.05, yes_no=True),
    Scenario("rare share, 5 %", _rare, 0.02, yes_no=True),
    Scenario("rating, with CUPED", _stars, 0.1),
    Scenario("heavy-tailed value, winsorised", _value, 0.3, capped=True),
)


def looks(
    rng: np.random.Generator, scenario: Scenario, effect_: float, planned: float = DAYS * PER_DAY
) -> list[EffectEstimate]:
    """Return the estimates of one experiment at the end of each day."""
    drawn = [scenario.draw(rng, DAYS * size, one) for size, one in zip(_SIZES, (effect_, 0.0), strict=True)]
    days = _capped(drawn) if scenario.capped else [_cumulative(*one) for one in drawn]
    found = []
    for treated, control in zip(*days, strict=True):
        found.append(effect(treated, control, theta([treated, control]), planned, yes_no=scenario.yes_no))
    return found


def _cumulative(y: Floats, x: Floats) -> list[ArmMoments]:
    size = len(y) // DAYS
    sums = [one.reshape(DAYS, size).sum(axis=1).cumsum() for one in (y, y * y, x, x * x, x * y)]
    counts = (np.arange(DAYS) + 1.0) * size
    return [ArmMoments(*row) for row in np.column_stack([counts, *sums]).tolist()]


def _capped(drawn: Sequence[tuple[Floats, Floats]]) -> list[list[ArmMoments]]:
    """Return the cumulative moments of both arms by day, of outcomes winsorised at the quantile of that day."""
    found: list[list[ArmMoments]] = [[], []]
    for day in range(1, DAYS + 1):
        so_far = [y[: day * size] for (y, _), size in zip(drawn, _SIZES, strict=True)]
        cap = np.quantile(np.concatenate(so_far), WINSORISED_AT)
        for arm, y in zip(found, (np.minimum(one, cap) for one in so_far), strict=True):
            arm.append(ArmMoments(len(y), float(y.sum()), float((y * y).sum())))
    return found


def rates(scenario: Scenario, effect_: float, seed: int, experiments: int = EXPERIMENTS) -> Rates:
    """Return the shares of experiments whose intervals cover the true effect, and that reject."""
    rng = np.random.default_rng(seed)
    truth = _truth(scenario, effect_)
    covered, fixed, rejected, reductions = [], [], [], []
    for _ in range(experiments):
        days = looks(rng, scenario, effect_)
        values, lows, highs = (
            np.array([getattr(one, name) for one in days], np.float64) for name in ("adjusted", "low", "high")
        )
        sizes = np.array([one.treated + one.control for one in days])
        error = (highs - lows) / 2 / multiplier(sizes, DAYS * PER_DAY)
        covered.append((lows <= truth) & (truth <= highs))
        fixed.append(np.abs(values - truth) <= Z_95 * error)
        rejected.append(np.array([one.p for one in days]) < ALPHA)
        reductions.append(days[-1].reduction or 0.0)
    always, at_once, no = np.array(covered), np.array(fixed), np.array(rejected)
    return Rates(
        float(always[:, -1].mean()),
        float(always.all(axis=1).mean()),
        float(at_once[:, -1].mean()),
        float(at_once.all(axis=1).mean()),
        float(no[:, -1].mean()),
        float(no.any(axis=1).mean()),
        float(np.mean(reductions)),
    )


@cache
def _truth(scenario: Scenario, effect_: float) -> float:
    if not scenario.capped:
        return effect_
    # The winsorised mean has no closed form; with this many draws its error is small compared with the intervals.
    rng = np.random.default_rng(2)
    arms = [
        scenario.draw(rng, round(5 * 10**6 * share), one)[0] for share, one in zip(SHARES, (effect_, 0.0), strict=True)
    ]
    cap = np.quantile(np.concatenate(arms), WINSORISED_AT)
    return float(np.minimum(arms[0], cap).mean() - np.minimum(arms[1], cap).mean())


def planned_power(effect_: float, seed: int, experiments: int = EXPERIMENTS) -> tuple[int, float, float]:
    """Return a planned sample size, and the power at its end, and at any day up to its end."""
    share = 0.6 + effect_ / 2
    sample = required_sample(effect_, share * (1 - share), SHARES)
    rng = np.random.default_rng(seed)
    at_end = ever = 0
    sizes = [round(sample * one / DAYS) for one in SHARES]
    for _ in range(experiments):
        arms = []
        for size, probability in zip(sizes, (0.6 + effect_, 0.6), strict=True):
            counts = rng.binomial(size, probability, DAYS).cumsum()
            arms.append([ArmMoments((day + 1) * size, int(one), int(one)) for day, one in enumerate(counts)])
        found = [effect(one, other, 0.0, sample, yes_no=True).p < ALPHA for one, other in zip(*arms, strict=True)]
        at_end += found[-1]
        ever += any(found)
    return sample, at_end / experiments, ever / experiments


def mismatch_rate(actual: float, seed: int, experiments: int = EXPERIMENTS) -> float:
    """Return the share of experiments whose assignment check fails; ``actual`` is the true share of the control."""
    rng = np.random.default_rng(seed)
    failed = 0
    for _ in range(experiments):
        control = rng.binomial(PER_DAY, actual, DAYS).tolist()
        days = [{"with": PER_DAY - one, "without": one} for one in control]
        failed += check(days, {"with": SHARES[0], "without": SHARES[1]}, 0).is_off
    return failed / experiments


def family_rate(seed: int, experiments: int = EXPERIMENTS) -> float:
    """Return the familywise error rate: the share of A/A tests that reject for any of five stages on any day."""
    rng = np.random.default_rng(seed)
    claimed = 0
    for _ in range(experiments):
        stages = [looks(rng, SCENARIOS[0], 0.0, DAYS * PER_DAY / 4) for _ in range(_STAGES)]
        claimed += any(min(holm([one.p for one in day])) < ALPHA for day in zip(*stages, strict=True))
    return claimed / experiments


def coverage_table(experiments: int) -> str:
    """Return the coverage of the intervals in experiments with an effect, as Markdown."""
    lines = [
        "| metric | effect | sequence, at the end | every day | fixed, at the end | every day | variance removed |",
        "|---|---|---|---|---|---|---|",
    ]
    for number, one in enumerate(SCENARIOS):
        found = rates(one, one.effect, 100 + number, experiments)
        shares = (found.covered_end, found.covered_always, found.fixed_end, found.fixed_always)
        cells = [
            one.name,
            f"{_truth(one, one.effect):.3g}",
            *(f"{share:.1%}" for share in shares),
            f"{found.reduction:.0%}",
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def rejection_table(experiments: int) -> str:
    """Return the false positive rates of A/A tests, as Markdown."""
    lines = [
        "| A/A test of | sequence, at the end | sequence, any day | fixed, at the end | fixed, any day |",
        "|---|---|---|---|---|",
    ]
    for number, one in enumerate(SCENARIOS):
        found = rates(one, 0.0, 200 + number, experiments)
        shares = (found.rejected_end, found.rejected_ever, 1 - found.fixed_end, 1 - found.fixed_always)
        lines.append(f"| {' | '.join([one.name, *(f'{share:.1%}' for share in shares)])} |")
    return "\n".join(lines)


def remarks(experiments: int) -> str:
    """Return the familywise error rate, the rates of the assignment check and the power of plans, as Markdown."""
    family = family_rate(300, experiments)
    right, near, far = (mismatch_rate(share, 400, experiments) for share in (SHARES[1], 0.225, 0.25))
    lines = [
        f"- Any of {_STAGES} stages significant on any day of an A/A test (Holm): {family:.1%}.",
        f"- Assignment check, shares as planned: {right:.1%} fail on any day (nominal {MISMATCH:.0%}).",
        f"- Assignment check of 22.5 % instead of 20 %: {near:.0%} fail; of 25 %: {far:.0%}.",
    ]
    for number, wanted in enumerate((0.03, 0.05)):
        sample, at_end, ever = planned_power(wanted, 500 + number, experiments)
        lines.append(
            f"- Planned for {100 * wanted:g} points above 60 % with power 80 %: {sample:,} conversations; found at the "
            f"end in {at_end:.1%}, at the end or before in {ever:.1%}."
        )
    return "\n".join(lines)


def document(experiments: int = EXPERIMENTS) -> str:
    """Return the results as Markdown."""
    setting = (
        f"{experiments:,} experiments of {DAYS} days with {PER_DAY} conversations a day, {SHARES[0]:.0%} and "
        f"{SHARES[1]:.0%}. Nominal: 95 % covered, 5 % rejected."
    )
    return "\n\n".join([setting, coverage_table(experiments), rejection_table(experiments), remarks(experiments)])


def main(arguments: Sequence[str]) -> None:
    """Print the tables; ``--write`` writes them into docs/experiments.md."""
    began = time.perf_counter()
    made = document()
    print(made)
    print(f"\n{time.perf_counter() - began:.0f} s", file=sys.stderr)
    if "--write" in arguments:
        before, _, rest = _PAGE.read_text().partition(_BEGIN)
        _PAGE.write_text(f"{before}{_BEGIN}\n{made}\n\n{_END}{rest.partition(_END)[2]}")


if __name__ == "__main__":
    main(sys.argv[1:])
