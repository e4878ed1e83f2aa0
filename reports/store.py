"""The list of reports that were made: rows of ``generated_reports``."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import Any, Final
from uuid import UUID

from clickhouse_connect.driver.client import Client

from kpis.scope import Everyone
from models.insights import ACROSS_TENANTS
from reports.report import Report
from sinks.reading import ask

_COLUMNS: Final = (
    "id",
    "user_id",
    "config_id",
    "title",
    "format",
    "file_url",
    "file_size_bytes",
    "generation_time_ms",
    "data_period_start",
    "data_period_end",
    "summary",
    "created_at",
)
_LIST: Final = """
SELECT id, user_id, title, format, file_url, file_size_bytes, generation_time_ms, data_period_start, data_period_end,
    created_at
FROM generated_reports FINAL
WHERE {tenant} AND created_at >= {{since:DateTime64(3, 'UTC')}}
ORDER BY created_at DESC
LIMIT 200
"""


def save(client: Client, report: Report, path: Path, *, took_ms: int, size: int, schedule: UUID | None = None) -> None:
    """Note that a report was made; noting the same one again changes nothing."""
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
        report.request.format.value,
        path.resolve().as_uri(),
        size,
        took_ms,
        report.request.start,
        report.request.end,
        json.dumps(words),
        report.provenance.made_at,
    )
    client.insert("generated_reports", [row], column_names=list(_COLUMNS))


def made(client: Client, since: datetime, tenant: UUID | None = None) -> list[dict[str, Any]]:
    """Return the reports made since a moment, the newest first."""
    condition = "user_id = {tenant:UUID}" if tenant is not None else "true"
    parameters = {"since": since, **({"tenant": str(tenant)} if tenant is not None else {})}
    return ask(client, _LIST.format(tenant=condition), parameters, aware=True)
