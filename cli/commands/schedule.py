"""``romashka schedule``: recurring reports."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Annotated, NamedTuple
from uuid import UUID

import typer
from clickhouse_connect.driver.client import Client

from cli.arguments import After, Limit, Zone, after, given_tenant, say_next
from cli.command_audit import audited
from cli.console import err, out, styled, table
from cli.formats import OutputFormat, Printed, print_rows
from cli.limits import schedule_limits
from cli.settings import settings
from kpis.scope import AllTenants
from models.counting import counted
from models.errors import RomashkaError
from models.pages import Listing
from reports.delivery_log import DeliveryKey, DeliveryLog, DeliveryStatus
from reports.request import Parts, ReportFormat, ReportType
from reports.schedule import LOOK_BACK, Missed, Schedule
from reports.schedule_state import last_sent, state
from reports.schedule_store import ScheduleFilter, find, put_schedule, readable, schedules
from reports.webhook import masked
from storage.connection import connect

app = typer.Typer(help="Scheduled reports, sent by the leader.", no_args_is_help=True)

_ANSWER_SECONDS = 300


Name = Annotated[str, typer.Argument(help="Schedule name")]
Whose = Annotated[
    str, typer.Option("--tenant", help="Tenant (its user_id), or 'all'; needed where the name is ambiguous")
]


@app.command()
def add(
    name: Name,
    tenant: Annotated[str, typer.Option(help="Tenant (its user_id), or 'all'")],
    cron: Annotated[str, typer.Option(help="Cron expression: minute, hour, day, month, day of the week")],
    to: Annotated[
        list[str], typer.Option(help="Recipient: mailto: address, https:// webhook, or env:ROMASHKA_TO_...; repeatable")
    ],
    type_: Annotated[ReportType, typer.Option("--type", help="Report type")] = ReportType.EXECUTIVE,
    format_: Annotated[ReportFormat, typer.Option("--format", help="File format")] = ReportFormat.PDF,
    time_zone: Zone = "UTC",
    covers: Annotated[
        str, typer.Option("--range", help="Range of each report: 24h, 7d, 1M, 1Q, 1y, or last-week, last-month, ...")
    ] = "7d",
    missed: Annotated[Missed, typer.Option(help="Policy for missed firings")] = Missed.CATCH_UP,
    integration: Annotated[list[str] | None, typer.Option(help="Integration; repeatable")] = None,
    summary: Annotated[bool, typer.Option(help="Include an executive summary")] = True,
    charts: Annotated[bool, typer.Option(help="Include charts and tables")] = True,
    detailed: Annotated[bool, typer.Option(help="Include more figures by integration")] = False,
    recommendations: Annotated[bool, typer.Option(help="Include recommendations")] = True,
    raw: Annotated[bool, typer.Option(help="Include the first 5,000 queries")] = False,
) -> None:
    """Add a schedule, or replace the one of that name.

    Example: `romashka schedule add Weekly --tenant all --cron "0 7 * * 1" --time-zone Europe/Berlin
    --to mailto:ada@example.com --to env:ROMASHKA_TO_SLACK`
    """
    now = datetime.now(UTC)
    schedule = Schedule(
        tenant=_tenant(tenant),
        name=name,
        type=type_,
        format=format_,
        cron=cron,
        time_zone=time_zone,
        recipients=tuple(to),
        created_at=now,
        since=now,
        covers=covers,
        missed=missed,
        integrations=tuple(integration or ()),
        parts=Parts(summary, charts, detailed, recommendations, raw),
    )
    with connect(settings().clickhouse) as client:
        schedule_limits(settings()).check(schedule, schedules(client, schedule.tenant))
        _put(client, schedule, now, "schedule.add")
    _done(f"'{name}' is sent next at {_time(schedule.next(now))}")


@app.command("list")
def list_(
    tenant: Annotated[
        str, typer.Option(help="Tenant (its user_id), or 'all' for schedules of all tenants together")
    ] = "",
    limit: Limit = 1_000,
    after_: After = "",
    format_: Printed = OutputFormat.TABLE,
) -> None:
    """List schedules: next firing, last delivery, failures.

    Example: `romashka schedule list`
    """
    now = datetime.now(UTC)
    wanted = ScheduleFilter(_tenant(tenant) if tenant else None, limit=limit)
    if last := after(after_, Listing.SCHEDULES, str, UUID):
        wanted = wanted._replace(after=(last[0], last[1]))
    with connect(settings().clickhouse) as client:
        found, faults, more = readable(client, wanted)
        statuses = DeliveryLog(client).statuses(now - LOOK_BACK)
    for fault in faults:
        err.print(fault, markup=False, highlight=False, soft_wrap=True)
    say_next(more)
    rows = [_row(schedule, statuses, now) for schedule in found]
    if format_ is not OutputFormat.TABLE:
        print_rows([row._asdict() for row in rows], format_)
        return
    cells = [(row.name, row.cron, _time(row.next), _time(row.last_sent), row.state) for row in rows]
    out.print(table("Schedules", ("name", "when", "next", "last sent", "state"), cells))


@app.command()
def run(name: Name, tenant: Whose = "") -> None:
    """Create and send a report now.

    Example: `romashka schedule run Weekly`
    """
    from cli.leader_jobs import schedule_runner  # noqa: PLC0415 - its imports take a second

    config = settings()
    with connect(config.clickhouse, answer_seconds=_ANSWER_SECONDS) as client:
        schedule = _find(client, name, tenant)
        now = datetime.now(UTC).replace(microsecond=0)
        with audited(client, "schedule.run", f"schedule:{schedule.id}", {"name": name}):
            sent, failures = schedule_runner(config).send(client, schedule, now, {})
    if failures:
        raise RomashkaError("; ".join(failures))
    _done(f"'{name}' was sent to {counted(sent, 'recipient')}")


@app.command()
def pause(name: Name, tenant: Whose = "") -> None:
    """Pause a schedule.

    Example: `romashka schedule pause Weekly`
    """
    with connect(settings().clickhouse) as client:
        _put(client, replace(_find(client, name, tenant), active=False), datetime.now(UTC), "schedule.pause")
    _done(f"'{name}' is paused")


@app.command()
def resume(name: Name, tenant: Whose = "") -> None:
    """Resume a schedule; firings missed while it was paused are skipped.

    Example: `romashka schedule resume Weekly`
    """
    now = datetime.now(UTC)
    with connect(settings().clickhouse) as client:
        schedule = replace(_find(client, name, tenant), active=True, since=now)
        _put(client, schedule, now, "schedule.resume")
    _done(f"'{name}' is sent next at {_time(schedule.next(now))}")


@app.command()
def remove(name: Name, tenant: Whose = "") -> None:
    """Remove a schedule; its reports stay.

    Example: `romashka schedule remove Weekly`
    """
    with connect(settings().clickhouse) as client:
        _put(client, _find(client, name, tenant), datetime.now(UTC), "schedule.remove", removed=True)
    _done(f"'{name}' is removed")


class ScheduleRow(NamedTuple):
    """A schedule as a table row."""

    name: str
    tenant: str
    type: str
    format: str
    cron: str
    time_zone: str
    recipients: Sequence[str]
    next: datetime | None
    last_sent: datetime | None
    state: str


def _row(schedule: Schedule, statuses: Mapping[DeliveryKey, DeliveryStatus], now: datetime) -> ScheduleRow:
    return ScheduleRow(
        schedule.name,
        str(schedule.tenant.value if isinstance(schedule.tenant, AllTenants) else schedule.tenant),
        schedule.type.value,
        schedule.format.value,
        schedule.cron,
        schedule.time_zone,
        [masked(one) for one in schedule.recipients],
        schedule.next(now),
        last_sent(schedule, statuses),
        state(schedule, statuses, now),
    )


def _put(client: Client, schedule: Schedule, now: datetime, action: str, *, removed: bool = False) -> None:
    with audited(client, action, f"schedule:{schedule.id}", {"name": schedule.name}):
        put_schedule(client, schedule, now, removed=removed)


def _find(client: Client, name: str, tenant: str) -> Schedule:
    return find(client, name, _tenant(tenant) if tenant else None)


def _tenant(text: str) -> UUID | AllTenants:
    return given_tenant(text)


def _time(moment: datetime | None) -> str:
    return "-" if moment is None else f"{moment:%Y-%m-%d %H:%M} UTC"


def _done(text: str) -> None:
    out.print(styled("[bold green]✔[/] {}", text), soft_wrap=True)
