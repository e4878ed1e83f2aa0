"""``romashka api``: the HTTP API and its keys."""

from __future__ import annotations

import sys
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from typing import Annotated

import typer
from clickhouse_connect.driver.client import Client

from api.keys import FIRST, KeySigner, StoredKey, new_key, read_keys, save
from api.roles import Role
from cli.arguments import After, Limit, after, say_next, tenant_id
from cli.command_audit import audited
from cli.console import err, out, table
from cli.formats import OutputFormat, Printed, print_rows
from cli.settings import settings
from models.errors import SettingsError
from models.insights import ALL_TENANTS_ID
from models.pages import Listing
from storage.connection import connect

app = typer.Typer(invoke_without_command=True)
key_app = typer.Typer(help="API keys: create, list and revoke them.", no_args_is_help=True)
app.add_typer(key_app, name="key")


@app.callback()
def serve(
    context: typer.Context,
    host: Annotated[str, typer.Option(help="Address; ROMASHKA_API_HOST if not given")] = "",
    port: Annotated[int | None, typer.Option(min=0, max=65535, help="Port; ROMASHKA_API_PORT if not given")] = None,
    collector: Annotated[
        bool, typer.Option("--collector", help="Also serve the collector: POST /v1/events, /v1/traces")
    ] = False,
) -> None:
    """Serve the HTTP API until Ctrl-C; 'key' makes, lists and revokes its keys.

    Its description is at /v1/openapi.json.

    Example: `romashka api --port 8080`
    """
    if context.invoked_subcommand is not None:
        return
    from cli.api_server import run  # noqa: PLC0415 - a server, of which the keys need nothing

    chosen = settings()
    if collector:
        from cli.collector_server import collector_of, with_collector  # noqa: PLC0415 - as above

        beside = collector_of(chosen)
        run(
            chosen,
            host or chosen.api_host,
            chosen.api_port if port is None else port,
            lambda app: with_collector(app, *beside),
        )
    else:
        run(chosen, host or chosen.api_host, chosen.api_port if port is None else port)


@key_app.command()
def add(
    role: Annotated[Role, typer.Argument(help="Role of the key")],
    label: Annotated[str, typer.Option(help="Label, for example 'billing service'")],
    tenant: Annotated[str, typer.Option(help="Tenant (its user_id); not for admin, which has all tenants")] = "",
) -> None:
    """Create a key and print it once; only its hash is stored.

    Example: `romashka api key add analyst --tenant 0a6f7d52-3c1e-4b7a-9f7e-5b0c1d2e3f01 --label 'billing service'`
    """
    now = datetime.now(UTC)
    key, shown = new_key(role, tenant_id("--tenant", tenant) if tenant else None, label, now)
    with connect(settings().clickhouse) as client, _audited(client, "key.add", key):
        save(client, key, _signer())
    where = "below" if sys.stdout.isatty() else "on standard output"
    err.print(f"The key is {where}, this once: keep it where you keep passwords.", style="bold")
    typer.echo(shown)


@key_app.command("list")
def list_(limit: Limit = 1_000, after_: After = "", format_: Printed = OutputFormat.TABLE) -> None:
    """List all keys, without secrets.

    Example: `romashka api key list`
    """
    last = after(after_, Listing.KEYS, datetime, str)
    with connect(settings().clickhouse) as client:
        found = read_keys(client, _signer(), limit, (last[0], last[1]) if last else FIRST)
    say_next(found.next)
    rows = [
        {
            "id": key.id,
            "role": key.role.value,
            "tenant": "all" if key.tenant == ALL_TENANTS_ID else str(key.tenant),
            "label": key.label,
            "made": f"{key.created_at:%Y-%m-%d}",
            "last used": "-" if key.used_at is None else f"{key.used_at:%Y-%m-%d %H:%M}",
            "revoked": "-" if key.revoked_at is None else f"{key.revoked_at:%Y-%m-%d %H:%M}",
        }
        for key in found.keys
    ]
    for id_, why in found.skipped.items():
        err.print(f"the row '{id_}' does not count: {why}", style="yellow", highlight=False, soft_wrap=True)
    if format_ is not OutputFormat.TABLE:
        print_rows(rows, format_)
    elif rows:
        out.print(table("API keys", list(rows[0]), [list(row.values()) for row in rows]))
    else:
        out.print("there is no key; make one with 'romashka api key add'", highlight=False)


@key_app.command()
def revoke(id_: Annotated[str, typer.Argument(metavar="ID", help="Id, as 'list' shows it")]) -> None:
    """Revoke a key permanently; it is refused within five seconds.

    Example: `romashka api key revoke k3v7qpa2mzbd`
    """
    now = datetime.now(UTC)
    with connect(settings().clickhouse) as client:
        rows = read_keys(client, _signer())
        key = _one_of(rows.keys + rows.unsigned, id_)
        if key.revoked_at is None:
            with _audited(client, "key.revoke", key):
                save(client, key._replace(revoked_at=now), _signer())
    out.print(f"key {id_} is revoked", highlight=False)


@key_app.command()
def sign(id_: Annotated[str, typer.Argument(metavar="ID", help="Id, as 'list' shows it")]) -> None:
    """Sign a key that is unsigned or signed with another secret. Make sure that it is yours: it becomes valid.

    Example: `romashka api key sign k3v7qpa2mzbd`
    """
    with connect(settings().clickhouse) as client:
        key = _one_of(read_keys(client, _signer()).unsigned, id_)
        with _audited(client, "key.sign", key):
            save(client, key, _signer())
    out.print(f"key {id_} is signed: role {key.role.value}, label '{key.label}'", highlight=False)


def _signer() -> KeySigner:
    return KeySigner(settings().secret)


def _one_of(keys: list[StoredKey], id_: str) -> StoredKey:
    found = [key for key in keys if key.id == id_]
    if not found:
        raise SettingsError(f"there is no such key '{id_}'; 'romashka api key list' shows them")
    return found[0]


def _audited(client: Client, action: str, key: StoredKey) -> AbstractContextManager[None]:
    details = {"role": key.role.value, "tenant": str(key.tenant), "label": key.label}
    return audited(client, action, f"key:{key.id}", details)
