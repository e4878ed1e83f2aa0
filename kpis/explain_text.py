"""The explanation of a change in plain words. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from kpis.contribution import Contribution
from kpis.currency import unsigned
from kpis.display import shown
from kpis.explain import Explanation, Split
from kpis.kpi import Unit
from kpis.text import printable, shortened
from models.counting import counted

_MAX_LENGTH: Final = 60
# Shares of the change that are called most and more than all of it.
_MOST, _ALL = 0.5, 1.05
_NO_NAMES: Final[Mapping[str, str]] = MappingProxyType({})
# Of the change: amounts are rounded to four decimals in each part.
_NOTEWORTHY: Final = 0.001
_POINTS: Final = frozenset({Unit.RATIO, Unit.MONEY_RATIO})


def sentence(found: Explanation, tenants: Mapping[str, str] = _NO_NAMES) -> str:
    """Return what changed, by how much, and what did most of it; ``tenants`` are display names by id."""
    kpi, before, now = found.kpi, found.before, found.now
    if found.change is None:
        lacking = "the period before" if before.value is None else "this period"
        return f"{kpi.title} cannot be compared: there is no value for {lacking}."
    values = f"from {_value(found, before.value)} to {_value(found, now.value)}"
    if _rounds_to_nothing(found, found.change):
        return f"{kpi.title} did not change: {values}."
    verb = "rose" if found.change > 0 else "fell"
    first = f"{kpi.title} {verb} by {amount(found, found.change).lstrip('+-')}, {values}"
    if found.is_chance:
        first += "; a change of this size is expected from chance alone"
    return f"{first}. {_cause(found, tenants)}"


def _cause(found: Explanation, tenants: Mapping[str, str]) -> str:
    lead = found.lead
    if lead is None or lead.cause is None or found.change is None:
        return "No single value of a dimension stands out: it changed in much the same way everywhere."
    cause = lead.cause
    share = cause.effect / found.change
    named = tenants.get(cause.value or "") if lead.dimension == "tenant" else None
    what = f"{lead.dimension.replace('_', ' ')} {named or label(cause, lead)}"
    most = "Most of it is" if share > _MOST else "The largest part that stands out is"
    if share > _ALL:
        most = "More than all of it, which others made up for in part, is"
    whole = f"{amount(found, cause.effect)} of {amount(found, found.change)}"
    return f"{most} {what} ({whole}): {_how(found, cause)}."


def _value(found: Explanation, value: float | None) -> str:
    return shown(found.kpi.unit, value, found.currency)


def _how(found: Explanation, cause: Contribution) -> str:
    """Return whether it is the value's own figure or its share of the volume."""
    if cause.mix is None or cause.rate is None or cause.before is None or cause.now is None:
        return _volume(found, cause)
    if abs(cause.rate) >= abs(cause.mix):
        verb = "rose" if cause.now > cause.before else "fell"
        sample = f"n {cause.n_before:,.0f} and {cause.n_now:,.0f}"
        return f"its own figure {verb} from {_value(found, cause.before)} to {_value(found, cause.now)} ({sample})"
    verb = "rose" if cause.share_now > cause.share_before else "fell"
    mean = _value(found, cause.now)
    shares = f"from {cause.share_before:.1%} to {cause.share_now:.1%}"
    return f"its share of the volume {verb} {shares}, and its own figure is {mean}"


def _volume(found: Explanation, cause: Contribution) -> str:
    if cause.before is None or not cause.n_before:
        return f"it is new in this period, with {_value(found, cause.now)}"
    if cause.now is None or not cause.n_now:
        return f"it was {_value(found, cause.before)}, and there is none in this period"
    verb = "rose" if cause.now > cause.before else "fell"
    return f"it {verb} from {_value(found, cause.before)} to {_value(found, cause.now)}"


def label(one: Contribution, split: Split) -> str:
    """Return the name of a value of a split."""
    if one.value is None:
        return counted(one.joined, "other")
    return shortened(printable(one.value), _MAX_LENGTH) or ("(none)" if split.many else "(not given)")


def amount(found: Explanation, difference: float) -> str:
    """Return a difference with its sign and unit: shares differ by percentage points."""
    if found.kpi.unit in _POINTS:
        return counted(difference * 100, "point", shown=f"{difference * 100:+.2f}")
    return _with_plus(_value(found, difference))


def _with_plus(text: str) -> str:
    return text if text.startswith("-") else f"+{text}"


def value_cell(found: Explanation, value: float | None) -> str:
    """Return a value for a table whose title names the currency."""
    return unsigned(value, found.currency) if found.currency and value is not None else _value(found, value)


def amount_cell(found: Explanation, difference: float) -> str:
    """Return a difference for a table whose title names the currency."""
    return _with_plus(unsigned(difference, found.currency)) if found.currency else amount(found, difference)


def _rounds_to_nothing(found: Explanation, change: float) -> bool:
    return not any(digit in "123456789" for digit in amount(found, change))


def remarks(found: Explanation) -> list[str]:
    """Return what a reader has to know: too little data, other lengths, what the parts do not cover."""
    noted = [f"this period: {note}" for note in found.now.notes]
    noted += [f"the period before: {note}" for note in found.before.notes if note not in found.now.notes]
    if found.settles_in_days:
        days = counted(found.settles_in_days, "day")
        noted.append(f"this period is not final: conversations may still come back within {days} of their end")
    spans = (found.before.end - found.before.start, found.now.end - found.now.start)
    if spans[0] != spans[1]:
        noted.append("the periods differ in length: counts and sums change with it")
    for split in found.splits:
        if abs(split.rest) > _NOTEWORTHY * abs(found.change or 0.0):
            noted.append(f"by {split.dimension}, {amount(found, split.rest)} cannot be told apart")
    return noted
