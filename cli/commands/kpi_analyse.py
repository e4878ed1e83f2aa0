"""``romashka kpi analyse``: analyses as tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, Any
from uuid import UUID

import typer
from clickhouse_connect.driver.client import Client

from cli.arguments import MOMENT, GivenTenant, Zone, country_code, given_tenant, integration_name, tenant_id, time_range
from cli.commands.kpi import Range, app, shown_range
from cli.console import out, table
from cli.formats import OutputFormat, Printed, print_rows
from cli.freshness import say_if_behind
from cli.settings import settings
from kpis.analyses.catalogue import ANALYSES, get
from kpis.analyses.incident_cost import fault_of
from kpis.currency import plain, unsigned
from kpis.kpi import Unit
from kpis.scope import ALL_TENANTS, AllTenants, Scope
from models.errors import SettingsError
from models.insights import ALL_TENANTS_ID
from storage.connection import connect
from storage.reading import query_rows
from storage.tenant_settings import currency_of


@app.command()
def analyse(
    name: Annotated[str, typer.Argument(help=f"One of {', '.join(ANALYSES)}")],
    tenant: GivenTenant = "",
    start: Annotated[str, typer.Option("--from", metavar=MOMENT, help="Start of the range, ISO-8601, or a day")] = "",
    end: Annotated[str, typer.Option("--to", metavar=MOMENT, help="End of the range, exclusive")] = "",
    range_: Range = "",
    provider: Annotated[
        str, typer.Option(help="Integration of the conversations, or of the incident", callback=integration_name)
    ] = "",
    channel: Annotated[str, typer.Option(help="Channel")] = "",
    country: Annotated[str, typer.Option(help="Country (DE)", callback=country_code)] = "",
    segment: Annotated[str, typer.Option(help="Customer segment")] = "",
    insight: Annotated[str, typer.Option(help="Insight that gives tenant, integration and range; for fault-cost")] = "",
    time_zone: Zone = "UTC",
    format_: Printed = OutputFormat.TABLE,
) -> None:
    """Run an analysis of a tenant's conversations, of the last 30 days if no range is given.

    Example: `romashka kpi analyse gaps --tenant 0a6f7d52-3c1e-4b7a-9f7e-5b0c1d2e3f01 --from 2026-03-01 --to 2026-04-01`
    """
    from dashboards.analysis_columns import PANELS  # noqa: PLC0415 - a tenth of a second, which others need not

    analysis = get(name)
    now = datetime.now(UTC)
    first, limit = time_range(start, end, range_, time_zone, now)
    with connect(settings().clickhouse) as client:
        if insight:
            scope = _of_insight(client, insight, now)
        else:
            scope = Scope(first, limit, _who(tenant), provider=provider or None)
        scope = replace(
            scope,
            time_zone=time_zone,
            channel=channel or None,
            country=country or None,
            segment=segment or None,
            as_of=now,
        )
        rows = analysis.finish(query_rows(client, *analysis.query(scope)))
        money = currency_of(client, Unit.MONEY, scope)
        say_if_behind(client, empty=not rows)
    amounts = {column.name for column in PANELS[name].columns if column.unit is Unit.MONEY} if money else set()
    named = f", in {money}" if amounts else ""
    _print(f"{analysis.meaning}, {shown_range(scope)}{named}", rows, format_, dict.fromkeys(amounts, money))


def _who(tenant: str) -> UUID | AllTenants:
    if not tenant:
        raise SettingsError("whose conversations? give --tenant with a user_id, or --tenant all")
    return given_tenant(tenant)


def _of_insight(client: Client, insight: str, now: datetime) -> Scope:
    """Return the range of an insight's incident, up to now while it is open."""
    found = query_rows(client, *fault_of(tenant_id("--insight", insight)))
    if not found:
        raise SettingsError(f"no insight {insight} that is about an integration; 'romashka insights list' shows them")
    (fault,) = found
    end = fault["ended_at"].replace(tzinfo=UTC) if fault["ended_at"] else now
    who = ALL_TENANTS if fault["user_id"] == ALL_TENANTS_ID else fault["user_id"]
    return Scope(fault["started_at"].replace(tzinfo=UTC), end, who, provider=fault["integration_provider"])


def _print(title: str, rows: Sequence[dict[str, Any]], format_: OutputFormat, amounts: Mapping[str, str]) -> None:
    """Print rows; ``amounts`` are the currencies of columns of amounts."""
    if format_ is not OutputFormat.TABLE:
        print_rows(rows, format_)
    elif rows:
        columns = [name for name in rows[0] if name != "user_id" or len({row["user_id"] for row in rows}) > 1]
        right = [name for name in columns if any(isinstance(row[name], int | float | Decimal) for row in rows)]
        out.print(
            table(
                title,
                columns,
                ([_shown(row[name], amounts.get(name, "")) for name in columns] for row in rows),
                right=right,
            )
        )
    else:
        out.print(f"{title}: nothing", highlight=False)


def _shown(cell: Any, currency: str) -> str:
    """Return a formatted cell; ``currency`` is that of an amount."""
    if cell is None:
        return "-"
    if currency:
        return unsigned(cell, currency)
    if isinstance(cell, float):
        return f"{cell:,.4f}" if abs(cell) < 10 else f"{cell:,.2f}"
    if isinstance(cell, Decimal):
        return plain(cell, ",")
    return f"{cell:,}" if isinstance(cell, int) and not isinstance(cell, bool) else str(cell)
