"""``romashka kpi``: the figures, in the terminal."""

from __future__ import annotations

import csv
import io
import json
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Any, Final
from uuid import UUID

import typer
from rich.console import Group

from cli.console import out, table
from cli.settings import settings
from kpis import figures
from kpis.figures import DIMENSIONS, Scope, last_days
from models.errors import SettingsError
from models.query import Query
from sinks.connection import connect
from sinks.reading import ask

app = typer.Typer(help="Key figures: success, latency, confidence, satisfaction, value.", no_args_is_help=True)


# What a column is called where people read it; JSON and CSV keep the figure's name.
_HEADINGS: Final = {
    "query_type": "query type",
    "query_count": "queries",
    "query_success_rate": "answered",
    "latency_p50_ms": "p50 ms",
    "latency_p95_ms": "p95 ms",
    "latency_p99_ms": "p99 ms",
    "data_freshness_hours": "data age h",
    "ai_confidence": "AI sure",
    "satisfaction_impact": "impact",
    "error_kind": "error",
    "conversation_count": "conversations",
    "data_utilization_rate": "used data",
    "csat_with_data": "stars with",
    "csat_without_data": "without",
    "resolution_time_minutes": "minutes",
    "value_generated": "value",
    "confidence_with_data": "sure with data",
    "confidence_without_data": "without",
}


class Format(StrEnum):
    """How to print."""

    TABLE = "table"
    JSON = "json"
    CSV = "csv"


class Split(StrEnum):
    """What to split by."""

    PROVIDER = "provider"
    QUERY_TYPE = "query_type"
    TENANT = "tenant"


@app.command()
def summary(
    tenant: Annotated[str, typer.Option(help="Only this tenant (its user_id)")] = "",
    provider: Annotated[str, typer.Option(help="Only this integration")] = "",
    query_type: Annotated[str, typer.Option(help="Only this kind of query")] = "",
    start: Annotated[str, typer.Option("--from", help="From this time on, ISO-8601; without an offset it is UTC")] = "",
    end: Annotated[str, typer.Option("--to", help="Up to this time, not including it")] = "",
    by: Annotated[list[Split] | None, typer.Option(help="Split by this; may be given again")] = None,
    format_: Annotated[Format, typer.Option("--format", help="How to print")] = Format.TABLE,
) -> None:
    """Show the figures of a time range, the last 30 days if none is given, split by provider if by nothing else.

    Example: `romashka kpi summary --by provider --by query_type --from 2026-11-01 --format csv`
    """
    scope = _scope(tenant, provider, query_type, start, end)
    split = [dimension.value for dimension in by or [Split.PROVIDER]]
    coarse = [name for name in split if name != "query_type"]
    asked = {
        "Queries": figures.query_figures(scope, split),
        "Errors": figures.errors_by_kind(scope, split),
        "All conversations": figures.outcome_figures(scope),
        "Conversations that used data": figures.outcome_figures(scope, coarse),
        "Confidence": figures.confidence_figures(scope, [name for name in coarse if name == "tenant"]),
    }
    with connect(settings().clickhouse) as client:
        answers = {title: answer(client, query) for title, query in asked.items()}
    _print(answers, scope, format_)


def answer(client: Any, query: Query) -> list[dict[str, Any]]:
    """Return a query's rows without what is only there to compute the others."""
    return [{name: cell for name, cell in row.items() if name != "merged"} for row in ask(client, *query)]


def shown(name: str, cell: Any) -> str:
    """Return a cell as people read it."""
    if cell is None:
        return "-"
    if name.endswith("_rate"):
        return f"{float(cell):.2%}"
    if name.endswith(("_ms", "_generated")):
        return f"{cell:,.0f}"
    if isinstance(cell, int):
        return f"{cell:,}"
    return str(cell) if isinstance(cell, str | UUID) else f"{float(cell):,.2f}"


def _print(answers: dict[str, list[dict[str, Any]]], scope: Scope, format_: Format) -> None:
    if format_ is Format.JSON:
        out.print_json(json.dumps(answers, default=str))
        return
    for title, rows in answers.items():
        columns = list(rows[0]) if rows else []
        if format_ is Format.CSV:
            buffer = io.StringIO()
            csv.writer(buffer).writerows([["figures", *columns], *([title, *row.values()] for row in rows)])
            typer.echo(buffer.getvalue(), nl=False)
        elif rows:
            out.print(_table(title, scope, rows))
        else:
            out.print(f"{title}: nothing between {scope.start:%Y-%m-%d %H:%M} and {scope.end:%Y-%m-%d %H:%M} UTC")


def _table(title: str, scope: Scope, rows: list[dict[str, Any]]) -> Group:
    headings = {name: _HEADINGS.get(name, name) for name in rows[0]}
    cells = ([shown(name, cell) for name, cell in row.items()] for row in rows)
    numbers = [heading for name, heading in headings.items() if name not in {*DIMENSIONS, "error_kind"}]
    span = f"{scope.start:%Y-%m-%d %H:%M} to {scope.end:%Y-%m-%d %H:%M} UTC"
    return table(f"{title}, {span}", list(headings.values()), cells, right=numbers)


def _scope(tenant: str, provider: str, query_type: str, start: str, end: str) -> Scope:
    recent = last_days(30, datetime.now(UTC))
    scope = Scope(
        start=_time("--from", start) if start else recent.start,
        end=_time("--to", end) if end else recent.end,
        tenant=_tenant(tenant) if tenant else None,
        provider=provider or None,
        query_type=query_type or None,
    )
    if scope.end <= scope.start:
        raise SettingsError(f"the range is empty: --to {scope.end} is not after --from {scope.start}")
    return scope


def _time(option: str, text: str) -> datetime:
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        raise SettingsError(f"{option} is '{text}'; expected ISO-8601, for example 2026-11-01T08:00+01:00") from None
    return time.astimezone(UTC) if time.tzinfo else time.replace(tzinfo=UTC)


def _tenant(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise SettingsError(f"--tenant is '{text}'; expected a UUID") from None
