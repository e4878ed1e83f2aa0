"""``romashka collector``: events over HTTP, and producers' keys."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import typer

from cli.arguments import tenant_id
from cli.command_audit import audited
from cli.console import err
from cli.settings import settings
from storage.connection import connect

app = typer.Typer(invoke_without_command=True)
key_app = typer.Typer(help="Keys of producers; 'romashka api key' lists and revokes them.", no_args_is_help=True)
app.add_typer(key_app, name="key")


@app.callback()
def serve(
    context: typer.Context,
    host: Annotated[str, typer.Option(help="Address; ROMASHKA_API_HOST if not given")] = "",
    port: Annotated[int | None, typer.Option(min=0, max=65535, help="ROMASHKA_COLLECTOR_PORT if not given")] = None,
) -> None:
    """Take events over HTTP until Ctrl-C: POST /v1/events and /v1/traces (OTLP); 'key' makes keys of producers.

    Example: `romashka collector --port 8081`
    """
    if context.invoked_subcommand is not None:
        return
    from cli.collector_server import run  # noqa: PLC0415 - a server, of which the keys need nothing

    chosen = settings()
    run(chosen, host or chosen.api_host, chosen.collector_port if port is None else port)


@key_app.command()
def add(
    label: Annotated[str, typer.Option(help="Label, for example 'chat service'")],
    tenant: Annotated[list[str] | None, typer.Option(help="Tenant it may send for (a user_id); repeatable")] = None,
    all_tenants: Annotated[bool, typer.Option("--all-tenants", help="Allow every tenant")] = False,
    topic: Annotated[list[str] | None, typer.Option(help="Topic it may send to; repeatable; all if not given")] = None,
) -> None:
    """Create a producer's key and print it once; only its hash is stored.

    Example: `romashka collector key add --all-tenants --label 'chat service'`
    """
    from collector.access import add_producer_key  # noqa: PLC0415 - its imports take a second

    tenants = [tenant_id("--tenant", one) for one in tenant or []]
    details = {"role": "producer", "tenants": [str(one) for one in tenants], "all_tenants": all_tenants, "label": label}
    chosen = settings()
    with connect(chosen.clickhouse) as client, audited(client, "key.add", "key:producer", details):
        _, shown = add_producer_key(
            client,
            chosen.secret,
            tenants=tenants,
            all_tenants=all_tenants,
            topics=topic or [],
            label=label,
            now=datetime.now(UTC),
        )
    err.print("Keep it where you keep passwords; it is not shown again:", style="bold")
    typer.echo(shown)
