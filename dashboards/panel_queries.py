"""What panels ask: key figures of the registry, as single values, as series, or split."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from dashboards.panel import Column, PanelLink, PanelQuery, Thresholds
from kpis.kpi import Unit
from kpis.query import select
from kpis.registry import get
from kpis.scope import FILTERS, Interval
from kpis.sql.dialect import Dialect

_LONG: Final = {Interval.DAY: 24, Interval.WEEK: 168}
"""Steps that take long enough to mislead while they run → their hours."""


def values(*ids: str) -> PanelQuery:
    """Ask for figures over the whole range: one row, a column each."""
    return _figures(ids, (), None)


def series(*ids: str, every: Interval, by: Sequence[str] = ()) -> PanelQuery:
    """Ask for figures over time, in steps; ``by`` makes a line for each value of a dimension."""
    return _figures(ids, by, every, order=("time", *by))


def split(*ids: str, by: Sequence[str], limit: int = 100) -> PanelQuery:
    """Ask for figures by dimensions: a row each, the largest of the first figure first."""
    return _figures(ids, by, None, order=(f"{ids[0]} DESC NULLS LAST",), limit=limit)


def column(id_: str, title: str = "", link: PanelLink | None = None) -> Column:
    """Return how a figure is shown in a table: title, unit and thresholds of the registry."""
    kpi = get(id_)
    return Column(id_, title or kpi.title, kpi.unit, thresholds(id_), link)


def thresholds(id_: str) -> Thresholds:
    """Return where a figure becomes a worry."""
    kpi = get(id_)
    return Thresholds(kpi.direction, kpi.warning, kpi.critical)


def _figures(
    ids: Sequence[str], by: Sequence[str], every: Interval | None, order: Sequence[str] = (), limit: int | None = None
) -> PanelQuery:
    columns = ", ".join([*(["time"] if every else []), *by, *ids])

    def render(dialect: Dialect) -> str:
        statement = f"SELECT {columns} FROM ({select(ids, dialect, by, every, bounds=False)})"
        if every in _LONG and all(get(id_).unit is not Unit.COUNT for id_ in ids):
            # A day that has only begun is not a fall: its rate rests on hours, and conversations have yet to end.
            long = f"dateDiff('hour', {dialect.start}, {dialect.end}) >= {3 * _LONG[every]}"
            statement += f" WHERE NOT {long} OR time + INTERVAL {_LONG[every]} HOUR <= {dialect.end}"
        if order:
            statement += f" ORDER BY {', '.join(order)}"
        return statement if limit is None else f"{statement} LIMIT {limit}"

    shared = frozenset.intersection(*(frozenset(get(id_).dimensions) for id_ in ids))
    return PanelQuery(shared & frozenset(FILTERS), render)
