"""``romashka mcp``: figures, insights, analyses and reports as tools of an agent (Model Context Protocol)."""

from __future__ import annotations

from typing import Annotated

import typer

from cli.setting_values import entries
from cli.settings import Settings, settings
from models.errors import SettingsError

_LOOPBACK = ("127.0.0.1", "localhost", "::1")


def run(
    http: Annotated[
        bool, typer.Option("--http", help="Serve streamable HTTP at /mcp instead of standard input and output")
    ] = False,
    host: Annotated[str, typer.Option(help="Address; ROMASHKA_MCP_HOST if not given")] = "",
    port: Annotated[int | None, typer.Option(min=0, max=65535, help="Port; ROMASHKA_MCP_PORT if not given")] = None,
) -> None:
    """Serve agents the tools of this installation, with the keys, roles, tenants, limits and audit log of the API.

    Over standard input and output the key is ROMASHKA_MCP_KEY. Over HTTP each client sends its own, as to the API.

    Example: `romashka mcp --http --port 8082`
    """
    chosen = settings()
    if http:
        _serve_http(chosen, host or chosen.mcp_host, chosen.mcp_port if port is None else port)
    else:
        _serve_stdio(chosen)


def _serve_http(chosen: Settings, host: str, port: int) -> None:
    from api.mcp.server import PATH, with_mcp  # noqa: PLC0415 - a server, of which the help needs nothing
    from cli.api_server import run as serve  # noqa: PLC0415 - as above

    hosts = allowed_hosts(chosen, host)
    serve(chosen, host, port, lambda app: with_mcp(app, hosts), PATH)


def allowed_hosts(chosen: Settings, host: str) -> tuple[str, ...]:
    """Return the names that clients reach it by; raises ``SettingsError`` where there are none beside loopback."""
    hosts = entries(chosen.mcp_allowed_hosts)
    if host not in _LOOPBACK and not hosts:
        raise SettingsError(
            f"{host} is not a loopback address: set ROMASHKA_MCP_ALLOWED_HOSTS to the names that clients reach it by, "
            "for example mcp.example.com"
        )
    return hosts


def _serve_stdio(chosen: Settings) -> None:
    import asyncio  # noqa: PLC0415 - the help needs nothing of a server

    from mcp.server.mcpserver.exceptions import ToolError  # noqa: PLC0415 - as above

    from api.mcp.server import serve_stdio  # noqa: PLC0415 - as above
    from cli.api_server import checked_app  # noqa: PLC0415 - as above
    from cli.console import log_to_stderr  # noqa: PLC0415 - as above

    key = chosen.mcp_key.get_secret_value()
    if not key:
        raise SettingsError("ROMASHKA_MCP_KEY is missing; make a key with: romashka api key add viewer --tenant ...")
    log_to_stderr(chosen.log_format)
    app = None if chosen.mcp_api_url else checked_app(chosen)
    try:
        asyncio.run(serve_stdio(app, chosen.mcp_api_url, key))
    except ToolError as error:
        raise SettingsError(f"ROMASHKA_MCP_KEY: {error}") from None
