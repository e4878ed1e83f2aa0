"""Daily series of figures for many tenants: first who has enough of them, then the series of some tenants at a time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from kpis.kpi import Kpi
from kpis.query import select
from kpis.scope import ALL_TENANTS, Interval, Scope
from kpis.sql.dialect import Bound
from models.query import Query


@dataclass(frozen=True)
class OfTenants(Bound):
    """The values of a question about some tenants."""

    tenants: tuple[UUID, ...] = ()

    def tenant(self, column: str) -> str:
        """Return the predicate that a column is one of the tenants."""
        return f"{column} IN {{tenants:Array(UUID)}}"

    @property
    def parameters(self) -> dict[str, Any]:
        """Every value that a statement may name."""
        return {**super().parameters, "tenants": [str(one) for one in self.tenants]}


def tenants_with_volume(kpis: Sequence[Kpi], start: datetime, end: datetime, days: int) -> Query:
    """Return the query of tenants that have, on so many days of UTC, the volume that one of the figures asks for.

    Rows have one column, ``tenant``.
    """
    dialect = Bound(Scope(start, end, ALL_TENANTS))
    series = select([kpi.id for kpi in kpis], dialect, ("tenant",), Interval.DAY)
    enough = " OR ".join(f"countIf({kpi.id}_n >= {kpi.minimum_volume:d}) >= {days:d}" for kpi in kpis)
    sql = f"SELECT tenant FROM ({series}) GROUP BY tenant HAVING {enough} ORDER BY tenant"
    return Query(sql, dialect.parameters)


def days_of(kpis: Sequence[Kpi], start: datetime, end: datetime, tenants: Sequence[UUID]) -> Query:
    """Return the query of each day's figures of some tenants; ``time`` is the start of the day in UTC."""
    dialect = OfTenants(Scope(start, end, ALL_TENANTS), tenants=tuple(tenants))
    return Query(select([kpi.id for kpi in kpis], dialect, ("tenant",), Interval.DAY), dialect.parameters)


def first_hours_of(
    kpis: Sequence[Kpi],
    start: datetime,
    end: datetime,
    tenants: Sequence[UUID],
    *,
    hours: Sequence[int],
    final: Mapping[str, datetime],
) -> Query:
    """Return the query of the first hours of each day: the mean of the hours' values, weighted by their volume.

    Parameters
    ----------
    hours
        How many hours of each day; each makes columns ``<id>_<hours>`` and ``<id>_<hours>_n`` of a row.
    final
        The moment from which on the values of a figure are not final, and left out; by id.
    """
    dialect = OfTenants(Scope(start, end, ALL_TENANTS), tenants=tuple(tenants))
    series = select([kpi.id for kpi in kpis], dialect, ("tenant",), Interval.HOUR)
    columns = ", ".join(_first(kpi.id, many) for kpi in kpis for many in hours)
    limits = {f"final_{kpi.id}": f"{final[kpi.id]:%Y-%m-%d %H:%M:%S}" for kpi in kpis}
    sql = f"SELECT tenant, toStartOfDay(u.time, 'UTC') AS day, {columns} FROM ({series}) AS u GROUP BY tenant, day"
    return Query(sql, {**dialect.parameters, **limits})


def _first(id_: str, hours: int) -> str:
    value, volume = f"toFloat64OrDefault(toString(u.{id_}), nan)", f"toFloat64(ifNull(u.{id_}_n, 0))"
    among = f"toHour(u.time, 'UTC') < {hours:d} AND isFinite({value}) AND u.time < {{final_{id_}:DateTime('UTC')}}"
    total = f"sumIf({volume}, {among})"
    return f"sumIf({volume} * {value}, {among}) / {total} AS {id_}_{hours}, {total} AS {id_}_{hours}_n"
