"""``romashka kpi``: the key figures, in the terminal."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Final

import typer
from rich.text import Text

from cli.arguments import MOMENT, TenantOrAll, Zone, country_code, integration_name, tenant_or_all, time_range
from cli.console import err, out, styled, table
from cli.formats import OutputFormat, Printed, print_rows
from cli.freshness import say_if_behind
from cli.settings import settings
from kpis import display, docs
from kpis.display import interval, notes
from kpis.figures_query import figures_query
from kpis.kpi import Kpi, Unit
from kpis.query import ALL_TENANTS, Interval, Scope, build_query, last_days
from kpis.registry import ALL, get
from models.errors import SettingsError
from models.tenant_names import name_of
from storage.connection import connect
from storage.reading import query_rows
from storage.tenant_names import tenant_names
from storage.tenant_settings import currencies_of, currency_of

app = typer.Typer(help="Key figures: definitions and values.", no_args_is_help=True)

_DAYS: Final = 30
_SUMMARY: Final = (
    "query_count",
    "query_success_rate",
    "latency_p95_ms",
    "data_freshness_hours",
    "integration_uptime",
    "sync_success_rate",
    "conversation_count",
    "data_utilization_rate",
    "durable_resolution_rate",
    "reopen_rate",
    "handoff_rate",
    "csat",
    "resolution_time_minutes",
    "conversion_rate",
    "confidence_with_data",
    "confidence_without_data",
)
_COLOURS: Final = {"ok": "", "unknown": "dim", "warning": "yellow", "critical": "bold red"}


Provider = Annotated[str, typer.Option(help="Integration", callback=integration_name)]
QueryType = Annotated[str, typer.Option(help="Query type")]
Channel = Annotated[str, typer.Option(help="Channel")]
Country = Annotated[str, typer.Option(help="Country", callback=country_code)]
Segment = Annotated[str, typer.Option(help="Customer segment")]
Start = Annotated[
    str,
    typer.Option(
        "--from", metavar=MOMENT, help="Start of the range, ISO-8601, or a day; without an offset in --time-zone"
    ),
]
End = Annotated[str, typer.Option("--to", metavar=MOMENT, help="End of the range, exclusive. Default: now")]
Range = Annotated[
    str,
    typer.Option("--range", help="Range instead of --from: 24h, 7d, 1M, 1Q, 1y up to --to, or last-month, ... [30d]"),
]
By = Annotated[list[str] | None, typer.Option(help="Dimension to split by; repeatable")]


@app.command("list")
def list_(format_: Printed = OutputFormat.TABLE) -> None:
    """List every key figure.

    Example: `romashka kpi list --format csv`
    """
    rows = [
        {"id": kpi.id, "title": kpi.title, "unit": kpi.unit.value, "good": kpi.direction, "area": kpi.area.value}
        for kpi in ALL.values()
    ]
    if format_ is not OutputFormat.TABLE:
        print_rows(rows, format_)
        return
    for area in dict.fromkeys(row["area"] for row in rows):
        cells = [(row["id"], row["title"], row["unit"]) for row in rows if row["area"] == area]
        out.print(table(area, ("id", "what it is", "unit"), cells))


@app.command()
def show(
    id_: Annotated[str, typer.Argument(metavar="ID", help="Id, as 'romashka kpi list' shows it")],
    sql: Annotated[bool, typer.Option("--sql", help="Also print the SQL of the last 30 days")] = False,
) -> None:
    """Show what a key figure means and how it is computed.

    Example: `romashka kpi show durable_resolution_rate`
    """
    kpi = get(id_)
    out.print(styled("[bold]{}[/]  ({}, version {})", kpi.title, kpi.id, kpi.version))
    out.print(kpi.meaning, highlight=False)
    for name, value in docs.facts(kpi).items():
        out.print(styled("  [dim]{}[/]{}", f"{name:<16}", value))
    if sql:
        statement = build_query([kpi.id], last_days(_DAYS, datetime.now(UTC), ALL_TENANTS)).sql
        out.print("\n" + _formatted(statement), highlight=False, soft_wrap=True)


def _formatted(sql: str) -> str:
    from embedded.formatting import format_sql  # noqa: PLC0415 - the engine, half a gigabyte

    return format_sql(sql)


@app.command("get")
def get_(
    ids: Annotated[list[str], typer.Argument(metavar="ID...", help="Ids, as 'romashka kpi list' shows them")],
    tenant: TenantOrAll = "",
    provider: Provider = "",
    query_type: QueryType = "",
    channel: Channel = "",
    country: Country = "",
    segment: Segment = "",
    start: Start = "",
    end: End = "",
    range_: Range = "",
    by: By = None,
    every: Annotated[Interval | None, typer.Option(help="Step of a time series")] = None,
    time_zone: Zone = "UTC",
    durable_days: Annotated[
        int, typer.Option(min=1, max=90, help="Days without a return that make a resolution durable")
    ] = 7,
    format_: Printed = OutputFormat.TABLE,
) -> None:
    """Get key figures of a time range.

    Example: `romashka kpi get csat reopen_rate --by country --from 2026-11-01 --format csv`
    """
    first, limit = time_range(start, end, range_, time_zone, datetime.now(UTC))
    scope = Scope(
        start=first,
        end=limit,
        tenant=tenant_or_all(tenant),
        provider=provider or None,
        query_type=query_type or None,
        channel=channel or None,
        country=country or None,
        segment=segment or None,
        time_zone=time_zone,
        durable_days=durable_days,
    )
    _answer([get(id_) for id_ in ids], scope, by or [], every, format_)


@app.command()
def summary(
    tenant: TenantOrAll = "",
    provider: Provider = "",
    start: Start = "",
    end: End = "",
    range_: Range = "",
    by: By = None,
    time_zone: Zone = "UTC",
    format_: Printed = OutputFormat.TABLE,
) -> None:
    """Get the most common figures, as far as they have the given dimensions.

    Example: `romashka kpi summary --by provider --from 2026-11-01`
    """
    needed = {*(by or []), *(["provider"] if provider else [])}
    ids = [id_ for id_ in _SUMMARY if needed <= set(get(id_).dimensions)]
    if not ids:
        raise SettingsError(
            f"no figure of the summary can be split by {', '.join(sorted(needed))}; see 'romashka kpi show'"
        )
    get_(
        ids,
        tenant=tenant,
        provider=provider,
        start=start,
        end=end,
        range_=range_,
        by=by,
        time_zone=time_zone,
        format_=format_,
    )


@app.command("docs")
def docs_(
    check: Annotated[bool, typer.Option("--check", help="Write nothing; fail if the file is out of date")] = False,
) -> None:
    """Generate docs/kpis.md from the definitions.

    Example: `romashka kpi docs --check`
    """
    file = Path("docs/kpis.md")
    text = docs.markdown()
    if check:
        if not file.exists() or file.read_text() != text:
            raise SettingsError("docs/kpis.md is not what the definitions say; run 'romashka kpi docs'")
        return
    file.write_text(text)
    err.print(f"wrote {file}")


def _answer(
    kpis: Sequence[Kpi], scope: Scope, by: Sequence[str], every: Interval | None, format_: OutputFormat
) -> None:
    query = figures_query([kpi.id for kpi in kpis], scope, by, every)
    with connect(settings().clickhouse) as client:
        rows = query_rows(client, *query)
        say_if_behind(client, empty=any(not row[f"{kpi.id}_n"] for row in rows for kpi in kpis) or not rows)
        names = tenant_names(client) if "tenant" in by and format_ is OutputFormat.TABLE else {}
        amounts = any(kpi.unit is Unit.MONEY for kpi in kpis)
        money = currency_of(client, Unit.MONEY, scope) if amounts and "tenant" not in by else ""
        own = currencies_of(client, scope) if amounts and "tenant" in by else {}
    keys = [*dict.fromkeys(by), *(["time"] if every else [])]
    if format_ is not OutputFormat.TABLE:
        print_rows([_record(kpi, row, keys, scope) for row in rows for kpi in kpis], format_)
        return
    span = shown_range(scope)
    if not rows:
        out.print(f"{span}: no data")
    elif not keys:
        _one_by_one(kpis, rows[0], scope, span, money)
    else:
        currencies = [own.get(str(row["tenant"]), "") if own else money for row in rows]
        for row in rows if names else ():
            row["tenant"] = name_of(row["tenant"], names)
        _side_by_side(kpis, list(zip(rows, currencies, strict=True)), keys, scope, span)


def shown_range(scope: Scope) -> str:
    """Return a range in its time zone, with the zone's name."""
    first, limit = (one.astimezone(scope.zone) for one in (scope.start, scope.end))
    return f"{first:%Y-%m-%d %H:%M} to {limit:%Y-%m-%d %H:%M} {scope.time_zone}"


