"""A deadline for request headers, and a fix for HTTP/2 upgrade offers.

By itself uvicorn waits for headers without a limit, and loses the body of a request that offers an upgrade to HTTP/2,
as Java's client does on plain HTTP.
"""

from __future__ import annotations

import asyncio
import re
from typing import Any, Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

HEADER_SECONDS: Final = 10.0
_MAX_HEAD_BYTES: Final = 64 * 1024
_END: Final = b"\r\n\r\n"
_OFFER: Final = re.compile(rb"(?im)^upgrade:[ \t]*h2c[ \t]*\r\n")
_ANSWER: Final = b"HTTP/1.1 408 Request Timeout\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"


class HeaderDeadlineProtocol(HttpToolsProtocol):
    """uvicorn's HTTP protocol with a deadline of ``header_seconds`` for the headers of each request."""

    header_seconds = HEADER_SECONDS
    _deadline: asyncio.TimerHandle | None = None
    _first_head: bytes | None = b""

    def connection_made(self, transport: Any) -> None:
        """Start the deadline of the first request."""
        super().connection_made(transport)
        self._wait()

    def data_received(self, data: bytes) -> None:
        """Receive bytes; an offer of HTTP/2 in the first headers of a connection is removed."""
        if self._first_head is not None:
            self._first_head += data
            end = self._first_head.find(_END) + len(_END)
            if end < len(_END) and len(self._first_head) <= _MAX_HEAD_BYTES:
                return
            data = _OFFER.sub(b"", self._first_head[:end]) + self._first_head[end:]
            self._first_head = None
        super().data_received(data)

    def on_headers_complete(self) -> None:
        """Stop the deadline: the application has its own limits."""
        self._stop_waiting()
        super().on_headers_complete()

    def on_response_complete(self) -> None:
        """Start the deadline of the next request."""
        super().on_response_complete()
        if not self.transport.is_closing():
            self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop the deadline."""
        self._stop_waiting()
        super().connection_lost(exc)

    def _wait(self) -> None:
        self._stop_waiting()
        self._deadline = self.loop.call_later(self.header_seconds, self._give_up)

    def _stop_waiting(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _give_up(self) -> None:
        if not self.transport.is_closing():
            self.transport.write(_ANSWER)
            self.transport.close()


def http_protocol(header_seconds: float = HEADER_SECONDS) -> type[HeaderDeadlineProtocol]:
    """Return the protocol class with a time limit in seconds."""
    return type("HttpProtocol", (HeaderDeadlineProtocol,), {"header_seconds": header_seconds})
