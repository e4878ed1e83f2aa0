"""``romashka api``: the HTTP API, and the keys that open it."""

from __future__ import annotations

import json
import logging
import socket
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from typing import Annotated

import typer
import uvicorn
from clickhouse_connect.driver.client import Client

from api.keys import StoredKey, new_key, save, stored_keys
from api.roles import Role
from api.services import Configuration
from api.tokens import Provider
from cli.arguments import tenant_id
from cli.console import err, log_to_stderr, out, table
from cli.settings import Settings, settings
from cli.trail import audited
from models.errors import PortInUse, SettingsError
from models.insights import ACROSS_TENANTS
from sinks.connection import connect
from sinks.migrations import require_current

app = typer.Typer(help="The HTTP API, and the keys that open it.", invoke_without_command=True)
key_app = typer.Typer(help="API keys: made once, shown once.", no_args_is_help=True)
app.add_typer(key_app, name="key")


@app.callback()
def serve(
    context: typer.Context,
    host: Annotated[str, typer.Option(help="Address; ROMASHKA_API_HOST if not given")] = "",
    port: Annotated[int | None, typer.Option(min=0, max=65535, help="Port; ROMASHKA_API_PORT if not given")] = None,
) -> None:
    """Serve the HTTP API until Ctrl-C; /v1/openapi.json describes it.

    Example: `romashka api --port 8080`
    """
    if context.invoked_subcommand is not None:
        return
    from api.app import create_app  # noqa: PLC0415 - its imports take a second, and every command imports this module

    chosen = settings()
    require_current(chosen.clickhouse)
    log_to_stderr()
    logging.getLogger("api").setLevel(logging.INFO)
    config = uvicorn.Config(
        create_app(configuration(chosen)),
        log_config=None,
        access_log=False,  # the audit log has every access, and who it was
        server_header=False,
        ws_max_size=4096,  # clients of the live view have nothing to say
        timeout_graceful_shutdown=10,
    )
    with _listening(host or chosen.api_host, chosen.api_port if port is None else port) as listening:
        name, bound = listening.getsockname()[:2]
        err.print(f"serving on http://{name}:{bound}/v1 - Ctrl-C ends it", highlight=False)
        uvicorn.Server(config).run(sockets=[listening])


def _listening(host: str, port: int) -> socket.socket:
    try:
        return socket.create_server((host, port), backlog=2048)
    except OSError as error:
        raise PortInUse(
            f"cannot listen on {host}:{port} ({error.strerror}); set ROMASHKA_API_HOST or _PORT, or give another --port"
        ) from error


def configuration(chosen: Settings) -> Configuration:
    """Return what the settings say about the API.

    Raises
    ------
    SettingsError
        One of the settings of the sign-in service is missing.
    """
    provider = Provider(chosen.oidc_issuer, chosen.oidc_audience, chosen.oidc_jwks_url)
    if any(provider) and not all(provider):
        lacking = next(name.upper() for name, value in provider._asdict().items() if not value)
        raise SettingsError(
            f"ROMASHKA_OIDC_{lacking} is missing; tokens need all of ROMASHKA_OIDC_ISSUER, _AUDIENCE and _JWKS_URL"
        )
    return Configuration(
        clickhouse=chosen.clickhouse,
        secret=chosen.secret,
        reports=chosen.reports_dir,
        provider=provider if all(provider) else None,
        redis_url=chosen.redis_url.get_secret_value(),
        requests_per_minute=chosen.api_requests_per_minute,
        heavy_per_minute=chosen.api_heavy_per_minute,
        cors_origins=tuple(one.strip() for one in chosen.api_cors_origins.split(",") if one.strip()),
        connections=chosen.api_connections,
    )


@key_app.command()
def add(
    role: Annotated[Role, typer.Argument(help="What its holder may see and do")],
    label: Annotated[str, typer.Option(help="For whom, for example 'billing service'")],
    tenant: Annotated[str, typer.Option(help="Whose data (a user_id); not for admin, which is for all tenants")] = "",
) -> None:
    """Make a key and print it, this once: only its hash is kept.

    Example: `romashka api key add analyst --tenant 0a6f7d52-3c1e-4b7a-9f7e-5b0c1d2e3f01 --label 'billing service'`
    """
    now = datetime.now(UTC)
    key, shown = new_key(role, tenant_id("--tenant", tenant) if tenant else None, label, now)
    with connect(settings().clickhouse) as client, _audited(client, "key.add", key):
        save(client, key)
    err.print("Keep it where you keep passwords; it is not shown again:", style="bold")
    typer.echo(shown)


@key_app.command("list")
def list_(as_json: Annotated[bool, typer.Option("--json", help="Print JSON")] = False) -> None:
    """List every key, without its secret.

    Example: `romashka api key list`
    """
    with connect(settings().clickhouse) as client:
        keys = stored_keys(client)
    rows = [
        {
            "id": key.id,
            "role": key.role.value,
            "tenant": "all" if key.tenant == ACROSS_TENANTS else str(key.tenant),
            "label": key.label,
            "made": f"{key.created_at:%Y-%m-%d}",
            "last used": "-" if key.used_at is None else f"{key.used_at:%Y-%m-%d %H:%M}",
            "revoked": "-" if key.revoked_at is None else f"{key.revoked_at:%Y-%m-%d %H:%M}",
        }
        for key in keys
    ]
    if as_json:
        typer.echo(json.dumps(rows, indent=2))
    elif rows:
        out.print(table("API keys", list(rows[0]), [list(row.values()) for row in rows]))
    else:
        out.print("there is no key; make one with 'romashka api key add'", highlight=False)


@key_app.command()
def revoke(id_: Annotated[str, typer.Argument(metavar="ID", help="As 'list' shows it")]) -> None:
    """Revoke a key: it is refused within five seconds, for ever.

    Example: `romashka api key revoke k3v7qpa2mzbd`
    """
    now = datetime.now(UTC)
    with connect(settings().clickhouse) as client:
        found = [key for key in stored_keys(client) if key.id == id_]
        if not found:
            raise SettingsError(f"there is no key '{id_}'; 'romashka api key list' shows them")
        if found[0].revoked_at is None:
            with _audited(client, "key.revoke", found[0]):
                save(client, found[0]._replace(revoked_at=now))
    out.print(f"key {id_} is revoked", highlight=False)


def _audited(client: Client, action: str, key: StoredKey) -> AbstractContextManager[None]:
    details = {"role": key.role.value, "tenant": str(key.tenant), "label": key.label}
    return audited(client, action, f"key:{key.id}", details)
