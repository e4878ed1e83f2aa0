"""Parses HTTP requests by the rules of ClickHouse's HTTP interface."""

from __future__ import annotations

import re
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field

from embedded import compression
from embedded.errors import BAD_ARGUMENTS, NOT_IMPLEMENTED, UNKNOWN_SETTING, refusal

# URL parameters that belong to the interface and are no settings. The second kind is accepted and has no effect:
# there are no users, quotas or roles, sessions need no check, and results are buffered as the engine likes.
_READ_HERE = {"query", "database", "default_format", "query_id", "session_id", "session_timeout", "wait_end_of_query"}
_READ_HERE |= {"client_protocol_version", "compress", "decompress"}
_NO_EFFECT = {"user", "password", "role", "quota_key", "session_check", "close_session", "buffer_size", "stacktrace"}
_PARAMETER = "param_"
_IDENTIFIER = re.compile(r"[A-Za-z_]\w*", re.ASCII)
_TRUE = ("1", "true")


@dataclass(frozen=True)
class HttpQuery:
    """One request.

    Attributes
    ----------
    text
        The statement and, for an INSERT, the data behind it.
    settings
        Settings from the URL, by name.
    parameters
        Values for ``{name:Type}`` in the statement, by name, escaped as in TabSeparated.
    session_timeout
        Seconds.
    encoding
        Content encoding of the response; empty for none.
    wait_end_of_query
        Whether to run the statement to its end before anything is sent.
    """

    text: bytes
    database: str = ""
    settings: Mapping[str, str] = field(default_factory=dict)
    parameters: Mapping[str, str] = field(default_factory=dict)
    session_id: str = ""
    session_timeout: int = 60
    query_id: str = ""
    default_format: str = "TabSeparated"
    protocol_revision: int = 0
    encoding: str = ""
    wait_end_of_query: bool = False


def read_query(method: str, parameters: Mapping[str, str], headers: Mapping[str, str], body: bytes) -> HttpQuery:
    """Build the query of a request.

    Parameters
    ----------
    parameters
        Of the URL, and the fields of a form where one was sent.
    headers
        Looked up by their usual spelling; pass a mapping that ignores case.
    body
        As it came, still encoded.

    Raises
    ------
    QueryFailed
        The request uses an unsupported feature, or its body is damaged.
    """
    for name in ("compress", "decompress"):
        if parameters.get(name, "0").lower() in _TRUE:
            raise refusal(
                NOT_IMPLEMENTED,
                "NOT_IMPLEMENTED",
                f"The embedded database has no ClickHouse block compression ({name}=1); use gzip, lz4 or zstd by HTTP "
                "headers (Grafana's data source does so with protocol HTTP)",
            )
    data = compression.decode(body, headers.get("Content-Encoding", "").lower())
    in_url = parameters.get("query", "").encode("utf-8", "surrogateescape")
    return HttpQuery(
        text=in_url + b"\n" + data if in_url and data else in_url or data,
        database=parameters.get("database") or headers.get("X-ClickHouse-Database", ""),
        settings=_settings(method, parameters),
        parameters=_named(parameters, _PARAMETER),
        session_id=parameters.get("session_id", ""),
        session_timeout=_count(parameters, "session_timeout", "60"),
        query_id=parameters.get("query_id") or str(uuid.uuid4()),
        default_format=parameters.get("default_format") or headers.get("X-ClickHouse-Format") or "TabSeparated",
        protocol_revision=_count(parameters, "client_protocol_version", "0"),
        encoding=_response_encoding(parameters, headers),
        wait_end_of_query=parameters.get("wait_end_of_query", "0").lower() in _TRUE,
    )


def _count(parameters: Mapping[str, str], name: str, default: str) -> int:
    value = parameters.get(name, default)
    if not value.isdecimal():
        raise refusal(BAD_ARGUMENTS, "BAD_ARGUMENTS", f"{name} must be a whole number, not '{value}'")
    return int(value)


def _settings(method: str, parameters: Mapping[str, str]) -> dict[str, str]:
    settings = {
        name: value
        for name, value in parameters.items()
        if name not in _READ_HERE | _NO_EFFECT and not name.startswith(_PARAMETER)
    }
    for name in settings:
        if not _IDENTIFIER.fullmatch(name):
            raise refusal(UNKNOWN_SETTING, "UNKNOWN_SETTING", f"Unknown setting '{name}'")
    if method == "GET" and settings.get("readonly", "0") == "0":
        settings["readonly"] = "2"  # as ClickHouse does: a link must not be able to change anything
    return settings


def _named(parameters: Mapping[str, str], prefix: str) -> dict[str, str]:
    found = {name.removeprefix(prefix): value for name, value in parameters.items() if name.startswith(prefix)}
    for name in found:
        if not _IDENTIFIER.fullmatch(name):
            raise refusal(UNKNOWN_SETTING, "UNKNOWN_SETTING", f"Bad name of a query parameter: '{name}'")
    return found


def _response_encoding(parameters: Mapping[str, str], headers: Mapping[str, str]) -> str:
    if parameters.get("enable_http_compression", "0").lower() not in _TRUE:
        return ""
    return compression.choose(headers.get("Accept-Encoding", ""))
