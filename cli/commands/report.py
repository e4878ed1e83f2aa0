"""``romashka report``: reports made from ClickHouse."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime, timedelta
from datetime import time as time_of_day
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import unquote, urlsplit
from uuid import UUID

import typer

from cli.arguments import (
    MOMENT,
    After,
    DaysBack,
    Limit,
    TenantOrAll,
    Zone,
    after,
    moment,
    one_tenant,
    say_next,
    tenant_or_all,
)
from cli.console import err, out, styled, table
from cli.formats import OutputFormat, Printed, format_of_file, print_rows
from cli.settings import settings
from kpis.period import period
from kpis.scope import zone
from models.errors import SettingsError
from models.pages import Listing
from reports.compose import compose
from reports.files import complete_file
from reports.render import render
from reports.request import Parts, ReportFormat, ReportRequest, ReportType, from_document, zone_of
from reports.store import ReportFilter, made, save
from storage.connection import connect

app = typer.Typer(help="Reports: PDF, HTML, Excel, CSV, JSON, Parquet.", no_args_is_help=True)


@app.command()
def generate(
    type_: Annotated[ReportType, typer.Argument(metavar="TYPE", help="Report type")] = ReportType.EXECUTIVE,
    tenant: TenantOrAll = "",
    format_: Annotated[
        ReportFormat | None, typer.Option("--format", help="File format; pdf, or the suffix of --out")
    ] = None,
    range_: Annotated[
        str, typer.Option("--range", help="Range up to --to (24h, 30d, 1M, 1Q, 1y) or last-week, last-month, ...")
    ] = "30d",
    end: Annotated[
        str,
        typer.Option(
            "--to", metavar=MOMENT, help="End of the range, ISO-8601, or a day of --time-zone; now if not given"
        ),
    ] = "",
    time_zone: Zone = "UTC",
    integration: Annotated[list[str] | None, typer.Option(help="Integration; repeatable")] = None,
    name: Annotated[str, typer.Option(help="Title")] = "",
    summary: Annotated[bool, typer.Option(help="Include an executive summary")] = True,
    charts: Annotated[bool, typer.Option(help="Include charts and tables")] = True,
    detailed: Annotated[bool, typer.Option(help="Include more figures by integration")] = False,
    recommendations: Annotated[bool, typer.Option(help="Include recommendations")] = True,
    raw: Annotated[bool, typer.Option(help="Include the first 5,000 queries")] = False,
    options: Annotated[
        Path | None, typer.Option(help="JSON file with the body of POST /v1/reports, instead of the options above")
    ] = None,
    target: Annotated[
        Path | None, typer.Option("--out", help="Output file; named by type, day and id if not given")
    ] = None,
) -> None:
    """Create a report and add it to the list of reports.

    Example: `romashka report generate executive --tenant 0a6f7d52-3c1e-4b7a-9f7e-5b0c1d2e3f01 --out monthly.pdf`
    """
    now = datetime.now(UTC)
    whose = tenant_or_all(tenant)
    if options is not None:
        document = _read(options)
        until = moment("--to", end, zone_of(document)) if end else now
        request = from_document(whose, document, until)
        format_of_file(target, request.format, ReportFormat.PDF)
    else:
        until = moment("--to", end, time_zone) if end else now
        start, stop = period(range_, until, time_zone, "--range")
        request = ReportRequest(
            name=name or f"{type_.value.capitalize()} report",
            type=type_,
            format=format_of_file(target, format_, ReportFormat.PDF),
            tenant=whose,
            start=start,
            end=stop,
            integrations=tuple(integration or ()),
            parts=Parts(summary, charts, detailed, recommendations, raw),
            time_zone=time_zone,
        )
    began = time.monotonic()
    with connect(settings().clickhouse) as client:
        with err.status("asking ClickHouse and setting the pages ..."):
            report = compose(client, request, now)
            content = render(report)
        # With its id: another report of that type and day is another file.
        ended = request.end.astimezone(zone(request.time_zone))
        path = target or Path(f"{request.type}-{ended:%Y-%m-%d}-{str(report.id)[:8]}.{request.format}")
        _write(path, content)
        took = time.monotonic() - began
        save(client, report, path, took_ms=round(took * 1000), size=len(content))
    out.print(
        styled("[bold green]✔[/] {} ({} KiB, {} s)", path, f"{len(content) / 1024:,.0f}", f"{took:.1f}"),
        soft_wrap=True,
    )


@app.command("list")
def list_(
    tenant: TenantOrAll = "",
    days: DaysBack = 30,
    limit: Limit = 1_000,
    after_: After = "",
    format_: Printed = OutputFormat.TABLE,
) -> None:
    """List reports.

    Example: `romashka report list --days 7`
    """
    since = datetime.now(UTC) - timedelta(days=days)
    wanted = ReportFilter(since, one_tenant(tenant), limit=limit)
    if last := after(after_, Listing.REPORTS, datetime, UUID):
        wanted = wanted._replace(before=(last[0], last[1]))
    with connect(settings().clickhouse) as client:
        rows, more = made(client, wanted)
    say_next(more)
    if format_ is not OutputFormat.TABLE:
        print_rows(rows, format_)
        return
    cells = [
        (
            str(row["id"])[:8],
            row["title"],
            row["type"],
            row["format"],
            f"{_bound(row['data_period_start'])} to {_bound(row['data_period_end'])}",
            f"{row['file_size_bytes'] / 1024:,.0f} KiB",
            f"{row['created_at']:%Y-%m-%d %H:%M}",
        )
        for row in rows
    ]
    out.print(
        table(
            "Reports", ("id", "title", "type", "format", "period (UTC)", "size", "made (UTC)"), cells, right=("size",)
        )
    )


def _bound(moment: datetime) -> str:
    """Return an end of a period: a day where it is midnight, which it is not where the report has another time zone."""
    return f"{moment:%Y-%m-%d}" if moment.time() == time_of_day() else f"{moment:%Y-%m-%d %H:%M}"


@app.command("open")
def open_(
    id_: Annotated[str, typer.Argument(metavar="ID", help="First digits of its id, as 'list' shows it")],
) -> None:
    """Open a report with this machine's default program.

    Example: `romashka report open 5f3a9c01`
    """
    with connect(settings().clickhouse) as client:
        rows, _ = made(client, ReportFilter(datetime.now(UTC) - timedelta(days=800), id_prefix=id_.lower()))
    if len(rows) != 1:
        raise SettingsError(f"{len(rows)} reports begin with '{id_}'; 'romashka report list' shows them")
    url = str(rows[0]["file_url"])
    if not Path(unquote(urlsplit(url).path)).exists():
        raise SettingsError(f"{url} is not there any more; make the report again")
    out.print(url, soft_wrap=True)
    typer.launch(url)


def _read(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingsError(f"cannot read {path} ({error.strerror})") from error
    except ValueError as error:
        raise SettingsError(f"{path} is not JSON: {error}") from error
    if not isinstance(found, dict):
        raise SettingsError(f"{path} must hold one JSON object with the report's options")
    return found


def _write(path: Path, content: bytes) -> None:
    try:
        with complete_file(path) as target:
            target.write(content)
    except OSError as error:
        raise SettingsError(f"cannot write {path} ({error.strerror}); give another --out") from error
