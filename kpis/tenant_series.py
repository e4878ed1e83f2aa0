"""Figures of many tenants: daily series of those with enough data, in batches, and slices of all of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from kpis.kpi import Kpi
from kpis.query import select
from kpis.scope import ALL_TENANTS, Interval, Scope
from kpis.sql.dialect import Bound
from models.query import Query
from models.tenant_slice import ALL, TenantSlice, of_tenants

_INTEGRATIONS: Final = """
SELECT user_id, 4 * uniqExact(integration) AS rows
FROM
(
    SELECT user_id, toString(integration_provider) AS integration FROM query_days
    WHERE day_start >= {start:DateTime('UTC')}
    UNION ALL
    SELECT user_id, '' AS integration FROM conversation_days WHERE day_start >= {start:DateTime('UTC')}
)
GROUP BY user_id
"""


@dataclass(frozen=True)
class OfTenants(Bound):
    """A dialect for a set of tenants."""

    tenants: tuple[UUID, ...] = ()

    def tenant(self, column: str) -> str:
        """Return the predicate that a column is one of the tenants."""
        return f"{column} IN {{tenants:Array(UUID)}}"

    @property
    def parameters(self) -> dict[str, Any]:
        """All parameters."""
        return {**super().parameters, "tenants": [str(one) for one in self.tenants]}


@dataclass(frozen=True)
class OfSlice(Bound):
    """A dialect for a slice of tenants."""

    within: TenantSlice = ALL

    def tenant(self, column: str) -> str:
        """Return the predicate that a column is a tenant of the slice."""
        return of_tenants(column)

    @property
    def parameters(self) -> dict[str, Any]:
        """All parameters."""
        return {**super().parameters, **self.within.parameters}


def integrations_query(start: datetime) -> Query:
    """Return the query of each tenant's integrations since a time, from roll-ups: ``rows`` are four for each."""
    return Query(_INTEGRATIONS, {"start": start})


def tenants_with_volume(
    kpis: Sequence[Kpi], start: datetime, end: datetime, days: int, within: TenantSlice = ALL
) -> Query:
    """Return the query of a slice's tenants with the minimum volume of a figure on enough UTC days.

    Rows have one column, ``tenant``.
    """
    dialect = OfSlice(Scope(start, end, ALL_TENANTS), within=within)
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
        By figure id, the time from which values are not final and left out.
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
