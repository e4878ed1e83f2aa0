"""The query layer: builds one statement from ids, a scope and a split. Every figure is read through it.

Rows have the columns of the split, ``time`` where it is a series, and for each id its value (``<id>``), its volume
(``<id>_n``) and, where it has them, its bounds (``<id>_low``, ``<id>_high``) and a note (``<id>_note``). Without a
split there is exactly one row, also for an empty range: counts are 0 and shares are NULL.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Final

from kpis.kpi import Aggregate, Kpi, Source, Statement, Unit
from kpis.registry import get
from kpis.scope import ALL_TENANTS, Interval, Scope, last_days
from kpis.sql.dialect import Bound, Dialect
from kpis.sql.query_context import QueryContext
from models.errors import InvalidRequest
from models.query import Query

__all__ = ["ALL_TENANTS", "Interval", "Scope", "build_query", "columns_of", "last_days", "select"]

# The columns of a figure's own statement, in the order of ``columns_of``.
_STATEMENT: Final = ("value", "n", "low", "high", "note")


def build_query(
    ids: Sequence[str],
    scope: Scope,
    by: Sequence[str] = (),
    every: Interval | None = None,
    *,
    rolled_up: bool = True,
    apart: bool = False,
) -> Query:
    """Return the query of some figures.

    Parameters
    ----------
    by
        Dimensions to split by; every figure must have them.
    every
        Makes a time series in steps of the scope's time zone; steps without data have no row.
    rolled_up
        ``False`` reads nothing but windows and events: the same figures, slower unless the range is of minutes.
    apart
        Makes parts that make up the whole, for contribution analysis: a dimension of several values is split by the set
        of them (a list), and a figure whose parts weigh otherwise than by ``n`` has the column ``<id>_weight``.

    Raises
    ------
    SettingsError
        An unknown id or dimension, or a filter that a figure does not have; names what there is.
    """
    dialect = Bound(scope)
    return Query(select(ids, dialect, by, every, rolled_up=rolled_up, apart=apart), dialect.parameters)


def select(
    ids: Sequence[str],
    dialect: Dialect,
    by: Sequence[str] = (),
    every: Interval | None = None,
    *,
    rolled_up: bool = True,
    bounds: bool = True,
    total: bool = False,
    cut: str = "",
    apart: bool = False,
) -> str:
    """Return the statement of some figures in a dialect, for example Grafana's; see ``build_query``.

    Parameters
    ----------
    bounds
        ``False`` leaves bounds NULL, for callers that do not show them.
    total
        Adds a row of the whole range to a series, with 1970 as its time.
    cut
        A moment within the range, as SQL. Rows then have a column ``earlier``: whether they are about what lies before
        it. Only of figures of which ``parts_at_cut`` is true.
    apart
        As of ``build_query``.
    """
    kpis = [get(id_) for id_ in dict.fromkeys(ids)]
    if not kpis:
        raise InvalidRequest("id", "which figures? 'romashka kpi list' shows them all")
    asked = QueryContext(dialect, tuple(dict.fromkeys(by)), every, rolled_up, bounds, total, cut, apart=apart)
    for kpi in kpis:
        _check(kpi, asked)
    if _is_one_part(kpis) and not _collide(kpis):
        ((_, statement),) = _parts(kpis, asked, str)
        return statement + _order(asked)
    parts = list(_parts(kpis, asked, _inner))
    return (_renamed(parts[0][1], kpis, asked) if len(parts) == 1 else _joined(parts, kpis, asked)) + _order(asked)


def parts_at_cut(kpi: Kpi) -> bool:
    """Return whether a figure can be asked for on both sides of a moment in one pass (``select``'s ``cut``)."""
    computed = kpi.computed
    return computed.source.parts_at_cut if isinstance(computed, Aggregate) else computed.parts_at_cut


def columns_of(kpi: Kpi, *, apart: bool = False) -> tuple[str, ...]:
    """Return the columns that a figure has in an answer; ``apart`` as of ``build_query``."""
    names = [kpi.id, f"{kpi.id}_n"]
    if kpi.has_interval:
        names += [f"{kpi.id}_low", f"{kpi.id}_high"]
    if isinstance(kpi.computed, Statement):
        names.append(f"{kpi.id}_note")
    elif apart and kpi.computed.weight:
        names.append(f"{kpi.id}_weight")
    return tuple(names)


def _check(kpi: Kpi, asked: QueryContext) -> None:
    if asked.cut and not parts_at_cut(kpi):
        raise ValueError(f"{kpi.id} cannot be cut at a moment")
    there = ", ".join(kpi.dimensions) or "nothing"
    for name in asked.by:
        if name not in kpi.dimensions:
            raise InvalidRequest("by", f"cannot split {kpi.id} by '{name}'; expected one of {there}")
    for name in asked.filters:
        if name not in kpi.dimensions:
            raise InvalidRequest(name, f"cannot narrow {kpi.id} by '{name}'; expected one of {there}")


def _by_source(kpis: Sequence[Kpi]) -> Iterator[tuple[Source, dict[Kpi, Aggregate]]]:
    groups: dict[str, tuple[Source, dict[Kpi, Aggregate]]] = {}
    for kpi in kpis:
        if isinstance(kpi.computed, Aggregate):
            source = kpi.computed.source
            groups.setdefault(source.name, (source, {}))[1][kpi] = kpi.computed
    yield from groups.values()


def _is_one_part(kpis: Sequence[Kpi]) -> bool:
    return len(list(_by_source(kpis))) + len(list(_families(kpis))) == 1


def _collide(kpis: Sequence[Kpi]) -> bool:
    """Return whether a column of the answer may have the name of a column of its source."""
    answer = {name for kpi in kpis for name in columns_of(kpi)}
    sources = [source for source, _ in _by_source(kpis)]
    named = {one.column for source in sources for one in source.dimensions.values()}
    return any(not source.columns or answer & (source.columns | named) for source in sources)


def _parts(kpis: Sequence[Kpi], asked: QueryContext, named: Callable[[str], str]) -> Iterator[tuple[list[Kpi], str]]:
    """Yield groups of figures that are computed together, with their statement; ``named`` gives names to columns."""
    for source, group in _by_source(kpis):
        columns = ", ".join(_aggregate(kpi, computed, asked, named) for kpi, computed in group.items())
        reads = frozenset[str]().union(*(computed.columns for computed in group.values()))
        rows = f"{source.relation(replace(asked, reads=reads))} {asked.grouping}"
        yield list(group), f"SELECT {asked.split(source.dimensions)}{columns} FROM {rows}"
    keys = "".join(f"{name}, " for name in asked.columns)
    for family in _families(kpis):
        names = [name for kpi in family for name in columns_of(kpi)]
        values, rows = _rows(family, names, asked)
        columns = ", ".join(f"{one} AS {named(name)}" for one, name in zip(values, names, strict=True))
        yield family, f"SELECT {keys}{columns} FROM ({rows})"


def _families(kpis: Sequence[Kpi]) -> Iterator[list[Kpi]]:
    """Yield figures with their own statement, grouped where one statement computes several."""
    families: dict[object, list[Kpi]] = {}
    for kpi in kpis:
        if isinstance(kpi.computed, Statement):
            families.setdefault(kpi.computed.together or kpi.id, []).append(kpi)
    yield from families.values()


def _rows(family: Sequence[Kpi], names: Sequence[str], asked: QueryContext) -> tuple[Sequence[str], str]:
    """Return the statement of a family, and its expressions for the columns ``names``."""
    for kpi in family:
        if isinstance(kpi.computed, Statement) and kpi.computed.together is not None:
            return names, kpi.computed.together(asked, [one.id for one in family])
        if isinstance(kpi.computed, Statement):
            return _STATEMENT, kpi.computed.render(asked)
    raise ValueError("no figure with a statement of its own")


def _aggregate(kpi: Kpi, computed: Aggregate, asked: QueryContext, named: Callable[[str], str]) -> str:
    low, high = (computed.low, computed.high) if asked.bounds else ("NULL", "NULL")
    values = {"": computed.value, "_n": computed.n, "_low": low, "_high": high, "_weight": computed.weight}
    names = columns_of(kpi, apart=asked.apart)
    return ", ".join(f"{values[name.removeprefix(kpi.id)]} AS {named(name)}" for name in names)


def _inner(name: str) -> str:
    """Return the inner name of a column, which cannot collide with a column of the source."""
    return f"kpi_{name}"


def _renamed(statement: str, kpis: Sequence[Kpi], asked: QueryContext) -> str:
    columns = [
        *asked.columns,
        *(f"{_inner(name)} AS {name}" for kpi in kpis for name in columns_of(kpi, apart=asked.apart)),
    ]
    return f"SELECT {', '.join(columns)} FROM ({statement})"


def _joined(parts: Sequence[tuple[list[Kpi], str]], kpis: Sequence[Kpi], asked: QueryContext) -> str:
    """Return one statement of several: each fills its columns of a row."""
    union = " UNION ALL ".join(
        f"SELECT {', '.join([*asked.columns, *(_own(kpi, kpi in mine, asked) for kpi in kpis)])} FROM ({statement})"
        for mine, statement in parts
    )
    columns = [f"u.{name} AS {name}" for name in asked.columns]
    columns += [_filled(kpi, name) for kpi in kpis for name in columns_of(kpi, apart=asked.apart)]
    grouping = f" GROUP BY {', '.join(asked.columns)}" if asked.columns else ""
    return f"SELECT {', '.join(columns)} FROM ({union}) AS u{grouping}"


def _own(kpi: Kpi, mine: bool, asked: QueryContext) -> str:
    names = columns_of(kpi, apart=asked.apart)
    return ", ".join(_inner(name) if mine else f"NULL AS {_inner(name)}" for name in names)


def _filled(kpi: Kpi, name: str) -> str:
    """Return the one value among NULLs; a count without a row is 0."""
    counts = name == f"{kpi.id}_n" or (name == kpi.id and kpi.unit is Unit.COUNT)
    return f"ifNull(any({_inner(name)}), 0) AS {name}" if counts else f"any({_inner(name)}) AS {name}"


def _order(asked: QueryContext) -> str:
    if asked.every:
        return f" ORDER BY {', '.join(['time', *asked.by])}"
    return f" ORDER BY {', '.join(asked.by)}" if asked.by else ""
