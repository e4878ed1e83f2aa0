"""``/v1/reports``: create a report, list reports, download one."""

from __future__ import annotations

import asyncio
import logging
import re
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path as PathOnDisk
from typing import Annotated, Any, Final
from urllib.parse import unquote, urlsplit
from uuid import UUID

from clickhouse_connect.driver.client import Client
from fastapi import APIRouter, Depends, Path, Query, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import FileResponse

from api.access import BEARER, Caller, allowed
from api.identity import ALL
from api.parameters import ListQuery, NoQuery, TenantText
from api.problems import ApiError, documented
from api.roles import REPORT_TABS, TABS, Action
from api.services import services_of
from kpis.period import PATTERN
from kpis.scope import AllTenants
from models.counting import counted
from models.errors import Unreachable
from models.fields import Label, Provider
from models.insights import ALL_TENANTS_ID
from models.pages import Listing
from models.pattern_words import TIME_ZONE_PATTERN
from reports.compose import compose
from reports.files import PRIVATE, complete_file
from reports.render import render
from reports.request import ReportFormat, ReportRequest, ReportType, from_document
from reports.store import ReportFilter, find_made, made, save

log = logging.getLogger(__name__)
router: Final = APIRouter(prefix="/v1/reports", tags=["reports"], dependencies=[Depends(BEARER)])
_BYTES: Final = "bytes="
_RANGE: Final = re.compile(r"(?P<first>[0-9]{1,18})-(?P<last>[0-9]{0,18})|-(?P<suffix>[0-9]{1,18})")
_KEPT: Final = timedelta(days=800)


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Filters(_Body):
    """Range and filters of a report."""

    time_range: Annotated[
        str, Field(pattern=PATTERN, description="24h, 30d, 4w, 1M, 1Q, 1y up to now, or last-month")
    ] = "30d"
    integrations: Annotated[list[Provider], Field(max_length=50, description="Only these; all where empty")] = []
    time_zone: Annotated[str, Field(pattern=TIME_ZONE_PATTERN)] = "UTC"


class Template(_Body):
    """Parts of a report."""

    include_executive_summary: bool = True
    include_charts: bool = True
    include_detailed_metrics: bool = False
    include_recommendations: bool = True
    include_raw_data: bool = False


