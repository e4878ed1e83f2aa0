"""The list of created reports: rows of ``generated_reports``."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, NamedTuple
from uuid import UUID

from clickhouse_connect.driver.client import Client

from kpis.scope import AllTenants
from models.insights import ALL_TENANTS_ID
from models.pages import Listing, Page, cursor, page_of
from reports.report import Report
from storage.reading import query_rows
from storage.writing import insert_rows

_COLUMNS: Final = (
    "id",
    "user_id",
    "config_id",
    "title",
    "type",
    "format",
    "file_url",
    "file_size_bytes",
    "generation_time_ms",
    "data_period_start",
    "data_period_end",
    "summary",
    "created_at",
)
_SHOWN: Final = """
SELECT id, user_id, title, type, format, file_url, file_size_bytes, generation_time_ms, data_period_start,
    data_period_end, created_at
FROM generated_reports FINAL
"""
_LIST: Final = f"""
{_SHOWN}
WHERE {{conditions}} AND created_at >= {{{{since:DateTime64(3, 'UTC')}}}}
ORDER BY created_at DESC, id DESC
LIMIT {{{{limit:UInt32}}}} OFFSET {{{{offset:UInt32}}}}
"""
_ONE: Final = f"{_SHOWN} WHERE id = {{id:UUID}} LIMIT 1"


def save(client: Client, report: Report, path: Path, *, took_ms: int, size: int, schedule: UUID | None = None) -> None:
    """Record a created report; idempotent.

    Raises
    ------
    Unreachable
        ClickHouse rejected the row.
    """
    tenant = report.request.tenant
    words = {
        "summary": list(report.summary),
        "figures": {one.id: one.value for one in report.figures},
        "versions": {one.id: one.version for one in report.figures},
        "statements": report.provenance.hashes,
    }
    row = (
        report.id,
        ALL_TENANTS_ID if isinstance(tenant, AllTenants) else tenant,
        schedule,
        report.request.name,
        report.request.type.value,
        report.request.format.value,
        path.resolve().as_uri(),
        size,
        took_ms,
        report.request.start,
        report.request.end,
        json.dumps(words),
        report.provenance.made_at,
    )
    insert_rows(client, "generated_reports", _COLUMNS, [row])


class ReportFilter(NamedTuple):
    """Filter of reports created since a time, by tenant, types and id prefix.

    ``before`` is the last report of the previous page: its creation time and id. New reports do not shift the pages.
    """

    since: datetime
    tenant: UUID | None = None
    types: tuple[str, ...] | None = None
    id_prefix: str = ""
    before: tuple[datetime, UUID] | None = None
    limit: int = 200
    offset: int = 0


def made(client: Client, wanted: ReportFilter) -> Page[dict[str, Any]]:
    """Return a page of reports, the newest first.

    Raises
    ------
    Unreachable
        ClickHouse does not answer.
    """
    conditions = ["startsWith(toString(id), {id_prefix:String})"]
    parameters: dict[str, Any] = {
        "since": wanted.since,
        "id_prefix": wanted.id_prefix,
        "limit": wanted.limit + 1,
        "offset": wanted.offset,
    }
    if wanted.tenant is not None:
        conditions.append("user_id = {tenant:UUID}")
        parameters["tenant"] = str(wanted.tenant)
    if wanted.types is not None:
        conditions.append("has({types:Array(String)}, toString(type))")
        parameters["types"] = list(wanted.types)
    if wanted.before is not None:
        conditions.append("(created_at, id) < ({at:DateTime64(3, 'UTC')}, {id:UUID})")
        at, id_ = wanted.before
        parameters |= {"at": at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S.%f")[:-3], "id": str(id_)}
    rows = query_rows(client, _LIST.format(conditions=" AND ".join(conditions)), parameters, aware=True)
    return page_of(rows, wanted.limit, lambda row: cursor(Listing.REPORTS, row["created_at"], row["id"]))


def find_made(client: Client, id_: UUID) -> dict[str, Any] | None:
    """Return one report, ``None`` where there is none with that id."""
    return next(iter(query_rows(client, _ONE, {"id": str(id_)}, aware=True)), None)