def _one_by_one(kpis: Sequence[Kpi], row: dict[str, Any], scope: Scope, span: str, money: str) -> None:
    """Print one figure per line, with notes below."""
    cells = [
        (kpi.title, _coloured(kpi, row, money), interval(kpi, row, money), f"{row[f'{kpi.id}_n'] or 0:,.0f}")
        for kpi in kpis
    ]
    out.print(table(span, ("figure", "value", "95 % between", "n"), cells, right=("value", "95 % between", "n")))
    _print_notes([(kpi.title, note) for kpi in kpis for note in notes(kpi, row, scope)])


def _side_by_side(
    kpis: Sequence[Kpi], rows: Sequence[tuple[dict[str, Any], str]], keys: Sequence[str], scope: Scope, span: str
) -> None:
    """Print a line for each part (with the currency of its amounts), in tables of as many figures as fit."""
    together = 4
    for first in range(0, len(kpis), together):
        some = kpis[first : first + together]
        cells = [
            (*(_key(row[key], scope) for key in keys), *(_marked(kpi, row, money) for kpi in some))
            for row, money in rows
        ]
        titles = [kpi.title for kpi in some]
        out.print(table(span if not first else "", (*keys, *titles), cells, right=titles))
    found = {(kpi.title, note) for row, _ in rows for kpi in kpis for note in notes(kpi, row, scope)}
    unreliable = {title for title, note in found if note.startswith(("too little", "no data", "nothing to"))}
    _print_notes(sorted((title, note) for title, note in found if title not in unreliable))
    if unreliable:
        out.print("? too little data to rely on, - none at all", style="dim", highlight=False)


