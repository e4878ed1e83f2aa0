"""``/v1/insights``: insights of the detectors, and what people do about them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Annotated, Final
from uuid import UUID

from clickhouse_connect.driver.client import Client
from fastapi import APIRouter, Depends, Path, Query, Request
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from api.access import BEARER, Caller, allowed
from api.parameters import InsightQuery, NoQuery
from api.problems import ApiError, documented, wrong
from api.roles import INSIGHT_TABS, Action
from api.services import services_of
from kpis.scope import AllTenants
from models.insight_message import InsightMessage, message_of
from models.insights import TYPES, Insight, InsightType
from models.pages import Listing, Page
from models.responses import (
    MAX_NOTE,
    Handling,
    Reply,
    Response,
    ResponseAction,
    ResponseStatus,
    ResponseVerdict,
    handling_of,
)
from models.timeline import EntryKind
from storage.insight_store import InsightFilter, insight_page, stored_insights
from storage.response_store import handlings, respond, responses_to
from storage.timeline_store import money_at_risk, read_timeline

router: Final = APIRouter(tags=["insights"], dependencies=[Depends(BEARER)])
_DAYS: Final = timedelta(days=7)


class HandlingAnswer(BaseModel):
    """Where the handling of an insight stands."""

    status: Annotated[
        ResponseStatus, Field(description="open where nobody responded, a snooze is over, or it has become critical")
    ]
    actor: Annotated[str, Field(description="Whose response gave it this status; empty while it is open")]
    since: Annotated[datetime | None, Field(description="When; null while it is open")]
    assignee: Annotated[str, Field(description="To whom it was given; empty where to nobody")]
    snoozed_until: datetime | None
    verdict: Annotated[str, Field(description="real, false_alarm or known once it is resolved; else empty")]


class ListedInsight(InsightMessage):
    """An insight with its handling."""

    handling: HandlingAnswer


class InsightAnswer(BaseModel):
    """One page of insights, oldest first."""

    insights: list[ListedInsight]
    next_offset: Annotated[int | None, Field(description="The next page's offset; null on the last one")]
    next_cursor: Annotated[
        str | None, Field(description="The next page's cursor, which new rows do not move; null on the last one")
    ]


class StoredResponse(BaseModel):
    """A response of somebody."""

    action: ResponseAction
    actor: str
    assignee: str
    note: str
    verdict: str
    snoozed_until: datetime | None
    responded_at: datetime


class TimelineItem(BaseModel):
    """One entry of a timeline."""

    at: datetime
    kind: Annotated[EntryKind, Field(description="found, severity, ended, told or response")]
    who: Annotated[str, Field(description="Who was told or responded; empty where it is of the detectors")]
    text: str


class Money(BaseModel):
    """Money at risk in the tenant's currency, with its 95 % bounds where they are known."""

    value: float
    lower: float | None
    upper: float | None
    currency: Annotated[str | None, Field(description="ISO 4217; null where the tenant has set none")]


class InsightHistory(BaseModel):
    """An insight, every response to it, and its timeline, oldest first."""

    insight: ListedInsight
    responses: list[StoredResponse]
    timeline: Annotated[list[TimelineItem], Field(description="How it developed, who was told, and the responses")]
    money_at_risk: Annotated[Money | None, Field(description="null where it is not known")]


class NewResponse(BaseModel):
    """What somebody does about an insight."""

    model_config = ConfigDict(extra="forbid")

    action: ResponseAction
    note: Annotated[str, Field(max_length=MAX_NOTE, description="What the others should know; the cause")] = ""
    assignee: Annotated[str, Field(max_length=128, description="Who takes it: for assign")] = ""
    snoozed_until: Annotated[
        AwareDatetime | None, Field(description="For snooze: within the next 30 days, with an offset")
    ] = None
    verdict: Annotated[ResponseVerdict | None, Field(description="For resolve: was the finding right?")] = None


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
    if after := query.after(Listing.INSIGHTS, datetime, UUID):
        wanted = wanted._replace(after=after[0], after_id=after[1])
    now = datetime.now(UTC)

    def work(client: Client) -> tuple[Page[Insight], Mapping[UUID, Handling]]:
        page = insight_page(client, wanted)
        return page, handlings(client, page.rows, now)

    page, handled = await services_of(request).pool.run(work)
    return InsightAnswer(
        insights=[_listed(one, handled[one.id]) for one in page.rows],
        next_offset=query.next_offset(page.next),
        next_cursor=page.next,
    )


