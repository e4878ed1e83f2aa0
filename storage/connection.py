"""Connecting to ClickHouse, with readable errors."""

from __future__ import annotations

from typing import NamedTuple
from urllib.parse import urlsplit

import clickhouse_connect
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError

from models.errors import SettingsError, Unreachable
from storage.topology import Topology, session_settings

_CONNECT_SECONDS = 5
# Below Kafka's session and poll limits: a hung database must time out before the group gives up on this worker.
_ANSWER_SECONDS = 30


class ClickHouseAddress(NamedTuple):
    """ClickHouse's address and our credentials. ``url`` is for example ``http://127.0.0.1:8123``.

    ``topology`` says how tables lie on several servers; ``None``: one server.
    """

    url: str
    database: str
    user: str = "default"
    password: str = ""
    topology: Topology | None = None


def connect(
    address: ClickHouseAddress, *, database: str | None = None, answer_seconds: int = _ANSWER_SECONDS
) -> Client:
    """Open a client, safe to use from one thread at a time.

    Parameters
    ----------
    database
        The default database; that of the address where not given.

    Raises
    ------
    SettingsError
        The URL cannot be used.
    Unreachable
        No server answers there, or it refuses the connection.
    """
    scheme, host, port = _parts(address.url)
    try:
        return clickhouse_connect.get_client(
            host=host,
            port=port,
            interface=scheme,
            username=address.user,
            password=address.password,
            database=address.database if database is None else database,
            connect_timeout=_CONNECT_SECONDS,
            send_receive_timeout=answer_seconds,
            compress="lz4",
            query_retries=0,  # the caller retries: only it knows what is idempotent
            settings=session_settings(address.topology),
            autogenerate_session_id=False,  # a session would serialise concurrent statements
        )
    except ClickHouseError as error:
        raise Unreachable(_why(address, error)) from error


def _parts(url: str) -> tuple[str, str, int]:
    wrong = SettingsError(f"ROMASHKA_CLICKHOUSE_URL is '{url}'; expected something like http://127.0.0.1:8123")
    try:
        parts = urlsplit(url)
        port = parts.port or (8443 if parts.scheme == "https" else 8123)
    except ValueError:
        raise wrong from None
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise wrong
    return parts.scheme, parts.hostname, port


def _why(address: ClickHouseAddress, error: ClickHouseError) -> str:
    code = getattr(error, "code", None)
    if code in {193, 194, 516}:
        return (
            f"ClickHouse at {address.url} refuses user '{address.user}'; check ROMASHKA_CLICKHOUSE_USER and _PASSWORD"
        )
    if code == 81:
        return f"ClickHouse at {address.url} has no database '{address.database}'; run 'romashka migrate' first"
    return (
        f"ClickHouse at {address.url} does not answer; check ROMASHKA_CLICKHOUSE_URL and that the server runs "
        "('romashka embedded' starts one)"
    )