class ReportOptions(_Body):
    """The request to create a report."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [{"name": "Monthly", "type": "executive", "format": "pdf", "filters": {"time_range": "30d"}}]
        },
    )

    name: Label = "Report"
    type: ReportType
    format: ReportFormat = ReportFormat.PDF
    tenant: TenantText | None = None
    filters: Filters = Filters()
    template_config: Template = Template()


class MadeReport(BaseModel):
    """A created report."""

    id: UUID
    tenant: Annotated[str, Field(description="The tenant's id, or all")]
    title: str
    type: Annotated[ReportType | None, Field(description="null for old reports without a recorded type")]
    format: ReportFormat
    size_bytes: int
    took_ms: int
    start: Annotated[datetime, Field(alias="from")]
    end: Annotated[datetime, Field(alias="to")]
    created_at: datetime
    file: Annotated[str, Field(description="Where to fetch it")]


class ReportList(BaseModel):
    """One page of reports, the newest first."""

    reports: list[MadeReport]
    next_offset: Annotated[int | None, Field(description="The next page's offset; null on the last one")]
    next_cursor: Annotated[
        str | None, Field(description="The next page's cursor, which new rows do not move; null on the last one")
    ]


@router.post("", status_code=201, responses=documented(), summary="Make a report")
async def make(
    request: Request,
    options: ReportOptions,
    _: Annotated[NoQuery, Query()],
    caller: Annotated[Caller, Depends(allowed(Action.MAKE_REPORTS, heavy=True))],
) -> MadeReport:
    """Create and store a report; responds when it is complete, which takes up to about ten seconds."""
    caller.identity.require_tab(REPORT_TABS[options.type], f"reports of type {options.type}")
    tenant = caller.tenant(options.tenant)
    now = datetime.now(UTC)
    wanted = from_document(tenant, options.model_dump(mode="json", exclude={"tenant"}), now)
    services = services_of(request)
    row = await services.heavy_pool.run(lambda client: _make(client, wanted, now, services.configuration.reports))
    return _listed(row)


@router.get("", responses=documented(), summary="The reports that were made")
async def list_(
    request: Request,
    query: Annotated[ListQuery, Query()],
    caller: Annotated[Caller, Depends(allowed(Action.READ_REPORTS))],
) -> ReportList:
    """List the reports of a tenant, the newest first; of the types that your roles may see. Page by cursor."""
    tenant = caller.tenant(query.tenant)
    whose = None if isinstance(tenant, AllTenants) else tenant
    after = query.after(Listing.REPORTS, datetime, UUID)
    wanted = ReportFilter(
        datetime.now(UTC) - _KEPT,
        whose,
        types=_seen_types(caller),
        before=None if after is None else (after[0], after[1]),
        limit=query.limit,
        offset=query.offset,
    )
    page = await services_of(request).pool.run(lambda client: made(client, wanted))
    return ReportList(
        reports=[_listed(row) for row in page.rows],
        next_offset=query.next_offset(page.next),
        next_cursor=page.next,
    )


@router.get(
    "/{id}/file",
    response_class=FileResponse,
    responses={
        200: {"description": "The file", "content": {format_.media_type: {} for format_ in ReportFormat}},
        **documented(404, 410),
    },
    summary="Fetch a report",
)
async def file(
    request: Request,
    id_: Annotated[UUID, Path(alias="id")],
    _: Annotated[NoQuery, Query()],
    caller: Annotated[Caller, Depends(allowed(Action.READ_REPORTS))],
) -> FileResponse:
    """Return the file of a report that the API or a schedule made."""
    services = services_of(request)
    row = await services.pool.run(lambda client: find_made(client, id_))
    if row is None or not caller.identity.may_see(row["user_id"]) or not _may_see(caller, row):
        raise ApiError(404, "unknown-report", f"you have no report {id_}; GET /v1/reports lists them")
    path = await asyncio.to_thread(_kept, row["file_url"], services.configuration.reports)
    if path is None:
        raise ApiError(410, "gone", "the file is not kept here any more; have the report made again")
    _limit_range(request, path.stat().st_size)
    return FileResponse(path, media_type=ReportFormat(row["format"]).media_type, filename=path.name)


def _limit_range(request: Request, size: int) -> None:
    """Leave the ranges of a request that a file of ``size`` bytes has, as RFC 9110 wants it.

    A ``Range`` that cannot be read is as if it were not there.

    Raises
    ------
    ApiError
        The file has none of them.
    """
    given = request.headers.get("range")
    if given is None:
        return
    asked = [one.strip() for one in given[len(_BYTES) :].split(",")] if given.lower().startswith(_BYTES) else []
    found = [match for one in asked if (match := _RANGE.fullmatch(one))]
    readable = bool(asked) and len(found) == len(asked)
    readable = readable and all(int(one["last"]) >= int(one["first"]) for one in found if one["last"])
    there = [one[0] for one in found if (int(one["first"]) < size if one["first"] else int(one["suffix"]) > 0)]
    if readable and not there and "if-range" not in request.headers:
        detail = f"Range: the file has {counted(size, 'byte')}; expected a range within it"
        raise ApiError(416, "no-such-range", detail, headers={"Content-Range": f"bytes */{size}"})
    left = [(name, value) for name, value in request.scope["headers"] if name != b"range"]
    if readable and there:
        left.append((b"range", f"{_BYTES}{','.join(there)}".encode()))
    request.scope["headers"] = left


def _make(client: Client, wanted: ReportRequest, now: datetime, folder: PathOnDisk) -> dict[str, Any]:
    """Create a report and its file; return its row of the list."""
    began = time.monotonic()
    report = compose(client, wanted, now)
    content = render(report)
    path = folder.resolve() / f"{wanted.type}-{report.id}.{wanted.format}"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with complete_file(path, PRIVATE) as target:
            target.write(content)
    except OSError as error:
        log.warning("cannot write %s (%s); check ROMASHKA_REPORTS_DIR", path, error.strerror)
        raise ApiError(503, "unavailable", "the report cannot be stored here; tell an administrator") from error
    save(client, report, path, took_ms=round((time.monotonic() - began) * 1000), size=len(content))
    row = find_made(client, report.id)
    if row is None:
        raise Unreachable("ClickHouse does not have the note of the report that it has just taken")
    return row


def _kept(url: str, folder: PathOnDisk) -> PathOnDisk | None:
    """Return the path of a report's file; ``None`` where it is outside our folder or deleted."""
    path = PathOnDisk(unquote(urlsplit(url).path)).resolve()
    return path if path.is_relative_to(folder.resolve()) and path.is_file() else None


def _may_see(caller: Caller, row: dict[str, Any]) -> bool:
    return row["type"] in _seen_types(caller)


def _seen_types(caller: Caller) -> tuple[str, ...]:
    """Return the report types that the caller may see; reports of unknown type need access to all."""
    seen = [one.value for one in ReportType if not caller.identity.tabs.isdisjoint(REPORT_TABS[one])]
    return (*seen, "") if caller.identity.tabs == TABS.keys() else tuple(seen)


def _listed(row: dict[str, Any]) -> MadeReport:
    return MadeReport.model_validate(
        {
            "id": row["id"],
            "tenant": ALL if row["user_id"] == ALL_TENANTS_ID else str(row["user_id"]),
            "title": row["title"],
            "type": row["type"] or None,
            "format": row["format"],
            "size_bytes": row["file_size_bytes"],
            "took_ms": row["generation_time_ms"],
            "from": row["data_period_start"],
            "to": row["data_period_end"],
            "created_at": row["created_at"],
            "file": f"/v1/reports/{row['id']}/file",
        }
    )