@router.get("/v1/insights/{id}", responses=documented(404), summary="One insight and its history")
async def insight(
    request: Request,
    id_: Annotated[UUID, Path(alias="id")],
    _: Annotated[NoQuery, Query()],
    caller: Annotated[Caller, Depends(allowed(Action.READ_INSIGHTS))],
) -> InsightHistory:
    """Return an insight with its handling, every response, its timeline and the money at risk."""
    now = datetime.now(UTC)

    def work(client: Client) -> InsightHistory:
        found = _found(client, id_, caller)
        responses = responses_to(client, [id_]).get(id_, [])
        return _history(client, found, handling_of(found, responses, now), responses, now)

    return await services_of(request).pool.run(work)


@router.post("/v1/insights/{id}/responses", status_code=201, responses=documented(404), summary="Respond to an insight")
async def add_response(
    request: Request,
    id_: Annotated[UUID, Path(alias="id")],
    wanted: NewResponse,
    _: Annotated[NoQuery, Query()],
    caller: Annotated[Caller, Depends(allowed(Action.RESPOND_TO_INSIGHTS))],
) -> InsightHistory:
    """Acknowledge, assign, snooze, resolve, reopen or comment.

    What is snoozed or resolved needs no attention any more: alert rules and tables leave it out, unless it becomes
    critical later. The verdict of a resolution is the label from which the precision of detectors is computed.
    """
    now = datetime.now(UTC)
    reply = Reply(wanted.action, wanted.note, wanted.assignee, wanted.snoozed_until, wanted.verdict)

    def work(client: Client) -> InsightHistory:
        found = _found(client, id_, caller)
        handling, responses = respond(client, found, reply, caller.identity.label, now)
        return _history(client, found, handling, responses, now)

    return await services_of(request).pool.run(work)


def _found(client: Client, id_: UUID, caller: Caller) -> Insight:
    """Return an insight that the caller may see."""
    for one in stored_insights(client, InsightFilter(id_prefix=str(id_))):
        if one.insight_type in seen_types(caller) and caller.identity.may_see(one.user_id):
            caller.note_tenant(one.user_id)
            return one
    raise ApiError(404, "unknown-insight", f"you have no insight {id_}; GET /v1/insights lists them")


def _listed(one: Insight, handling: Handling) -> ListedInsight:
    return ListedInsight(**message_of(one), handling=HandlingAnswer(**handling._asdict()))


def _history(
    client: Client, found: Insight, handling: Handling, responses: Sequence[Response], now: datetime
) -> InsightHistory:
    money = money_at_risk(client, found, now)
    return InsightHistory(
        timeline=[TimelineItem(**one._asdict()) for one in read_timeline(client, found, responses)],
        money_at_risk=None if money is None else Money(**{**money._asdict(), "currency": money.currency or None}),
        insight=_listed(found, handling),
        responses=[
            StoredResponse(
                action=one.action,
                actor=one.actor,
                assignee=one.assignee,
                note=one.note,
                verdict=one.verdict,
                snoozed_until=one.snoozed_until if one.action is ResponseAction.SNOOZE else None,
                responded_at=one.responded_at,
            )
            for one in responses
        ],
    )


def seen_types(caller: Caller) -> frozenset[InsightType]:
    """Return the insight types that its roles may see."""
    return frozenset(one for one in TYPES if not caller.identity.tabs.isdisjoint(INSIGHT_TABS[one]))
