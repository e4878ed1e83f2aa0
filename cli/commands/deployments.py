"""``romashka deployments``: records and lists deployments, which dashboards show as annotations."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated, Final
from uuid import UUID

import typer

from cli.arguments import MOMENT, After, DaysBack, Limit, TenantOrAll, Zone, after, moment, one_tenant, said, say_next
from cli.console import out, table
from cli.settings import settings
from models.errors import SettingsError
from models.insights import ALL_TENANTS_ID
from models.pages import Listing
from storage.connection import connect
from storage.deployments import KEPT, NEWEST, Deployment, deployments, note

# Planned deployments may be in the future.
_AHEAD: Final = timedelta(days=366)

app = typer.Typer(help="Deployments, shown as annotations on the dashboards.", no_args_is_help=True)


@app.command()
def add(
    service: Annotated[str, typer.Argument(help="Service, for example assistant")],
    version: Annotated[str, typer.Argument(help="Version")],
    at: Annotated[
        str,
        typer.Option(
            "--at",
            metavar=MOMENT,
            help="Time of the deployment, ISO-8601; without an offset in --time-zone; now if not given",
        ),
    ] = "",
    tenant: TenantOrAll = "",
    time_zone: Zone = "UTC",
) -> None:
    """Record a deployment; call it at the end of yours. Idempotent.

    Example: `romashka deployments add assistant 2.14.0`
    """
    for name, text in (("SERVICE", service), ("VERSION", version)):
        if not text.strip():
            raise SettingsError(f"{name} is empty; expected a name, for example assistant or 2.14.0")
    whose = one_tenant(tenant) or ALL_TENANTS_ID
    now = datetime.now(UTC)
    when = moment("--at", at, time_zone) if at else now
    if not KEPT >= now - when >= -_AHEAD:
        raise SettingsError(f"--at is '{at}'; expected a time of the last {KEPT.days} days, or at most a year ahead")
    deployed = Deployment(service, version, when, whose)
    with connect(settings().clickhouse) as client:
        note(client, deployed)
    out.print(f"noted: {service} {version} at {said(when, time_zone)}", highlight=False)


@app.command("list")
def list_(
    days: DaysBack = 30,
    limit: Limit = 1_000,
    after_: After = "",
) -> None:
    """List deployments, newest first.

    Example: `romashka deployments list --days 7`
    """
    since = datetime.now(UTC) - timedelta(days=days)
    last = after(after_, Listing.DEPLOYMENTS, datetime, str, str, UUID)
    before = Deployment(last[1], last[2], last[0], last[3]) if last else NEWEST
    with connect(settings().clickhouse) as client:
        found, more = deployments(client, since, limit, before)
    say_next(more)
    rows = [
        (
            f"{one.deployed_at:%Y-%m-%d %H:%M}",
            one.service,
            one.version,
            "all" if one.user_id == ALL_TENANTS_ID else str(one.user_id),
        )
        for one in found
    ]
    if rows:
        out.print(table("Deployments, the newest first", ("when (UTC)", "service", "version", "tenants"), rows))
    else:
        out.print("nothing was noted; 'romashka deployments add' notes one", highlight=False)
