"""Why a figure changed: its change between two periods, divided among the values of each of its dimensions. Pure.

The numbers are those of the query layer (``kpis.query``), a query for each period and dimension.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from math import fsum, hypot, sqrt
from typing import Any, Final, Literal, NamedTuple

from kpis.contribution import Contribution, Key, Makeup, Part, added, decompose, split_evenly, standout
from kpis.display import notes
from kpis.figures_query import figures_query
from kpis.kpi import Aggregate, Kpi, Unit
from kpis.query import build_query
from kpis.registry import ALL
from kpis.rollups.conversation_measures import SETTLING
from kpis.scope import AllTenants, Scope
from kpis.statistics import Z_95
from models.errors import InvalidRequest
from models.query import Query

MAX_VALUES: Final = 10
"""Values of a dimension that are shown by default."""
# How far a value's contribution has to be beyond its volume to be called the cause.
STANDOUT: Final = 0.25
# What floats may be off by, as a share of the figures.
_ROUNDING: Final = 1e-9

Row = Mapping[str, Any]
Period = Literal["before", "now"]


class Question(NamedTuple):
    """A query of an explanation: a period, and a dimension or the whole (empty)."""

    period: Period
    by: str = ""


class Total(NamedTuple):
    """The figure of one period, with the bounds and notes that it has everywhere else."""

    start: datetime
    end: datetime
    value: float | None
    n: float
    low: float | None
    high: float | None
    notes: tuple[str, ...]


class Split(NamedTuple):
    """The change, divided among the values of one dimension.

    Parameters
    ----------
    parts
        The effects of these and ``rest`` add up to the change.
    rest
        What the parts do not add up to: 0 but for amounts that are rounded, and for rows that came in meanwhile.
    many
        A conversation may have several values, and counts in equal shares for each.
    is_result
        The dimension is a result, or defines the figure: it says how the figure changed, hardly why.
    cause
        The value that adds most beyond its share of the volume, and ``beyond``, how far: 1 is all of the change.
    """

    dimension: str
    parts: tuple[Contribution, ...]
    rest: float
    many: bool
    is_result: bool
    cause: Contribution | None
    beyond: float


@dataclass(frozen=True)
class Explanation:
    """The change of a figure; ``change`` is ``None`` and ``splits`` are empty where a period has no value.

    ``splits`` are in order of what they explain: causes before results, the one whose values stand out most first.
    ``is_chance`` is whether a change of this size is expected from chance alone (95 %), ``None`` where unknown.
    ``settles_in_days`` is how long after their end conversations of this period may still come back; 0: it is final.
    ``currency`` is that of amounts (ISO 4217); empty for other units, and where it is not known.
    """

    kpi: Kpi
    before: Total
    now: Total
    change: float | None
    is_chance: bool | None
    settles_in_days: int
    splits: tuple[Split, ...]
    currency: str = ""

    @property
    def lead(self) -> Split | None:
        """The split that explains most, if one value of it stands out."""
        first = self.splits[0] if self.splits else None
        return first if first is not None and not first.is_result and first.beyond >= STANDOUT else None


def period_before(scope: Scope) -> Scope:
    """Return the scope of the period before, of the same length."""
    return replace(scope, start=scope.first - (scope.limit - scope.first), end=scope.first)


def dimensions_of(kpi: Kpi, scope: Scope, by: Sequence[str] = ()) -> tuple[str, ...]:
    """Return the dimensions to divide a change by: those asked for, or all that may have several values in the scope.

    Raises
    ------
    InvalidRequest
        The figure cannot be decomposed (says which can), or does not have a dimension.
    """
    if kpi.computed.makeup is Makeup.NEITHER:
        others = [one.id for one in ALL.values() if one.area is kpi.area and one.computed.makeup is not Makeup.NEITHER]
        raise InvalidRequest(
            "id",
            f"the change of {kpi.id} cannot be decomposed: the figure of the whole does not follow from those of its "
            "parts (a quantile, a peak, a comparison, a count of distinct customers). Counts, sums, shares and means "
            f"can be: {', '.join(others)}",
        )
    for name in by:
        if name not in kpi.dimensions:
            raise InvalidRequest(
                "by", f"cannot split {kpi.id} by '{name}'; expected one of {', '.join(kpi.dimensions)}"
            )
    one_tenant = () if isinstance(scope.tenant, AllTenants) else ("tenant",)
    single = {name for name, value in scope.filters.items() if isinstance(value, str)}.union(one_tenant)
    return tuple(dict.fromkeys(by)) or tuple(name for name in kpi.dimensions if name not in single)


def questions(kpi: Kpi, before: Scope, now: Scope, dimensions: Sequence[str]) -> dict[Question, Query]:
    """Return the queries of an explanation; ``dimensions`` are those of ``dimensions_of``.

    Raises
    ------
    InvalidRequest
        The periods overlap: what is in both would be compared with itself.
    """
    if before.first < now.limit and now.first < before.limit:
        raise InvalidRequest(
            "against",
            f"{before.first:%Y-%m-%d %H:%M} to {before.limit:%Y-%m-%d %H:%M} UTC overlaps the range itself "
            f"({now.first:%Y-%m-%d %H:%M} to {now.limit:%Y-%m-%d %H:%M} UTC); expected a period before or after it",
        )
    asked: dict[Question, Query] = {}
    periods: tuple[tuple[Period, Scope], ...] = (("before", before), ("now", now))
    for period, scope in periods:
        asked[Question(period)] = figures_query([kpi.id], scope)
        for name in dimensions:
            asked[Question(period, name)] = build_query([kpi.id], scope, [name], apart=True)
    return asked


def explain(
    kpi: Kpi,
    before: Scope,
    now: Scope,
    answers: Mapping[Question, Sequence[Row]],
    at: datetime,
    *,
    currency: str = "",
    most: int = MAX_VALUES,
) -> Explanation:
    """Return the explanation from the answers to ``questions``.

    Parameters
    ----------
    at
        The time of the answers.
    currency
        Of the amounts of the scope (ISO 4217), empty where it is not known; of no meaning for other units.
    most
        Number of values of a dimension; the smallest are joined beyond it. At least 2.
    """
    totals = (
        _total(kpi, before, answers[Question("before")][0]),
        _total(kpi, now, answers[Question("now")][0]),
    )
    old, new = (one.value for one in totals)
    change = None if old is None or new is None else new - old
    names = list(dict.fromkeys(one.by for one in answers if one.by))
    splits = () if change is None else _ordered(_split(kpi, name, answers, totals, most) for name in names)
    return Explanation(
        kpi,
        *totals,
        change,
        _is_chance(kpi, *totals),
        _settles_in(kpi, now, at),
        splits,
        currency if kpi.unit is Unit.MONEY else "",
    )


def _settles_in(kpi: Kpi, now: Scope, at: datetime) -> int:
    settles = isinstance(kpi.computed, Aggregate) and kpi.computed.columns & SETTLING
    return now.durable_days if settles and at < now.limit + timedelta(days=now.durable_days) else 0


def _total(kpi: Kpi, scope: Scope, row: Row) -> Total:
    low, high = (_number(row.get(f"{kpi.id}_{bound}")) for bound in ("low", "high"))
    number = _number(row[kpi.id])
    return Total(
        scope.first, scope.limit, number, _number(row[f"{kpi.id}_n"]) or 0.0, low, high, tuple(notes(kpi, row, scope))
    )


def _split(
    kpi: Kpi, name: str, answers: Mapping[Question, Sequence[Row]], totals: tuple[Total, Total], most: int
) -> Split:
    before, now = (_parts(kpi, name, answers[one]) for one in (Question("before", name), Question("now", name)))
    minimum = kpi.minimum_volume if kpi.computed.makeup is Makeup.MEAN else 0
    found = decompose(kpi.computed.makeup, before, now, minimum=minimum, most=most)
    old, new = (one.value or 0.0 for one in totals)
    rest = new - old - fsum(one.effect for one in found)
    dimension = kpi.dimensions[name]
    # That a conversation has none of several possible values is what a cause leads to, not the cause.
    cause, beyond = standout([one for one in found if one.value or not dimension.many], new - old)
    return Split(
        name,
        tuple(found),
        0.0 if abs(rest) <= _ROUNDING * max(abs(old), abs(new)) else rest,
        dimension.many,
        dimension.result or _defines(found),
        cause,
        beyond,
    )


def _defines(found: Sequence[Contribution]) -> bool:
    """Return whether every value has the figure 0 or 1 in itself, as the figure is about this dimension."""
    rates = {rate for one in found for rate in (one.before, one.now) if rate is not None and one.rate is not None}
    return rates == {0.0, 1.0}


def _ordered(splits: Iterable[Split]) -> tuple[Split, ...]:
    return tuple(sorted(splits, key=lambda one: (one.is_result, -one.beyond, one.dimension)))


def _parts(kpi: Kpi, name: str, rows: Sequence[Row]) -> dict[Key, Part]:
    """Return the parts of a period by their value, as text."""
    sets: dict[tuple[str, ...], list[Part]] = {}
    for row in rows:
        value = row[name]
        values = tuple(map(_text, value)) if isinstance(value, list | tuple) else (_text(value),)
        sets.setdefault(values, []).append(_part(kpi, row))
    return split_evenly({values: added(parts) for values, parts in sets.items()})


def _part(kpi: Kpi, row: Row) -> Part:
    value, n = _number(row[kpi.id]), _number(row[f"{kpi.id}_n"]) or 0.0
    if value is None:
        return Part(0.0, 0.0, n)
    if kpi.computed.makeup is Makeup.SUM:
        return Part(value, 0.0, n)
    weight = _number(row.get(f"{kpi.id}_weight", n)) or 0.0
    return Part(value * weight, weight, n)


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "" if value is None else str(value)


def _number(cell: Any) -> float | None:
    return None if cell is None else float(cell)


def _is_chance(kpi: Kpi, before: Total, now: Total) -> bool | None:
    """Return whether the interval of the difference includes 0, from the half-widths of both intervals.

    A count varies at least as a Poisson count does; beyond that, nothing says how much.
    """
    if kpi.unit is Unit.COUNT and before.value is not None and now.value is not None:
        return abs(now.value - before.value) <= Z_95 * sqrt(max(0.0, before.value + now.value)) or None
    if None in {before.value, now.value, before.low, before.high, now.low, now.high}:
        return None
    numbers = (before.value, before.low, before.high, now.value, now.low, now.high)
    old, old_low, old_high, new, new_low, new_high = (one for one in numbers if one is not None)
    if new < old:  # the bounds that face each other (R. G. Newcombe's hybrid score interval, 1998)
        return old - new <= hypot(old - old_low, new_high - new)
    return new - old <= hypot(new - new_low, old_high - old)
