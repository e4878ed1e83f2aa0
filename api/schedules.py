"""``/v1/schedules``: recurring reports."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Annotated, Final
from uuid import UUID

from clickhouse_connect.driver.client import Client
from fastapi import APIRouter, Depends, Path, Query, Request
from pydantic import BaseModel, ConfigDict, Field

from api.access import BEARER, Caller, allowed
from api.identity import ALL
from api.parameters import ListQuery, NoQuery, TenantText
from api.problems import ApiError, documented, wrong
from api.reports import Template
from api.roles import REPORT_TABS, RIGHTS, Action
from api.services import services_of
from kpis.period import PATTERN
from kpis.scope import AllTenants
from models.fields import Label, Provider
from models.pages import Listing
from models.pattern_words import TIME_ZONE_PATTERN
from reports.delivery_log import DeliveryLog
from reports.request import Parts, ReportFormat, ReportType
from reports.schedule import LOOK_BACK, Missed, Schedule
from reports.schedule_limits import ScheduleLimits, TooManySchedules
from reports.schedule_state import state
from reports.schedule_store import ScheduleFilter, put_schedule, readable, schedules
from reports.webhook import masked

router: Final = APIRouter(prefix="/v1/schedules", tags=["schedules"], dependencies=[Depends(BEARER)])


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class NewSchedule(_Body):
    """A schedule to add; it replaces the tenant's schedule of that name."""

    name: Label
    tenant: TenantText | None = None
    type: ReportType
    format: ReportFormat = ReportFormat.PDF
    cron: Annotated[str, Field(max_length=100, examples=["0 7 * * 1"], description="minute hour day month weekday")]
    time_zone: Annotated[str, Field(pattern=TIME_ZONE_PATTERN)] = "UTC"
    recipients: Annotated[
        list[Annotated[str, Field(max_length=300)]],
        Field(
            min_length=1,
            max_length=50,
            examples=[["mailto:ada@example.com"]],
            description="mailto: addresses; https:// webhooks and env: variables are for administrators",
        ),
    ]
    time_range: Annotated[str, Field(pattern=PATTERN, description="24h, 7d, 1M, 1Q, 1y, or last-month")] = "7d"
    missed: Annotated[Missed, Field(description="What to do about moments when no worker ran")] = Missed.CATCH_UP
    integrations: Annotated[list[Provider], Field(max_length=50, description="Only these; all where empty")] = []
    template_config: Template = Template()


class ScheduleChange(_Body):
    """Changes to a schedule."""

    active: Annotated[bool, Field(description="false pauses it; true sends again from now on")]


class ListedSchedule(BaseModel):
    """A schedule."""

    id: UUID
    tenant: Annotated[str, Field(description="The tenant's id, or all")]
    name: str
    type: ReportType
    format: ReportFormat
    cron: str
    time_zone: str
    time_range: str
    recipients: Annotated[
        list[str] | None, Field(description="Webhooks by their host alone; null for those who may not change schedules")
    ]
    active: bool
    next: Annotated[datetime | None, Field(description="When it is sent next; null while it is paused")]
    state: Annotated[str, Field(description="ok, paused, or what could not be sent and when it is tried again")]


class ScheduleList(BaseModel):
    """One page of schedules, by name."""

    schedules: list[ListedSchedule]
    next_offset: Annotated[int | None, Field(description="The next page's offset; null on the last one")]
    next_cursor: Annotated[
        str | None, Field(description="The next page's cursor, which new rows do not move; null on the last one")
    ]


@router.get("", responses=documented(), summary="The schedules of a tenant")
async def list_(
    request: Request,
    query: Annotated[ListQuery, Query()],
    caller: Annotated[Caller, Depends(allowed(Action.READ_SCHEDULES))],
) -> ScheduleList:
    """List schedules, of the types of report that your roles may see; administrators see those of every tenant."""
    tenant = caller.tenant(query.tenant)
    whose = None if isinstance(tenant, AllTenants) else tenant
    now = datetime.now(UTC)
    types = tuple(one.value for one in ReportType if not caller.identity.tabs.isdisjoint(REPORT_TABS[one]))
    wanted = ScheduleFilter(whose, types, limit=query.limit, offset=query.offset)
    if after := query.after(Listing.SCHEDULES, str, UUID):
        wanted = wanted._replace(after=(after[0], after[1]))
    page, statuses = await services_of(request).pool.run(
        lambda client: (readable(client, wanted), DeliveryLog(client).statuses(now - LOOK_BACK))
    )
    return ScheduleList(
        schedules=[_listed(one, caller, state(one, statuses, now)) for one in page.found],
        next_offset=query.next_offset(page.next),
        next_cursor=page.next,
    )


