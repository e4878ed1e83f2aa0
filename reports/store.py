"""The list of reports that were made: rows of ``generated_reports``."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final
from uuid import UUID

from clickhouse_connect.driver.client import Client

from kpis.scope import Everyone
from models.insights import ACROSS_TENANTS
from reports.report import Report
from sinks.reading import ask
from sinks.writing import put

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
PAGE: Final = 200
_LIST: Final = f"""
{_SHOWN}
WHERE {{tenant}} AND created_at >= {{{{since:DateTime64(3, 'UTC')}}}} AND {{before}}
ORDER BY created_at DESC, id DESC
LIMIT {PAGE}
"""
_ONE: Final = f"{_SHOWN} WHERE id = {{id:UUID}} LIMIT 1"


def save(client: Client, report: Report, path: Path, *, took_ms: int, size: int, schedule: UUID | None = None) -> None:
    """Note that a report was made; noting the same one again changes nothing.

    Raises
    ------
    Unreachable
        ClickHouse did not take the note.
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
        ACROSS_TENANTS if isinstance(tenant, Everyone) else tenant,
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
    put(client, "generated_reports", _COLUMNS, [row])


def made(
    client: Client, since: datetime, tenant: UUID | None = None, before: tuple[datetime, UUID] | None = None
) -> list[dict[str, Any]]:
    """Return the newest ``PAGE`` reports made since a moment, the newest first.

    Parameters
    ----------
    before
        Only what comes after this report in that order: when it was made, and its id. Reports that are made meanwhile
        move nothing from page to page.
    """
    condition = "user_id = {tenant:UUID}" if tenant is not None else "true"
    parameters: dict[str, Any] = {"since": since, **({"tenant": str(tenant)} if tenant is not None else {})}
    after = "true"
    if before is not None:
        after = "(created_at, id) < ({at:DateTime64(3, 'UTC')}, {id:UUID})"
        parameters |= {"at": before[0].astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S.%f")[:-3], "id": str(before[1])}
    return ask(client, _LIST.format(tenant=condition, before=after), parameters, aware=True)


def find_made(client: Client, id_: UUID) -> dict[str, Any] | None:
    """Return one report, ``None`` where there is none of that id."""
    return next(iter(ask(client, _ONE, {"id": str(id_)}, aware=True)), None)