def _print_notes(found: Sequence[tuple[str, str]]) -> None:
    for title, note in found:
        out.print(f"{title}: {note}", style="dim", highlight=False)


def _coloured(kpi: Kpi, row: dict[str, Any], money: str) -> Text:
    value, n = row[kpi.id], row[f"{kpi.id}_n"]
    colour = "" if kpi.unit is Unit.COUNT else _COLOURS[kpi.state(value, n)]
    return Text(display.shown(kpi.unit, value, money), style=colour)


def _marked(kpi: Kpi, row: dict[str, Any], money: str) -> Text:
    unreliable = kpi.unit is not Unit.COUNT and row[kpi.id] is not None and kpi.below_minimum_volume(row[f"{kpi.id}_n"])
    return _coloured(kpi, row, money) + " ?" if unreliable else _coloured(kpi, row, money)


def _key(value: Any, scope: Scope) -> str:
    if isinstance(value, datetime):
        local = value.replace(tzinfo=UTC).astimezone(scope.zone)
        return f"{local:%Y-%m-%d}" if not (local.hour or local.minute) else f"{local:%Y-%m-%d %H:%M}"
    return str(value) or "(not given)"


def _record(kpi: Kpi, row: dict[str, Any], keys: Sequence[str], scope: Scope) -> dict[str, Any]:
    return {
        "id": kpi.id,
        "version": kpi.version,
        **{key: row[key] for key in keys},
        "value": row[kpi.id],
        "n": row[f"{kpi.id}_n"],
        "low": row.get(f"{kpi.id}_low"),
        "high": row.get(f"{kpi.id}_high"),
        "unit": kpi.unit.value,
        "note": "; ".join(notes(kpi, row, scope)),
    }
