"""``GET /v1/insights``: insights of the detectors."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated, Final
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request
from pydantic import BaseModel, Field

from api.access import BEARER, Caller, allowed
from api.parameters import InsightQuery
from api.problems import documented, wrong
from api.roles import INSIGHT_TABS, Action
from api.services import services_of
from kpis.scope import AllTenants
from models.insight_message import InsightMessage, message_of
from models.insights import TYPES, InsightType
from storage.insight_store import InsightFilter, insight_page

router: Final = APIRouter(tags=["insights"], dependencies=[Depends(BEARER)])
_DAYS: Final = timedelta(days=7)


class InsightAnswer(BaseModel):
    """One page of insights, oldest first."""

    insights: list[InsightMessage]
    next_offset: Annotated[int | None, Field(description="The next page's offset; null on the last one")]
    next_cursor: Annotated[
        str | None, Field(description="The next page's cursor, which new rows do not move; null on the last one")
    ]


@router.get("/v1/insights", responses=documented(), summary="What the detectors found")
async def insights(
    request: Request,
    query: Annotated[InsightQuery, Query()],
    caller: Annotated[Caller, Depends(allowed(Action.READ_INSIGHTS))],
) -> InsightAnswer:
    """Insights that were open at any time of the range, of the types that your roles may see. Page by cursor."""
    seen = seen_types(caller)
    if query.type is not None:
        caller.identity.require_tab(INSIGHT_TABS[query.type], f"insights of type {query.type}")
    end = query.local("to", query.end) or datetime.now(UTC)
    start = query.local("from", query.start) or end - _DAYS
    if start >= end:
        raise wrong("from", "the range must begin before it ends (to; now if left out)")
    tenant = caller.tenant(query.tenant)
    wanted = InsightFilter(
        tenant=None if isinstance(tenant, AllTenants) else tenant,
        types=tuple(sorted(seen if query.type is None else {query.type})),
        is_open=query.status == "open",
        since=start,
        until=end,
        limit=query.limit,
        offset=query.offset,
    )
    if after := query.after(datetime, UUID):
        wanted = wanted._replace(after=after[0], after_id=after[1])
    page = await services_of(request).pool.run(lambda client: insight_page(client, wanted))
    return InsightAnswer(
        insights=[message_of(one) for one in page.rows],
        next_offset=query.next_offset(page.next),
        next_cursor=page.next,
    )


def seen_types(caller: Caller) -> frozenset[InsightType]:
    """Return the insight types that its roles may see."""
    return frozenset(one for one in TYPES if not caller.identity.tabs.isdisjoint(INSIGHT_TABS[one]))
