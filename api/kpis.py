"""``/v1/kpis``: the key figures of the registry, the same numbers as ``romashka kpi get``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Final
from uuid import UUID

from fastapi import APIRouter, Depends, Path, Query, Request
from pydantic import BaseModel, Field

from api.access import BEARER, Caller, allowed
from api.disconnect import unless_gone
from api.encoding import plain
from api.parameters import NAME_HELP, KpiQuery, NoQuery
from api.problems import ApiError, documented, wrong
from api.roles import AREA_TABS, Action
from api.services import services_of
from kpis.display import notes
from kpis.figures_query import figures_query
from kpis.kpi import Kpi, Unit
from kpis.registry import ALL
from kpis.scope import AllTenants, Interval, Scope
from storage.freshness import freshness_of
from storage.reading import ask_page
from storage.tenant_names import tenant_names
from storage.tenant_settings import currencies_of, currency_of

router: Final = APIRouter(prefix="/v1/kpis", tags=["key figures"], dependencies=[Depends(BEARER)])
WATERMARK_HELP: Final = "The newest minute of queries that is stored, of old data its hour; null: none is stored"
DAYS: Final = timedelta(days=30)
_MAX_STEPS: Final = 50_000
_STEPS: Final = {
    Interval.MINUTE: timedelta(minutes=1),
    Interval.HOUR: timedelta(hours=1),
    Interval.DAY: timedelta(days=1),
    Interval.WEEK: timedelta(weeks=1),
}


class Definition(BaseModel):
    """The definition of a figure."""

    id: str
    title: str
    meaning: str
    unit: str
    good: Annotated[str, Field(description="The direction that is better: up, down or neutral")]
    area: str
    version: Annotated[int, Field(description="Of the definition")]
    dimensions: Annotated[list[str], Field(description="What it can be split by and narrowed to")]
    minimum_volume: Annotated[int, Field(description="Below this n there is too little data to rely on")]
    warning: float | None
    critical: float | None


class Value(BaseModel):
    """A figure of one part of the data; ``part`` is empty for the total."""

    part: Annotated[
        dict[str, Any],
        Field(
            description="The values of by, and time where it is a series; beside tenant tenant_name, null without one"
        ),
    ]
    value: Annotated[float | None, Field(description="null where there is nothing to compute it from")]
    n: Annotated[float | None, Field(description="How much data it is computed from")]
    low: Annotated[float | None, Field(description="95 % confidence: the value is at least")]
    high: Annotated[float | None, Field(description="95 % confidence: the value is at most")]
    state: Annotated[str, Field(description="ok, warning, critical, or unknown where there is too little data")]
    notes: Annotated[list[str], Field(description="What a reader has to know")]
    currency: Annotated[
        str | None, Field(description="ISO 4217, of an amount; null for other units, and where it is not known")
    ] = None


class KpiAnswer(BaseModel):
    """A figure over a range."""

    definition: Definition
    tenant: Annotated[str, Field(description="The tenant's id, or all")]
    tenant_name: Annotated[str | None, Field(description=NAME_HELP)]
    start: Annotated[datetime, Field(alias="from")]
    end: Annotated[datetime, Field(alias="to", description="Not included")]
    filters: dict[str, str]
    values: list[Value]
    currency: Annotated[
        str | None,
        Field(description="ISO 4217, of amounts; null for other units, and where tenants have several or none"),
    ] = None
    uncounted: Annotated[str, Field(description="What is stored, but not in any figure yet; empty: nothing")]
    watermark: Annotated[datetime | None, Field(description=WATERMARK_HELP)]
    total: Annotated[int, Field(description="Values of all pages")]
    next_offset: Annotated[int | None, Field(description="The next page's offset; null on the last one")]


@router.get("", responses=documented(), summary="Every key figure")
async def definitions(
    caller: Annotated[Caller, Depends(allowed(Action.READ_KPIS))], _: Annotated[NoQuery, Query()]
) -> list[Definition]:
    """List what each figure means; those that your roles may see."""
    return [_definition(kpi) for kpi in ALL.values() if not caller.identity.tabs.isdisjoint(AREA_TABS[kpi.area])]


@router.get("/{id}", responses=documented(404), summary="One figure over a range")
async def figure(
    request: Request,
    id_: Annotated[str, Path(alias="id", max_length=64, examples=["query_success_rate"])],
    query: Annotated[KpiQuery, Query()],
    caller: Annotated[Caller, Depends(allowed(Action.READ_KPIS))],
) -> KpiAnswer:
    """Return the number that `romashka kpi get` prints; split with `by`, a series with `every`."""
    kpi = figure_of(id_, query.filters, query.by, caller)
    scope = _scope(query, caller)
    asked = figures_query([kpi.id], scope, query.by, query.every)
    question = services_of(request).pool.run(
        lambda client: (
            ask_page(client, asked.sql, asked.parameters, limit=query.limit, offset=query.offset),
            freshness_of(client, scope),
            tenant_names(client),
            currency_of(client, kpi.unit, scope),
            currencies_of(client, scope) if kpi.unit is Unit.MONEY and "tenant" in query.by else {},
        )
    )
    (rows, total), fresh, called, money, own = await unless_gone(request, question)
    more = query.offset + query.limit
    keys = [*dict.fromkeys(query.by), *(["time"] if query.every else [])]
    return KpiAnswer.model_validate(
        {
            "definition": _definition(kpi),
            "tenant": "all" if isinstance(scope.tenant, AllTenants) else str(scope.tenant),
            "tenant_name": None if isinstance(scope.tenant, AllTenants) else called.get(scope.tenant),
            "from": scope.first,
            "to": scope.limit,
            "filters": query.filters,
            "values": [
                _value(
                    kpi,
                    row,
                    _part(row, keys, called),
                    scope,
                    own.get(str(row["tenant"]), "") if "tenant" in keys else money,
                )
                for row in rows
            ],
            "currency": money or None,
            "uncounted": fresh.uncounted,
            "watermark": fresh.watermark,
            "total": total,
            "next_offset": more if more < total else None,
        }
    )


def figure_of(id_: str, filters: Iterable[str], by: Sequence[str], caller: Caller) -> Kpi:
    """Return a figure after checking that the caller may see it and that it has the dimensions.

    Raises
    ------
    ApiError
        There is no such figure, the caller may not see it, or it has no such dimension.
    """
    kpi = ALL.get(id_)
    if kpi is None:
        raise ApiError(404, "unknown-figure", f"there is no key figure '{id_}'; GET /v1/kpis lists them all")
    caller.identity.require_tab(AREA_TABS[kpi.area], f"figures of {kpi.area}")
    for field, names in (("by", by), *((name, [name]) for name in filters)):
        for name in names:
            if name not in kpi.dimensions:
                raise wrong(
                    field, f"{kpi.id} has no '{name}'; expected one of {', '.join(kpi.dimensions) or 'nothing'}"
                )
    return kpi


def _scope(query: KpiQuery, caller: Caller) -> Scope:
    start, end = query.times(datetime.now(UTC), DAYS)
    if query.every is not None and (end - start) / _STEPS[query.every] > _MAX_STEPS:
        raise wrong("every", f"that would be more than {_MAX_STEPS:,} steps; ask for longer steps or a shorter range")
    return query.scope(start, end, caller.tenant(query.tenant), query.durable_days)


def _definition(kpi: Kpi) -> Definition:
    return Definition(
        id=kpi.id,
        title=kpi.title,
        meaning=kpi.meaning,
        unit=kpi.unit.value,
        good=kpi.direction,
        area=kpi.area.value,
        version=kpi.version,
        dimensions=list(kpi.dimensions),
        minimum_volume=kpi.minimum_volume,
        warning=kpi.warning,
        critical=kpi.critical,
    )


def _part(row: Mapping[str, Any], keys: Sequence[str], names: Mapping[UUID, str]) -> dict[str, Any]:
    """Return the keys of a row, with the tenant's id and name."""
    part = {key: plain(row[key]) for key in keys}
    return part | ({"tenant_name": names.get(row["tenant"])} if "tenant" in part else {})


def _value(kpi: Kpi, row: dict[str, Any], part: dict[str, Any], scope: Scope, currency: str) -> Value:
    value, n = plain(row[kpi.id]), plain(row[f"{kpi.id}_n"])
    return Value(
        part=part,
        value=value,
        n=n,
        low=plain(row.get(f"{kpi.id}_low")),
        high=plain(row.get(f"{kpi.id}_high")),
        state=kpi.state(value, n),
        notes=notes(kpi, row, scope),
        currency=currency or None,
    )
