"""``/v1/analyses``: the analyses, the same rows as ``romashka kpi analyse``."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Annotated, Any, Final
from uuid import UUID

from fastapi import APIRouter, Depends, Path, Query, Request
from pydantic import BaseModel, Field

from api.access import BEARER, Caller, allowed
from api.disconnect import unless_gone
from api.encoding import plain_rows
from api.identity import ALL
from api.kpis import DAYS, WATERMARK_HELP
from api.parameters import AnalysisQuery, NoQuery
from api.pool import Pool
from api.problems import ApiError, documented, wrong
from api.roles import AREA_TABS, Action
from api.services import services_of
from kpis.analyses.catalogue import ANALYSES
from kpis.analyses.incident_cost import fault_of
from kpis.scope import ALL_TENANTS, AllTenants, Scope
from models.insights import ALL_TENANTS_ID
from storage.freshness import freshness_of
from storage.reading import query_rows

router: Final = APIRouter(prefix="/v1/analyses", tags=["analyses"], dependencies=[Depends(BEARER)])
_FAULT: Final = "fault-cost"


class AnalysisDefinition(BaseModel):
    """An analysis."""

    name: str
    meaning: str
    area: str


class AnalysisAnswer(BaseModel):
    """The rows of an analysis."""

    analysis: AnalysisDefinition
    tenant: Annotated[str, Field(description="The tenant's id, or all")]
    start: Annotated[datetime, Field(alias="from")]
    end: Annotated[datetime, Field(alias="to", description="Not included")]
    filters: dict[str, str]
    rows: list[dict[str, Any]]
    total: Annotated[int, Field(description="Rows of all pages")]
    next_offset: Annotated[int | None, Field(description="The next page's offset; null on the last one")]
    uncounted: Annotated[str, Field(description="What is stored, but not in any row yet; empty: nothing")]
    watermark: Annotated[datetime | None, Field(description=WATERMARK_HELP)]


@router.get("", responses=documented(), summary="Every analysis")
async def analyses(
    caller: Annotated[Caller, Depends(allowed(Action.READ_KPIS))], _: Annotated[NoQuery, Query()]
) -> list[AnalysisDefinition]:
    """List the analyses that your roles may see."""
    return [
        _definition(name) for name, one in ANALYSES.items() if not caller.identity.tabs.isdisjoint(AREA_TABS[one.area])
    ]


@router.get("/{name}", responses=documented(404), summary="One analysis over a range")
async def analysis(
    request: Request,
    name: Annotated[str, Path(max_length=64, examples=["gaps"])],
    query: Annotated[AnalysisQuery, Query()],
    caller: Annotated[Caller, Depends(allowed(Action.READ_KPIS))],
) -> AnalysisAnswer:
    """Return the rows that `romashka kpi analyse` prints."""
    found = ANALYSES.get(name)
    if found is None:
        raise ApiError(404, "unknown-analysis", f"there is no analysis '{name}'; GET /v1/analyses lists them all")
    caller.identity.require_tab(AREA_TABS[found.area], f"analyses of {found.area}")
    now, pool = datetime.now(UTC), services_of(request).pool
    if query.insight is not None:
        if name != _FAULT:
            raise wrong("insight", f"only {_FAULT} is about an insight")
        scope = await _of_insight(pool, query.insight, caller, now)
    else:
        start, end = query.times(now, DAYS)
        scope = query.scope(start, end, caller.tenant(query.tenant))
    asked = found.query(replace(scope, as_of=now))
    rows, fresh = await unless_gone(
        request, pool.run(lambda client: (query_rows(client, *asked), freshness_of(client, scope)))
    )
    finished = found.finish(rows)
    more = query.offset + query.limit
    return AnalysisAnswer.model_validate(
        {
            "analysis": _definition(name),
            "tenant": ALL if isinstance(scope.tenant, AllTenants) else str(scope.tenant),
            "from": scope.first,
            "to": scope.limit,
            "filters": scope.filters,
            "rows": plain_rows(finished[query.offset : more]),
            "total": len(finished),
            "next_offset": more if more < len(finished) else None,
            "uncounted": fresh.uncounted,
            "watermark": fresh.watermark,
        }
    )


async def _of_insight(pool: Pool, insight: UUID, caller: Caller, now: datetime) -> Scope:
    """Return the range of an insight's incident, up to now while it is open."""
    rows = await pool.run(lambda client: query_rows(client, *fault_of(insight), aware=True))
    if not rows or not caller.identity.may_see(rows[0]["user_id"]):
        raise ApiError(404, "unknown-insight", f"you have no insight {insight} about an integration")
    (fault,) = rows
    is_wide = fault["user_id"] == ALL_TENANTS_ID
    caller.tenant(ALL if is_wide else str(fault["user_id"]))
    end = now if fault["ended_at"] is None else fault["ended_at"]
    who = ALL_TENANTS if is_wide else fault["user_id"]
    return Scope(fault["started_at"], end, who, provider=fault["integration_provider"])


def _definition(name: str) -> AnalysisDefinition:
    found = ANALYSES[name]
    return AnalysisDefinition(name=name, meaning=found.meaning, area=found.area.value)
