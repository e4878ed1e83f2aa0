"""Plain HTTP requests to a ClickHouse or to the embedded interface."""

from __future__ import annotations

import http.client
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlencode

LATE_ERROR = b"SELECT throwIf(number = 2999999) FROM numbers(3000000) FORMAT RowBinary SETTINGS max_block_size = 1000"


@dataclass(frozen=True)
class Reply:
    """What came back."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Server:
    """Sends plain HTTP requests to the database; keyword arguments go into the URL."""

    def __init__(self, port: int) -> None:
        self._port = port

    def get(self, path: str = "/", /, **parameters: str) -> Reply:
        return self._request("GET", f"{path}?{urlencode(parameters)}")

    def send(self, body: bytes = b"", headers: Mapping[str, str] | None = None, /, **parameters: str) -> Reply:
        return self._request("POST", f"/?{urlencode(parameters)}", body, headers)

    def rows(self, sql: str, /, **parameters: str) -> bytes:
        reply = self.send(sql.encode(), **parameters)
        assert reply.status == 200, reply.body
        return reply.body

    def _request(self, method: str, url: str, body: bytes = b"", headers: Mapping[str, str] | None = None) -> Reply:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=60)
        try:
            connection.request(method, url, body, dict(headers or {}))
            response = connection.getresponse()
            return Reply(response.status, dict(response.getheaders()), response.read())
        finally:
            connection.close()