@router.post("", status_code=201, responses=documented(409), summary="Add a schedule")
async def add(
    request: Request,
    wanted: NewSchedule,
    _: Annotated[NoQuery, Query()],
    caller: Annotated[Caller, Depends(allowed(Action.CHANGE_SCHEDULES))],
) -> ListedSchedule:
    """Add a schedule, or replace the tenant's schedule of that name."""
    caller.identity.require_tab(REPORT_TABS[wanted.type], f"reports of type {wanted.type}")
    if not caller.identity.sees_all_tenants and not all(one.lower().startswith("mailto:") for one in wanted.recipients):
        raise wrong("recipients", "expected mailto: addresses; others are set up by administrators")
    if any(not one.lower().startswith(("mailto:", "https:", "env:")) for one in wanted.recipients):
        raise wrong("recipients", "expected mailto:, https:// or env: addresses")
    services = services_of(request)
    now = datetime.now(UTC)
    schedule = Schedule(
        tenant=caller.tenant(wanted.tenant),
        name=wanted.name,
        type=wanted.type,
        format=wanted.format,
        cron=wanted.cron,
        time_zone=wanted.time_zone,
        recipients=tuple(wanted.recipients),
        created_at=now,
        since=now,
        covers=wanted.time_range,
        missed=wanted.missed,
        integrations=tuple(wanted.integrations),
        parts=Parts(**{name.removeprefix("include_"): on for name, on in wanted.template_config.model_dump().items()}),
    )
    limits = services.configuration.schedule_limits
    how = await services.pool.run(lambda client: _add(client, schedule, now, limits))
    return _listed(schedule, caller, how)


@router.patch("/{id}", responses=documented(404), summary="Pause or resume a schedule")
async def change(
    request: Request,
    id_: Annotated[UUID, Path(alias="id")],
    wanted: ScheduleChange,
    _: Annotated[NoQuery, Query()],
    caller: Annotated[Caller, Depends(allowed(Action.CHANGE_SCHEDULES))],
) -> ListedSchedule:
    """Pause or resume it; reports due while it was paused are not sent later."""
    now = datetime.now(UTC)

    def work(client: Client) -> tuple[Schedule, str]:
        schedule = _found(client, id_, caller)
        if schedule.active != wanted.active:
            schedule = replace(schedule, active=wanted.active, since=now if wanted.active else schedule.since)
            put_schedule(client, schedule, now)
        return schedule, _state(client, schedule, now)

    schedule, how = await services_of(request).pool.run(work)
    return _listed(schedule, caller, how)


@router.delete("/{id}", status_code=204, responses=documented(404), summary="Remove a schedule")
async def remove(
    request: Request,
    id_: Annotated[UUID, Path(alias="id")],
    _: Annotated[NoQuery, Query()],
    caller: Annotated[Caller, Depends(allowed(Action.CHANGE_SCHEDULES))],
) -> None:
    """Delete it; its reports are kept."""
    now = datetime.now(UTC)
    await services_of(request).pool.run(
        lambda client: put_schedule(client, _found(client, id_, caller), now, removed=True)
    )


def _add(client: Client, schedule: Schedule, now: datetime, limits: ScheduleLimits) -> str:
    """Add a schedule within the limits, replacing one of the same name; return its state."""
    try:
        limits.check(schedule, schedules(client, schedule.tenant))
    except TooManySchedules as error:
        raise ApiError(409, "too-many", str(error)) from None
    put_schedule(client, schedule, now)
    return _state(client, schedule, now)


def _state(client: Client, schedule: Schedule, now: datetime) -> str:
    return state(schedule, DeliveryLog(client).statuses(now - LOOK_BACK), now)


def _found(client: Client, id_: UUID, caller: Caller) -> Schedule:
    for one in schedules(client):
        if one.id == id_ and _is_theirs(one, caller):
            return one
    raise ApiError(404, "unknown-schedule", f"you have no schedule {id_}; GET /v1/schedules lists them")


def _is_theirs(schedule: Schedule, caller: Caller) -> bool:
    if caller.identity.tabs.isdisjoint(REPORT_TABS[schedule.type]):
        return False
    if isinstance(schedule.tenant, AllTenants):
        return caller.identity.sees_all_tenants
    return caller.identity.may_see(schedule.tenant)


def _listed(schedule: Schedule, caller: Caller, how: str) -> ListedSchedule:
    may_change = any(Action.CHANGE_SCHEDULES in RIGHTS[role].actions for role in caller.identity.roles)
    return ListedSchedule(
        id=schedule.id,
        tenant=ALL if isinstance(schedule.tenant, AllTenants) else str(schedule.tenant),
        name=schedule.name,
        type=schedule.type,
        format=schedule.format,
        cron=schedule.cron,
        time_zone=schedule.time_zone,
        time_range=schedule.covers,
        recipients=[masked(one) for one in schedule.recipients] if may_change else None,
        active=schedule.active,
        next=schedule.next(datetime.now(UTC)),
        state=how,
    )
