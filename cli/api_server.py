"""The HTTP API as a process: configuration from the settings, and its socket."""

from __future__ import annotations

import logging
import socket
from collections.abc import Callable, Sequence

import uvicorn
from fastapi import FastAPI
from starlette.types import ASGIApp

from api.app import create_app
from api.header_deadline import HEADER_SECONDS, http_protocol
from api.services import Configuration, redis_client
from api.signing_keys import check_url
from api.tokens import Provider
from cli.console import err, log_to_stderr
from cli.limits import schedule_limits
from cli.setting_checks import check_heads_file
from cli.setting_values import entries
from cli.settings import Settings
from cli.tracing import spans_of
from models.errors import PortInUse, SettingsError
from sinks.migrations import require_current
from storage.connection import connect
from storage.fingerprints import check_secrets


def run(
    chosen: Settings, host: str, port: int, around: Callable[[FastAPI], ASGIApp] = lambda app: app, shown: str = "/v1"
) -> None:
    """Serve until Ctrl-C.

    Parameters
    ----------
    around
        Wraps the application, for example with the collector.
    shown
        The path of the address that is printed.

    Raises
    ------
    PortInUse
        Something else listens there.
    SchemaMismatch
        The database lacks migrations.
    """
    app = checked_app(chosen)
    log_to_stderr(chosen.log_format)
    logging.getLogger("api").setLevel(logging.INFO)
    server = server_config(around(app), entries(chosen.api_trusted_proxies))
    with listening(host, port) as socket_:
        name, bound = socket_.getsockname()[:2]
        err.print(f"serving on http://{name}:{bound}{shown} - Ctrl-C ends it", highlight=False)
        uvicorn.Server(server).run(sockets=[socket_])


def checked_app(chosen: Settings) -> FastAPI:
    """Return the application after checking the settings and the database.

    Raises
    ------
    SettingsError
        A setting is wrong or missing, or a secret is not the one that the database was written with.
    SchemaMismatch
        The database lacks migrations.
    """
    config = configuration(chosen)
    check(config)
    require_current(chosen.clickhouse)
    with connect(chosen.clickhouse) as client:
        check_secrets(client, chosen.keys)
    return create_app(config)


def server_config(
    app: ASGIApp, proxies: Sequence[str] = (), *, header_seconds: float = HEADER_SECONDS
) -> uvicorn.Config:
    """Return the server configuration; ``X-Forwarded-For`` is trusted from ``proxies`` only."""
    return uvicorn.Config(
        app,
        http=http_protocol(header_seconds),
        log_config=None,
        access_log=False,  # the audit log has every access
        server_header=False,
        proxy_headers=bool(proxies),
        forwarded_allow_ips=list(proxies),
        ws_max_size=4096,  # clients of the live view send no messages
        timeout_graceful_shutdown=10,
    )


def listening(host: str, port: int) -> socket.socket:
    """Return a socket that listens; raises ``PortInUse``."""
    try:
        return socket.create_server((host, port), backlog=2048)
    except OSError as error:
        raise PortInUse(
            f"cannot listen on {host}:{port} ({error.strerror}); set ROMASHKA_API_HOST or _PORT, or give another --port"
        ) from error


def check(config: Configuration) -> None:
    """Check addresses and files before anything is started; raises ``SettingsError``."""
    check_heads_file(config.audit_heads)
    if config.provider is not None:
        check_url(config.provider.jwks_url)
    if config.redis_url:
        redis_client(config.redis_url)


def configuration(chosen: Settings) -> Configuration:
    """Return the API's configuration from the settings.

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
        cors_origins=entries(chosen.api_cors_origins),
        connections=chosen.api_connections,
        schedule_limits=schedule_limits(chosen),
        audit_heads=chosen.audit_heads,
        spans=spans_of(chosen, "romashka-api"),
    )
