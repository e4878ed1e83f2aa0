"""``romashka tenant``: display names, costs and attribution settings."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import typer

from cli.arguments import DAY, day, tenant_id
from cli.console import out, table
from cli.formats import OutputFormat, Printed, print_rows
from cli.settings import settings
from kpis.settings_model import PER_PROVIDER, SETTINGS, definition, in_force, new_entry, row
from models.counting import counted
from storage.connection import connect
from storage.tenant_names import save_name, tenant_names
from storage.tenant_settings import entries, save

app = typer.Typer(help="Display names and settings of tenants.", no_args_is_help=True)
settings_app = typer.Typer(help="Costs and attribution, each with its effective date.", no_args_is_help=True)
app.add_typer(settings_app, name="settings")

Tenant = Annotated[str, typer.Argument(help="Tenant (its user_id)")]


@app.command("name")
def name_(
    tenant: Tenant,
    name: Annotated[str, typer.Argument(help="Display name, at most 80 characters")],
) -> None:
    """Set the display name that dashboards, tables and reports show for a tenant.

    Example: `romashka tenant name 0a6f7d52-3c1e-4b7a-9f7e-5b0c1d2e3f01 "Acme GmbH"`
    """
    with connect(settings().clickhouse) as client:
        stored = save_name(client, tenant_id("TENANT", tenant), name, datetime.now(UTC))
    out.print(f"{tenant} is shown as {stored}", highlight=False, markup=False)


@app.command("list")
def names(format_: Printed = OutputFormat.TABLE) -> None:
    """List the tenants that have a display name.

    Example: `romashka tenant list --format json`
    """
    with connect(settings().clickhouse) as client:
        rows = [{"tenant": str(tenant), "display_name": name} for tenant, name in tenant_names(client).items()]
    if format_ is not OutputFormat.TABLE:
        print_rows(rows, format_, ("tenant", "display_name"))
    elif rows:
        cells = [(row["tenant"], row["display_name"]) for row in rows]
        out.print(table(counted(len(rows), "tenant"), ("tenant", "display name"), cells))
    else:
        out.print("no tenant has a display name; set one with 'romashka tenant name TENANT NAME'", highlight=False)


@settings_app.command("set")
def set_(
    tenant: Tenant,
    name: Annotated[str, typer.Argument(help=f"One of {', '.join(SETTINGS)}")],
    value: Annotated[str, typer.Argument(help="Value, for example 6.50")],
    start: Annotated[str, typer.Option("--from", metavar=DAY, help="Effective date (UTC), for example 2026-01-01")],
    provider: Annotated[str, typer.Option(help="Integration; for integration_cost_per_month")] = "",
) -> None:
    """Set a value from an effective date on; earlier days keep their value.

    Example: `romashka tenant settings set 0a6f7d52-3c1e-4b7a-9f7e-5b0c1d2e3f01 cost_per_human_contact 6.50 --from
    2026-01-01`
    """
    full = f"{name}{PER_PROVIDER}{provider}" if provider else name
    entry = new_entry(tenant_id("TENANT", tenant), full, value, day("--from", start), datetime.now(UTC))
    with connect(settings().clickhouse) as client:
        save(client, entry)
    unit = definition(full).unit
    out.print(f"{full} is {entry.value} {f'({unit}) ' if unit else ''}from {entry.effective_from} on", highlight=False)


@settings_app.command("list")
def list_(tenant: Tenant, format_: Printed = OutputFormat.TABLE) -> None:
    """List all values with their effective dates.

    Example: `romashka tenant settings list 0a6f7d52-3c1e-4b7a-9f7e-5b0c1d2e3f01`
    """
    with connect(settings().clickhouse) as client:
        rows = [row(entry) for entry in entries(client, tenant_id("TENANT", tenant))]
    if format_ is not OutputFormat.TABLE:
        print_rows(rows, format_)
    elif rows:
        out.print(table("Settings, oldest first", list(rows[0]), [list(one.values()) for one in rows], right=["value"]))
    else:
        out.print("nothing is set; 'romashka tenant settings show' tells what can be", highlight=False)


@settings_app.command()
def show(
    tenant: Tenant,
    on: Annotated[str, typer.Option("--on", metavar=DAY, help="Date (UTC); today if not given")] = "",
    format_: Printed = OutputFormat.TABLE,
) -> None:
    """Show the values in effect on a day, and the missing ones.

    Example: `romashka tenant settings show 0a6f7d52-3c1e-4b7a-9f7e-5b0c1d2e3f01 --on 2026-03-01`
    """
    when = day("--on", on) if on else datetime.now(UTC).date()
    with connect(settings().clickhouse) as client:
        entered = entries(client, tenant_id("TENANT", tenant))
    values = in_force(entered, when)
    chosen = {entry.setting for entry in entered if entry.effective_from <= when}
    rows = []
    for name in [*SETTINGS, *(name for name in values if name not in SETTINGS)]:
        one = definition(name)
        origin = "set" if name in chosen else "default" if name in values else "not set"
        rows.append(
            {"setting": name, "value": values.get(name), "unit": one.unit, "origin": origin, "meaning": one.meaning}
        )
    if format_ is not OutputFormat.TABLE:
        print_rows(rows, format_)
        return
    cells = [["-" if cell is None else cell for cell in one.values()] for one in rows]
    out.print(table(f"In force on {when}", list(rows[0]), cells, right=["value"]))
