"""``GET /v1/dashboards/{tab}``: all data of a tab, the document's ``getDashboardData``."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Header, Query, Request
from pydantic import BaseModel, Field
from starlette.responses import Response

from api.access import BEARER, Caller, allowed
from api.encoding import encoded, plain_rows
from api.parameters import NAME_HELP, DashboardQuery
from api.problems import ApiError, documented, wrong
from api.roles import TABS, Action
from api.services import Services, services_of
from dashboards.panel import Column, Panel, PanelQuery, Tab, Thresholds
from dashboards.preview.sums import no_data, statement
from dashboards.time_ranges import duration
from kpis.rollups.freshness import CONVERSATIONS_BEHIND, uncounted
from kpis.scope import AllTenants, Scope
from kpis.sql.dialect import Bound
from storage.reading import ask_page, query_rows
from storage.tenant_names import tenant_names

router: Final = APIRouter(tags=["dashboards"], dependencies=[Depends(BEARER)])
TabName = StrEnum("TabName", {name: name for name in TABS})  # type: ignore[misc] # mypy needs literal names
_MAX_FRESH: Final = 30.0


class Lines(BaseModel):
    """Thresholds of a number."""

    good: Annotated[str, Field(description="The direction that is better: up, down or neutral")]
    warning: float | None
    critical: float | None


class Shown(BaseModel):
    """Display of a column."""

    name: str
    title: str
    unit: Annotated[str | None, Field(description="count, ratio (0 to 1), ms, minutes, hours, stars, money, ...")]
    thresholds: Lines | None


class AnswerPage(BaseModel):
    """One page of an answer."""

    rows: list[dict[str, Any]]
    total: Annotated[int, Field(description="Rows of all pages")]
    next_offset: Annotated[int | None, Field(description="The next page's offset; null on the last one")]
    narrowed_by: Annotated[list[str], Field(description="The filters that this answer takes, of those given")]


class PanelAnswer(BaseModel):
    """One panel: the question that it answers, and the answer."""

    id: int
    section: str
    title: str
    description: str
    picture: Annotated[str, Field(description="How it is drawn: stat, timeseries, table, ...")]
    unit: str | None
    thresholds: Lines | None
    columns: list[Shown]
    no_data: Annotated[str, Field(description="What it means that there are no rows, or no amounts")]
    answers: Annotated[dict[str, AnswerPage], Field(description="By reference id; A is the first")]


class DashboardAnswer(BaseModel):
    """Everything that a tab shows."""

    tab: str
    title: str
    about: str
    tenant: Annotated[str, Field(description="The tenant's id, or all")]
    tenant_name: Annotated[str | None, Field(description=NAME_HELP)]
    start: Annotated[datetime, Field(alias="from", description="As it is read: to the minute, from two days on hour")]
    end: Annotated[datetime, Field(alias="to", description="Not included")]
    filters: dict[str, str]
    uncounted: Annotated[str, Field(description="What is stored, but not in any figure yet; empty: nothing")]
    panels: list[PanelAnswer]


@router.get(
    "/v1/dashboards/{tab}",
    response_model=DashboardAnswer,
    responses={
        304: {"description": "Nothing changed since the answer with that ETag"},
        **documented(),
    },
    summary="Everything that a tab shows",
)
async def dashboard(
    request: Request,
    tab: TabName,
    query: Annotated[DashboardQuery, Query()],
    caller: Annotated[Caller, Depends(allowed(Action.READ_DASHBOARDS))],
    if_none_match: Annotated[list[str] | None, Header()] = None,
) -> Response:
    """Every panel's answer, with titles, units and thresholds.

    Answers are kept for up to 30 seconds (the age is in `Age`), and have an `ETag`.
    """
    name = str(tab)
    caller.identity.require_tab({name}, f"the tab {name}")
    services = services_of(request)
    scope = _scope(TABS[name], query, caller)
    panels = _panels(TABS[name], query)

    async def make() -> bytes:
        return await _answer(services, name, panels, scope, query)

    key = f"{name} {scope.tenant} {scope.first} {scope.limit} {scope.time_zone} {scope.filters} {query.panel}"
    now = services.configuration.clock()
    kept = await services.cache.get(f"{key} {query.limit} {query.offset}", _fresh(TABS[name]), make)
    headers = {"ETag": kept.etag, "Cache-Control": "private, no-cache", "Age": str(max(0, int(now - kept.made_at)))}
    if _matches(kept.etag, if_none_match or ()):
        return Response(status_code=304, headers=headers)
    return Response(kept.body, headers=headers, media_type="application/json")


def _scope(tab: Tab, query: DashboardQuery, caller: Caller) -> Scope:
    for name in query.filters:
        if name not in tab.variables:
            there = ", ".join(tab.variables) or "nothing"
            raise wrong(name, f"this tab cannot be narrowed by it; expected one of {there}")
    start, end = query.times(datetime.now(UTC), duration(tab.span))
    return query.scope(start, end, caller.tenant(query.tenant))


def _panels(tab: Tab, query: DashboardQuery) -> list[tuple[str, Panel]]:
    found = [
        (row.title, panel) for row in tab.rows for panel in row.panels if panel.asks and query.panel in {None, panel.id}
    ]
    if not found:
        raise ApiError(404, "unknown-panel", f"the tab has no panel {query.panel}")
    return found


async def _answer(
    services: Services, name: str, panels: list[tuple[str, Panel]], scope: Scope, query: DashboardQuery
) -> bytes:
    asked = [(panel, ref, one) for _, panel in panels for ref, one in panel.asks.items()]
    found, told = await asyncio.gather(
        asyncio.gather(*(_rows(services, panel, one, scope, query) for panel, _, one in asked)),
        services.pool.run(lambda client: (query_rows(client, CONVERSATIONS_BEHIND, {}), tenant_names(client))),
    )
    standing, names = told
    answers = {(panel.id, ref): rows for (panel, ref, _), rows in zip(asked, found, strict=True)}
    tab = TABS[name]
    answer = DashboardAnswer.model_construct(
        tab=name,
        title=tab.title,
        about=tab.about,
        tenant="all" if isinstance(scope.tenant, AllTenants) else str(scope.tenant),
        tenant_name=None if isinstance(scope.tenant, AllTenants) else names.get(scope.tenant),
        start=scope.first,
        end=scope.limit,
        filters=query.filters,
        uncounted=uncounted(int(standing[0]["seconds"])),
        panels=[
            _panel(section, panel, {ref: answers[panel.id, ref] for ref in panel.asks}) for section, panel in panels
        ],
    )
    return await asyncio.to_thread(lambda: encoded(answer.model_dump(by_alias=True)))


async def _rows(services: Services, panel: Panel, one: PanelQuery, scope: Scope, query: DashboardQuery) -> AnswerPage:
    mine = [name for name in query.filters if name in one.filters]
    others = dict.fromkeys(query.filters.keys() - set(mine))
    dialect = Bound(query.model_copy(update=others).scope(scope.start, scope.end, scope.tenant))
    rows, total = await services.pool.run(
        lambda client: ask_page(
            client,
            statement(panel, one.render(dialect), dialect),
            dialect.parameters,
            limit=query.limit,
            offset=query.offset,
        )
    )
    more = query.offset + query.limit
    return AnswerPage.model_construct(
        rows=plain_rows(rows), total=total, next_offset=more if more < total else None, narrowed_by=mine
    )


def _panel(section: str, panel: Panel, answers: Mapping[str, AnswerPage]) -> PanelAnswer:
    return PanelAnswer.model_construct(
        id=panel.id,
        section=section,
        title=panel.title,
        description=panel.description,
        picture=panel.picture.value,
        unit=panel.unit,
        thresholds=_lines(panel.thresholds),
        columns=[_shown(column) for column in panel.columns if not column.hidden],
        no_data=no_data(panel),
        answers=dict(answers),
    )


def _shown(column: Column) -> Shown:
    return Shown.model_construct(
        name=column.name, title=column.title, unit=column.unit, thresholds=_lines(column.thresholds)
    )


def _lines(thresholds: Thresholds | None) -> Lines | None:
    if thresholds is None:
        return None
    return Lines(good=thresholds.direction, warning=thresholds.warning, critical=thresholds.critical)


def _fresh(tab: Tab) -> float:
    return min(_MAX_FRESH, duration(tab.refresh).total_seconds())


def _matches(etag: str, given: Iterable[str]) -> bool:
    """Whether a client has what an ETag names, compared weakly (RFC 9110); the header may come in several lines."""
    named = {one.strip().removeprefix("W/") for line in given for one in line.split(",")}
    return "*" in named or etag.removeprefix("W/") in named
