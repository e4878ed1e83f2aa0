"""Verdicts in plain words."""

from __future__ import annotations

from math import ceil
from typing import Final

from kpis.experiments.confidence import ALPHA
from kpis.experiments.metrics import ExperimentMetric
from kpis.experiments.moments import MIN_ARM, EffectEstimate
from kpis.kpi import Unit
from models.counting import counted

DO_NOT_TRUST: Final = "do not trust: assignment is off"


def verdict(metric: ExperimentMetric, effect: EffectEstimate, p: float, margin: float) -> str:
    """Return what is known of an effect at this look, for example "better by 3.1 to 8.4 points".

    Parameters
    ----------
    p
        The p-value, adjusted where the effect is one of several.
    margin
        The difference below which an effect does not matter, in the unit of the metric.
    """
    if effect.low is None or effect.high is None:
        few = min(effect.treated, effect.control)
        if few < MIN_ARM:
            return f"not yet clear: {counted(round(few), 'conversation')} in the smaller arm, {MIN_ARM} are needed"
        return "not yet clear: everybody has the same value"
    return _of_bounds(metric.unit, effect.low, effect.high, margin, is_clear=p < ALPHA)


def _of_bounds(unit: Unit, low: float, high: float, margin: float, *, is_clear: bool) -> str:
    largest = max(abs(low), abs(high))
    if is_clear and low > 0:
        return f"better by {bounds(unit, low, high)}"
    if is_clear and high < 0:
        return f"worse by {bounds(unit, -high, -low)}"
    if largest <= margin:
        return f"no effect larger than {_upwards(unit, largest)}"
    if low > 0 or high < 0:
        return "not yet clear: beyond zero by itself, but one of several comparisons"
    return f"not yet clear: between {bounds(unit, low, high, word='and')}"


def amount(unit: Unit, value: float) -> str:
    """Return a difference with its unit: shares as points, satisfaction as stars, money as it is."""
    return f"{_number(unit, value)}{_NAMES[unit]}"


_NAMES: Final = {Unit.RATIO: " points", Unit.STARS: " stars", Unit.MONEY: ""}


def _number(unit: Unit, value: float) -> str:
    # Not "-0.0".
    text = f"{100 * value:,.1f}" if unit is Unit.RATIO else f"{value:,.2f}"
    return text.removeprefix("-") if not float(text.replace(",", "")) else text


def bounds(unit: Unit, low: float, high: float, *, word: str = "to") -> str:
    """Return two bounds with their unit, for example "3.1 to 8.4 points"."""
    return f"{_number(unit, low)} {word} {_number(unit, high)}{_NAMES[unit]}"


def _upwards(unit: Unit, value: float) -> str:
    step = 0.001 if unit is Unit.RATIO else 0.01
    return amount(unit, ceil(round(value / step, 6)) * step)
