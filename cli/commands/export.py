"""``romashka export``: rows and key figures into files, streamed."""

from __future__ import annotations

import sys
import time
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from cli.arguments import MOMENT, GivenTenant, Zone, given_tenant, integration_name, time_range
from cli.command_audit import audited
from cli.console import err, styled
from cli.formats import format_of_file
from cli.settings import settings
from kpis.scope import AllTenants, Interval, Scope
from models.counting import counted
from models.errors import SettingsError
from reports.export import Exported, export, export_to_file
from reports.export_request import CsvStyle, ExportFormat, ExportRequest, K
from reports.export_tables import EXPORTABLE
from storage.connection import connect

_ANSWER_SECONDS = 300
_STREAMS = (ExportFormat.CSV, ExportFormat.JSONL)


class For(StrEnum):
    """Style of a CSV file: for programs, or for Excel."""

    PROGRAMS = "programs"
    EXCEL = "excel"


def run(
    what: Annotated[
        str, typer.Argument(metavar="WHAT", help=f"{', '.join(EXPORTABLE)}, or a key figure's id ('romashka kpi list')")
    ],
    tenant: GivenTenant,
    target: Annotated[str, typer.Option("--out", metavar="FILE|-", help="Output file; - for standard output")],
    start: Annotated[
        str,
        typer.Option(
            "--from", metavar=MOMENT, help="Start of the range, ISO-8601, or a day. Default: 30 days before --to"
        ),
    ] = "",
    range_: Annotated[
        str, typer.Option("--range", help="Range instead of --from: 24h, 7d, 1M, 1Q, 1y up to --to, or last-month, ...")
    ] = "",
    end: Annotated[str, typer.Option("--to", metavar=MOMENT, help="End of the range, exclusive. Default: now")] = "",
    provider: Annotated[
        list[str] | None, typer.Option(help="Integration; repeatable", callback=integration_name)
    ] = None,
    format_: Annotated[
        ExportFormat | None, typer.Option("--format", help="File format; csv, or the suffix of --out")
    ] = None,
    by: Annotated[list[str] | None, typer.Option(help="Dimension to split a key figure by; repeatable")] = None,
    every: Annotated[Interval | None, typer.Option(help="Step of a time series of a key figure")] = None,
    time_zone: Zone = "UTC",
    for_: Annotated[
        For, typer.Option("--for", help="CSV dialect: for programs, or for Excel (byte order mark, UTC times)")
    ] = For.PROGRAMS,
    separator: Annotated[str, typer.Option(help="Field separator of a CSV file: , or ;")] = ",",
    decimal: Annotated[str, typer.Option(help="Decimal separator of a CSV file: . or ,")] = ".",
    customers: Annotated[
        bool,
        typer.Option("--customers", help=f"With pseudonyms of customers, where {K} or more have the same attributes"),
    ] = False,
) -> None:
    """Export a table or a key figure. The file is written atomically.

    Example: `romashka export queries --tenant all --from 2026-11-01 --provider hubspot --out queries.parquet`
    """
    first, limit = time_range(start, end, range_, time_zone, datetime.now(UTC))
    scope = Scope(
        start=first,
        end=limit,
        tenant=given_tenant(tenant),
        provider=tuple(provider) if provider else None,
        time_zone=time_zone,
    )
    if separator not in {",", ";"} or decimal not in {".", ","}:
        raise SettingsError("--separator is ',' or ';', and --decimal is '.' or ','")
    style = CsvStyle(for_ is For.EXCEL, separator, decimal)
    request = ExportRequest(
        what, scope, format_of_file(target, format_, ExportFormat.CSV), tuple(by or ()), every, customers, style
    )
    if target == "-" and request.format not in _STREAMS:
        raise SettingsError(f"{request.format} cannot go to standard output; give a file, or take csv or jsonl")
    if target == "-" and sys.stdout is None:
        raise SettingsError("standard output is closed; give a file: --out FILE")
    began = time.monotonic()
    done = _exported(request, target)
    _tell(done, target, time.monotonic() - began)


def _exported(request: ExportRequest, target: str) -> Exported:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with (
        connect(settings().clickhouse, answer_seconds=_ANSWER_SECONDS) as client,
        Progress(*columns, console=err, transient=True) as shown,
    ):
        task = shown.add_task(request.what, total=None)

        def progress(rows: int, total: int) -> None:
            shown.update(task, completed=rows, total=total)

        with audited(client, "export", request.what, _details(request)):
            if target == "-":
                return export(client, request, sys.stdout.buffer, progress)
            return export_to_file(client, request, Path(target), progress)


def _details(request: ExportRequest) -> dict[str, Any]:
    scope = request.scope
    return {
        "tenant": "all" if isinstance(scope.tenant, AllTenants) else str(scope.tenant),
        "from": scope.start.isoformat(),
        "to": scope.end.isoformat(),
        "format": request.format.value,
        "customers": request.customers,
    }


def _tell(done: Exported, target: str, seconds: float) -> None:
    where = "standard output" if target == "-" else target
    measures = counted(done.rows, "row"), f"{done.size / 1024**2:,.1f}", f"{seconds:.1f}"
    err.print(
        styled("[bold green]✔[/] {}: {}, {} MiB, {} s", where, *measures),
        soft_wrap=True,
    )
    if done.withheld:
        err.print(
            f"  {counted(done.withheld, 'row')} of customers in groups smaller than {K}: unnamed or left out",
            highlight=False,
        )
