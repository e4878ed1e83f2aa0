"""``/v1/kpis/{id}/explain``: why a key figure changed, the same answer as ``romashka kpi explain``."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Annotated, Any, Final
from uuid import UUID

from clickhouse_connect.driver.client import Client
from fastapi import APIRouter, Depends, Path, Query, Request
from pydantic import BaseModel, Field

from api.access import BEARER, Caller, allowed
from api.disconnect import unless_gone
from api.kpis import DAYS, WATERMARK_HELP, figure_of
from api.parameters import NAME_HELP, ExplainQuery
from api.pool import Pool
from api.problems import documented
from api.roles import Action
from api.services import services_of
from kpis.explain import Question, dimensions_of, explain, questions
from kpis.explain_document import document
from kpis.kpi import Kpi
from kpis.scope import AllTenants, Scope
from models.query import Query as Statement
from storage.freshness import Freshness, freshness_of
from storage.reading import query_rows
from storage.tenant_names import tenant_names
from storage.tenant_settings import currency_of

router: Final = APIRouter(prefix="/v1/kpis", tags=["key figures"], dependencies=[Depends(BEARER)])


class Period(BaseModel):
    """The figure over one period."""

    start: Annotated[datetime, Field(alias="from")]
    end: Annotated[datetime, Field(alias="to", description="Not included")]
    value: Annotated[float | None, Field(description="null where there is nothing to compute it from")]
    n: Annotated[float, Field(description="How much data it is computed from")]
    low: Annotated[float | None, Field(description="95 % confidence: the value is at least")]
    high: Annotated[float | None, Field(description="95 % confidence: the value is at most")]


class PartOfChange(BaseModel):
    """What one value of a dimension adds to the change."""

    value: Annotated[str | None, Field(description="Empty: not given. null: several small values together")]
    joined: Annotated[int, Field(description="How many values that is")]
    before: Annotated[float | None, Field(description="Its figure in the period before; null: it has none")]
    now: Annotated[float | None, Field(description="Its figure in this period")]
    share_before: Annotated[float, Field(description="Its share of the volume, of a sum its share of the sum")]
    share_now: float
    n_before: Annotated[float, Field(description="How much data of it there was")]
    n_now: float
    mix: Annotated[float | None, Field(description="Effect of its share of the volume; null for sums")]
    rate: Annotated[float | None, Field(description="Effect of its own figure; null for sums")]
    effect: Annotated[float, Field(description="Both together, in the unit of the figure")]


class SplitOfChange(BaseModel):
    """The change, divided among the values of one dimension."""

    dimension: str
    is_result: Annotated[bool, Field(description="It says how the figure changed, hardly why: an outcome, for example")]
    several_values: Annotated[
        bool, Field(description="A conversation may have several values and counts in equal shares for each")
    ]
    stands_out: Annotated[str | None, Field(description="The value that adds most beyond its share of the volume")]
    beyond: Annotated[float, Field(description="How far that is: 0 not at all, 1 all of the change")]
    rest: Annotated[float, Field(description="What the parts do not add up to: rounding of amounts")]
    parts: Annotated[list[PartOfChange], Field(description="Their effects and rest add up to the change")]


class ExplanationAnswer(BaseModel):
    """Why a figure changed between two periods."""

    id: str
    title: str
    version: Annotated[int, Field(description="Of the definition")]
    unit: str
    currency: Annotated[
        str | None, Field(description="Of an amount (ISO 4217); null for others, or if it is not known")
    ]
    good: Annotated[str, Field(description="The direction that is better: up, down or neutral")]
    tenant: Annotated[str, Field(description="The tenant's id, or all")]
    tenant_name: Annotated[str | None, Field(description=NAME_HELP)]
    filters: dict[str, str]
    answer: Annotated[str, Field(description="What changed, by how much, and what did most of it, in words")]
    change: Annotated[float | None, Field(description="null where a period has no value")]
    is_chance: Annotated[
        bool | None, Field(description="Whether chance alone makes such changes (95 %); null: unknown")
    ]
    before: Period
    now: Period
    splits: Annotated[list[SplitOfChange], Field(description="By dimension, what explains most first; results last")]
    notes: Annotated[list[str], Field(description="What a reader has to know")]
    uncounted: Annotated[str, Field(description="What is stored, but not in any figure yet; empty: nothing")]
    watermark: Annotated[datetime | None, Field(description=WATERMARK_HELP)]


@router.get("/{id}/explain", responses=documented(404), summary="Why one figure changed")
async def explanation(
    request: Request,
    id_: Annotated[str, Path(alias="id", max_length=64, examples=["durable_resolution_rate"])],
    query: Annotated[ExplainQuery, Query()],
    caller: Annotated[Caller, Depends(allowed(Action.READ_KPIS))],
) -> ExplanationAnswer:
    """Divide the change since another period among the values of each dimension: by their volume, and by themselves.

    The effects of a dimension's values add up to the change. Figures that do not follow from their parts are refused.
    """
    kpi = figure_of(id_, query.filters, query.by, caller)
    at = datetime.now(UTC)
    start, end = query.times(at, DAYS)
    scope = query.scope(start, end, caller.tenant(query.tenant), query.durable_days)
    before = query.before(scope)
    asked = questions(kpi, before, scope, dimensions_of(kpi, scope, query.by))
    answers, fresh, called, money = await unless_gone(request, _answered(services_of(request).pool, kpi, asked, scope))
    found = explain(kpi, before, scope, answers, at, currency=money, most=query.most)
    names = {str(tenant): name for tenant, name in called.items()}
    return ExplanationAnswer.model_validate(
        {
            **document(replace(found, splits=found.splits[: query.splits]), scope, names),
            "tenant_name": None if isinstance(scope.tenant, AllTenants) else called.get(scope.tenant),
            "uncounted": fresh.uncounted,
            "watermark": fresh.watermark,
        }
    )


async def _answered(
    pool: Pool, kpi: Kpi, asked: Mapping[Question, Statement], scope: Scope
) -> tuple[dict[Question, list[dict[str, Any]]], Freshness, dict[UUID, str], str]:
    """Return the rows of every query, how fresh the figures are, the names of tenants, and the currency."""

    def rows(statement: Statement) -> Callable[[Client], list[dict[str, Any]]]:
        return lambda client: query_rows(client, *statement)

    found, (fresh, called, money) = await asyncio.gather(
        asyncio.gather(*(pool.run(rows(statement)) for statement in asked.values())),
        pool.run(
            lambda client: (freshness_of(client, scope), tenant_names(client), currency_of(client, kpi.unit, scope))
        ),
    )
    return dict(zip(asked, found, strict=True)), fresh, called, money
