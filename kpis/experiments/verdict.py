"""Verdicts in plain words."""

from __future__ import annotations

from math import ceil
from typing import Final

from kpis.currency import digits, written
from kpis.experiments.confidence import ALPHA
from kpis.experiments.metrics import ExperimentMetric
from kpis.experiments.moments import MIN_ARM, EffectEstimate
from kpis.kpi import Unit
from models.counting import counted

DO_NOT_TRUST: Final = "do not trust: assignment is off"


def verdict(metric: ExperimentMetric, effect: EffectEstimate, p: float, margin: float, currency: str = "") -> str:
    """Return what is known of an effect at this look, for example "better by 3.1 to 8.4 points".

    Parameters
    ----------
    p
        The p-value, adjusted where the effect is one of several.
    margin
        The difference below which an effect does not matter, in the unit of the metric.
    currency
        That of amounts (ISO 4217), empty where it is not known.
    """
    if effect.low is None or effect.high is None:
        few = min(effect.treated, effect.control)
        if few < MIN_ARM:
            return f"not yet clear: {counted(round(few), 'conversation')} in the smaller arm, {MIN_ARM} are needed"
        return "not yet clear: everybody has the same value"
    return _of_bounds(metric.unit, effect.low, effect.high, margin, currency, is_clear=p < ALPHA)


def _of_bounds(unit: Unit, low: float, high: float, margin: float, currency: str, *, is_clear: bool) -> str:
    largest = max(abs(low), abs(high))
    if is_clear and low > 0:
        return f"better by {bounds(unit, low, high, currency)}"
    if is_clear and high < 0:
        return f"worse by {bounds(unit, -high, -low, currency)}"
    if largest <= margin:
        return f"no effect larger than {_upwards(unit, largest, currency)}"
    if low > 0 or high < 0:
        return "not yet clear: beyond zero by itself, but one of several comparisons"
    return f"not yet clear: between {bounds(unit, low, high, currency, word='and')}"


def amount(unit: Unit, value: float, currency: str = "") -> str:
    """Return a difference with its unit: shares as points, satisfaction as stars, money in its currency."""
    return f"{_number(unit, value, currency)}{_NAMES[unit]}"


_NAMES: Final = {Unit.RATIO: " points", Unit.STARS: " stars", Unit.MONEY: ""}


def _number(unit: Unit, value: float, currency: str) -> str:
    if unit is Unit.MONEY and currency:
        return written(value, currency)
    # Not "-0.0".
    text = f"{100 * value:,.1f}" if unit is Unit.RATIO else f"{value:,.2f}"
    return text.removeprefix("-") if not float(text.replace(",", "")) else text


def bounds(unit: Unit, low: float, high: float, currency: str = "", *, word: str = "to") -> str:
    """Return two bounds with their unit, for example "3.1 to 8.4 points"."""
    return f"{_number(unit, low, currency)} {word} {_number(unit, high, currency)}{_NAMES[unit]}"


def _upwards(unit: Unit, value: float, currency: str) -> str:
    places = digits(currency) if unit is Unit.MONEY else 3 if unit is Unit.RATIO else 2
    step = 10.0**-places
    return amount(unit, ceil(round(value / step, 6)) * step, currency)
