"""``/links``: the page of one insight, for whoever has a signed link or signs in; reading it changes nothing.

Tokens are in the path of GET alone, which no log of ours has; responses are sent in the body of POST.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Annotated, Final, NamedTuple
from urllib.parse import parse_qsl
from uuid import UUID, uuid5

from clickhouse_connect.driver.client import Client
from fastapi import APIRouter, Path, Request
from starlette.responses import HTMLResponse

from api.api_key_cache import KEY_NAME
from api.auth_middleware import admit_identity, authenticate
from api.identity import Identity
from api.link_page import BUTTONS, InsightView, Offer, insight_page, refusal_page, sign_in_page
from api.problems import ApiError
from api.roles import INSIGHT_TABS, RIGHTS, Action
from api.services import Services, services_of
from api.shares import HOLDERS
from models.errors import InvalidRequest
from models.insights import Insight
from models.responses import (
    Reply,
    Response,
    ResponseAction,
    ResponseStatus,
    ResponseVerdict,
    handling_of,
    name_of_actor,
)
from models.tenant_names import name_or_all
from models.timeline import response_text
from storage.insight_links import InsightLink, LinkAction, LinkPurpose, LinkRefused, expiry, link_id
from storage.insight_store import InsightFilter, stored_insights
from storage.response_store import respond, responses_to
from storage.tenant_names import tenant_names
from storage.timeline_store import money_at_risk, read_timeline

router: Final = APIRouter(prefix="/links", include_in_schema=False)
_SIGNED_IN_DAYS: Final = 30 / (24 * 60)
_MAX_FIELDS: Final = 10
_MONDAY_HOUR: Final = 8
_ACTIONS: Final = {value: action for value, action, _ in BUTTONS}
_ONCE: Final = (LinkAction.FALSE_ALARM, LinkAction.KNOWN)


class _Given(NamedTuple):
    """What a form sent."""

    token: str
    link: InsightLink
    button: str
    name: str
    note: str


@router.get("/{token}")
async def show(request: Request, token: Annotated[str, Path(max_length=4096)]) -> HTMLResponse:
    """Show an insight by a link of a message. Changes nothing: mail scanners open links too."""
    now = datetime.now(UTC)
    try:
        link = _opened(request, token, (LinkPurpose.MESSAGE,), now)
        return await services_of(request).pool.run(lambda client: _shown(client, link, token, now))
    except LinkRefused as refused:
        return await _refused(request, refused)


@router.post("")
async def answer(request: Request) -> HTMLResponse:
    """Store a response. The second of the same kind by the same link says what the first one did."""
    now = datetime.now(UTC)
    form = await _form(request)
    try:
        token = form.get("token", "")
        link = _opened(request, token, tuple(LinkPurpose), now)
        await _require_key(services_of(request), link)
        given = _Given(token, link, form.get("action", ""), form.get("name", ""), form.get("note", ""))
        return await services_of(request).pool.run(lambda client: _answered(client, given, now))
    except LinkRefused as refused:
        return await _refused(request, refused)


@router.get("/insights/{id}")
async def ask_who(id_: Annotated[UUID, Path(alias="id")]) -> HTMLResponse:
    """Ask who wants to see an insight: for links without a token, such as those of Grafana."""
    return sign_in_page(id_)


@router.post("/insights/{id}")
async def sign_in(request: Request, id_: Annotated[UUID, Path(alias="id")]) -> HTMLResponse:
    """Show an insight to somebody with a key or a token, whose rights are those of the API."""
    now = datetime.now(UTC)
    key = (await _form(request)).get("key", "").strip()
    services, state = services_of(request), request.scope["state"]
    try:
        identity = await authenticate(services, key, state["admit"])
    except ApiError as refused:
        if refused.status != 401:
            raise
        await state["admit"]()
        return sign_in_page(id_, refused.detail, 401)
    await admit_identity(services, identity)
    state["identity"], state["action"] = identity, str(Action.READ_INSIGHTS)
    found = await services.pool.run(lambda client: _of_identity(client, id_, identity))
    if found is None:
        return sign_in_page(id_, f"you have no insight {id_}", 404)
    state["tenant"] = str(found.user_id)
    may_respond = any(Action.RESPOND_TO_INSIGHTS in RIGHTS[role].actions for role in identity.roles)
    link = InsightLink(
        found.id,
        found.user_id,
        identity.label or identity.name,
        expiry(now, _SIGNED_IN_DAYS),
        frozenset(LinkAction) if may_respond else frozenset(),
        LinkPurpose.PAGE,
        identity.name.removeprefix(KEY_NAME) if identity.name.startswith(KEY_NAME) else "",
    )
    token = services.links.token(link)
    return await services.pool.run(lambda client: _shown(client, link, token, now))


def _opened(request: Request, token: str, purposes: Sequence[LinkPurpose], now: datetime) -> InsightLink:
    """Return what a token allows, and note for the audit log whose it is."""
    services: Services = services_of(request)
    link = services.links.opened(token, purposes, now)
    state = request.scope["state"]
    state["actor"] = f"by link for {link.audience}"
    state["action"] = str(Action.READ_INSIGHTS if request.method == "GET" else Action.RESPOND_TO_INSIGHTS)
    state["tenant"] = str(link.tenant)
    state["object"] = f"insight:{link.insight} link:{link_id(token)}"
    HOLDERS.set((f"link:{link.audience}",))  # whoever opens it has no more of the database than anybody else
    return link


async def _require_key(services: Services, link: InsightLink) -> None:
    """Raise ``LinkRefused`` where the API key that a page was opened with was revoked meanwhile."""
    if link.key and not await services.ring.is_valid(link.key):
        raise LinkRefused("the API key that this page was opened with was revoked")


def _shown(client: Client, link: InsightLink, token: str, now: datetime, said: str = "") -> HTMLResponse:
    insight = _found(client, link)
    responses = responses_to(client, [insight.id]).get(insight.id, [])
    used = _used(link, token, responses)
    left = link.actions - used.keys() if not used.keys() & set(_ONCE) else frozenset()
    names = tenant_names(client)
    view = InsightView(
        insight,
        name_or_all(insight.user_id, names),
        handling_of(insight, responses, now),
        read_timeline(client, insight, responses),
        money_at_risk(client, insight, now),
    )
    return insight_page(view, Offer(token, left, link.audience, said))


def _answered(client: Client, given: _Given, now: datetime) -> HTMLResponse:
    link, action = given.link, _ACTIONS.get(given.button)
    if action is None or action not in link.actions:
        raise LinkRefused("this link is not for that response")
    insight = _found(client, link)
    responses = responses_to(client, [insight.id]).get(insight.id, [])
    used = _used(link, given.token, responses)
    done = used.get(action) or next((used[one] for one in _ONCE if one in used), None)
    if done is not None:
        said = f"Already done by this link, nothing changed: {done.actor} at {done.responded_at:%Y-%m-%d %H:%M} UTC: "
        return _shown(client, link, given.token, now, said + response_text(done))
    handling = handling_of(insight, responses, now)
    if handling.status is ResponseStatus.RESOLVED:
        return _shown(client, link, given.token, now, f"Nothing changed: it was resolved by {handling.actor}.")
    # A name is what somebody typed: whose link it was stays beside it, however long the name is.
    actor = name_of_actor(given.name, f" (link for {link.audience})") if given.name.strip() else link.actor
    id_ = _response_id(link, given.token, action)
    try:
        _, after = respond(client, insight, _reply(given, action, now), actor, now, id_=id_)
    except InvalidRequest as error:
        return _shown(client, link, given.token, now, f"Nothing changed: {error.field}: {error.message}")
    return _shown(client, link, given.token, now, f"Done: {response_text(after[-1])}.")


def _used(link: InsightLink, token: str, responses: Sequence[Response]) -> Mapping[LinkAction, Response]:
    """Return the responses that were given by a link, by action."""
    known = {one.id: one for one in reversed(responses)}
    ids = {action: _response_id(link, token, action) for action in LinkAction}
    return {action: known[id_] for action, id_ in ids.items() if id_ in known}


def _response_id(link: InsightLink, token: str, action: LinkAction) -> UUID:
    return uuid5(link.insight, f"link/{link_id(token)}/{action}")


def _reply(given: _Given, action: LinkAction, now: datetime) -> Reply:
    if action is LinkAction.ACKNOWLEDGE:
        return Reply(ResponseAction.ACKNOWLEDGE, given.note)
    if action is LinkAction.SNOOZE:
        return Reply(ResponseAction.SNOOZE, given.note, snoozed_until=snooze_end(given.button, now))
    return Reply(ResponseAction.RESOLVE, given.note, verdict=ResponseVerdict(action.value))


def snooze_end(button: str, now: datetime) -> datetime:
    """Return when the snooze of a button ends: in an hour, in a day, or on the next Monday at 08:00 UTC."""
    if button == "snooze_1h":
        return now + timedelta(hours=1)
    if button == "snooze_1d":
        return now + timedelta(days=1)
    monday = now.replace(hour=_MONDAY_HOUR, minute=0, second=0, microsecond=0) - timedelta(days=now.weekday())
    return monday if monday > now else monday + timedelta(days=7)


def _found(client: Client, link: InsightLink) -> Insight:
    """Return the insight of a link.

    Raises
    ------
    LinkRefused
        It is not there any more, or is not of the link's tenant.
    """
    wanted = InsightFilter(tenant=link.tenant, id_prefix=str(link.insight), limit=1)
    for one in stored_insights(client, wanted):
        return one
    raise LinkRefused("what this link is about is not kept any more")


def _of_identity(client: Client, id_: UUID, identity: Identity) -> Insight | None:
    """Return an insight that somebody may see; ``None``: there is none."""
    if not any(Action.READ_INSIGHTS in RIGHTS[role].actions for role in identity.roles):
        return None
    for one in stored_insights(client, InsightFilter(id_prefix=str(id_), limit=1)):
        if identity.may_see(one.user_id) and not identity.tabs.isdisjoint(INSIGHT_TABS[one.insight_type]):
            return one
    return None


async def _refused(request: Request, refused: LinkRefused) -> HTMLResponse:
    """Return the page of a refused token; too many of one address are answered 429."""
    admit: Callable[[], Awaitable[None]] = request.scope["state"]["admit"]
    await admit()
    return refusal_page(f"{str(refused)[:1].upper()}{str(refused)[1:]}.", 403)


async def _form(request: Request) -> dict[str, str]:
    """Return the fields of a form; the last one of a name counts.

    Raises
    ------
    ApiError
        It is no form.
    """
    given = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if given != "application/x-www-form-urlencoded":
        raise ApiError(415, "no-form", "expected the form of this page (application/x-www-form-urlencoded)")
    try:
        text = (await request.body()).decode()
        return dict(parse_qsl(text, keep_blank_values=True, max_num_fields=_MAX_FIELDS))
    except ValueError:
        raise ApiError(422, "wrong-value", "the form cannot be read") from None
