"""Schedules in ClickHouse: rows of ``scheduled_reports``."""

from __future__ import annotations

import json
from dataclasses import fields
from datetime import datetime
from typing import Any, Final, NamedTuple
from uuid import UUID

from clickhouse_connect.driver.client import Client

from kpis.scope import ALL_TENANTS, AllTenants
from models.counting import counted
from models.errors import InvalidRequest, SettingsError
from models.insights import ALL_TENANTS_ID
from models.pages import Listing, cursor, page_of
from reports.request import Parts, ReportFormat, ReportType
from reports.schedule import Missed, Schedule
from storage.reading import query_rows
from storage.writing import insert_rows

_COLUMNS: Final = (
    "id",
    "user_id",
    "name",
    "type",
    "format",
    "schedule_config",
    "recipients",
    "filters",
    "template_config",
    "is_active",
    "created_at",
    "updated_at",
    "removed_at",
)
_LIST: Final = """
SELECT user_id, name, type, format, schedule_config, recipients, filters, template_config, is_active, created_at
FROM scheduled_reports FINAL
WHERE removed_at IS NULL AND ({everyone:Bool} OR user_id = {tenant:UUID})
    AND (empty({types:Array(String)}) OR has({types:Array(String)}, toString(type)))
    AND (name, user_id) > ({name:String}, {after:UUID})
ORDER BY name, user_id
LIMIT {limit:UInt32} OFFSET {offset:UInt32}
"""
_MAX_SCHEDULES: Final = 1_000_000


class ScheduleFilter(NamedTuple):
    """Filter of schedules by name, tenant and report type; empty means any.

    ``after`` is the last one of the previous page: its name and its tenant.
    """

    tenant: UUID | AllTenants | None = None
    types: tuple[str, ...] = ()
    after: tuple[str, UUID] = ("", UUID(int=0))
    limit: int = _MAX_SCHEDULES
    offset: int = 0


ANY: Final = ScheduleFilter()


class Readable(NamedTuple):
    """Schedules, errors of unreadable ones, and the cursor of the next page."""

    found: list[Schedule]
    faults: list[str]
    next: str | None = None


def put_schedule(client: Client, schedule: Schedule, now: datetime, *, removed: bool = False) -> None:
    """Store a schedule; the newest row of a tenant and name counts.

    Raises
    ------
    Unreachable
        ClickHouse did not take it.
    """
    timing = {
        "cron": schedule.cron,
        "time_zone": schedule.time_zone,
        "missed": schedule.missed.value,
        "since": schedule.since.isoformat(),
    }
    row = (
        schedule.id,
        owner(schedule),
        schedule.name,
        schedule.type.value,
        schedule.format.value,
        json.dumps(timing),
        list(schedule.recipients),
        json.dumps({"time_range": schedule.covers, "integrations": list(schedule.integrations)}),
        json.dumps({f"include_{one.name}": getattr(schedule.parts, one.name) for one in fields(Parts)}),
        schedule.active,
        schedule.created_at,
        now,
        now if removed else None,
    )
    insert_rows(client, "scheduled_reports", _COLUMNS, [row])


def readable(client: Client, wanted: ScheduleFilter = ANY) -> Readable:
    """Return a page of schedules, all by default; raises ``Unreachable``."""
    owner_ = ALL_TENANTS_ID if isinstance(wanted.tenant, AllTenants) or wanted.tenant is None else wanted.tenant
    parameters = {
        "everyone": wanted.tenant is None,
        "tenant": str(owner_),
        "types": list(wanted.types),
        "name": wanted.after[0],
        "after": str(wanted.after[1]),
        "limit": wanted.limit + 1,
        "offset": wanted.offset,
    }
    rows = query_rows(client, _LIST, parameters, aware=True)
    page = page_of(rows, wanted.limit, lambda row: cursor(Listing.SCHEDULES, row["name"], row["user_id"]))
    found, faults = [], []
    for row in page.rows:
        try:
            found.append(_schedule(row))
        except SettingsError as error:
            faults.append(str(error))
    return Readable(found, faults, page.next)


def schedules(client: Client, tenant: UUID | AllTenants | None = None) -> list[Schedule]:
    """Return the readable schedules of a tenant, or of all."""
    return readable(client, ScheduleFilter(tenant)).found


def find(client: Client, name: str, tenant: UUID | AllTenants | None = None) -> Schedule:
    """Return the schedule of a name.

    Raises
    ------
    SettingsError
        There is none, or several tenants have one of this name.
    """
    there, faults, _ = readable(client, ScheduleFilter(tenant))
    found = [one for one in there if one.name == name]
    if not found and (fault := next((one for one in faults if f"'{name}'" in one), None)):
        raise SettingsError(fault)
    if not found:
        raise SettingsError(f"there is no schedule '{name}'; 'romashka schedule list' shows them")
    if len(found) > 1:
        raise InvalidRequest(
            "tenant", f"{counted(len(found), 'tenant')} have a schedule '{name}'; expected one of them"
        )
    return found[0]


def owner(schedule: Schedule) -> UUID:
    """Return the tenant that the rows of a schedule belong to."""
    return ALL_TENANTS_ID if isinstance(schedule.tenant, AllTenants) else schedule.tenant


def _schedule(row: dict[str, Any]) -> Schedule:
    try:
        timing, filters, parts = (json.loads(row[name]) for name in ("schedule_config", "filters", "template_config"))
        return Schedule(
            tenant=ALL_TENANTS if row["user_id"] == ALL_TENANTS_ID else row["user_id"],
            name=row["name"],
            type=ReportType(row["type"]),
            format=ReportFormat(row["format"]),
            cron=timing["cron"],
            time_zone=timing["time_zone"],
            recipients=tuple(row["recipients"]),
            created_at=row["created_at"],
            since=datetime.fromisoformat(timing["since"]),
            covers=filters["time_range"],
            missed=Missed(timing["missed"]),
            integrations=tuple(filters["integrations"]),
            parts=Parts(**{name.removeprefix("include_"): value for name, value in parts.items()}),
            active=row["is_active"],
        )
    except (ValueError, KeyError, TypeError, SettingsError) as error:
        raise SettingsError(
            f"the schedule '{row['name']}' of tenant {row['user_id']} cannot be read ({error}); add it again"
        ) from error
