"""What uvicorn leaves open: requests that do not come to their end, too many connections, and offers of HTTP/2.

uvicorn by itself waits for a request without end, takes connections until the process has no more files, and loses the
body of a request that offers an upgrade to HTTP/2, as Java's client does on plain HTTP.
"""

from __future__ import annotations

import asyncio
import re
import resource
from typing import Any, ClassVar, Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

HEADER_SECONDS: Final = 10.0
BODY_SECONDS: Final = 30.0
# Files that a process needs besides connections of its clients: libraries, the database, Redis, Kafka, reports.
_OTHER_FILES: Final = 96
_MIN_CONNECTIONS, _MAX_CONNECTIONS = 16, 10_000
_MAX_HEAD_BYTES: Final = 64 * 1024
_END: Final = b"\r\n\r\n"
_OFFER: Final = re.compile(rb"(?im)^upgrade:[ \t]*h2c[ \t]*\r\n")
_TOO_LARGE: Final = b"HTTP/1.1 431 Request Header Fields Too Large\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"
# Chunks of one byte have five more around it.
_MAX_FRAMING: Final = 8
_ANSWER: Final = b"HTTP/1.1 408 Request Timeout\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"
_FULL: Final = b"HTTP/1.1 503 Service Unavailable\r\nretry-after: 1\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"


def most_connections() -> int:
    """Return how many connections this process may hold, by its limit of open files."""
    files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return (
        _MAX_CONNECTIONS
        if files == resource.RLIM_INFINITY
        else min(max(files - _OTHER_FILES, _MIN_CONNECTIONS), _MAX_CONNECTIONS)
    )


class HeaderDeadlineProtocol(HttpToolsProtocol):
    """uvicorn's HTTP protocol with bounds.

    Each request has ``header_seconds`` for its head, from when it may begin, and ``BODY_SECONDS`` for its body. What is
    no body (head, trailers, the sizes of chunks) may have 64 KiB. Where there are ``most`` connections, the one that
    has been waited for longest, for a head or the rest of a body, makes room for a new one; where each has a request
    in progress, the new one gets 503 with Retry-After.
    """

    header_seconds = HEADER_SECONDS
    most = _MAX_CONNECTIONS
    # Those that something is waited for from their clients, longest first.
    _awaited: ClassVar[dict[HeaderDeadlineProtocol, None]]
    _deadline: asyncio.TimerHandle | None = None
    _first_head: bytes | None = b""
    # Of the present request.
    _received = 0
    _of_body = 0
    _running = False

    def connection_made(self, transport: Any) -> None:
        """Begin to wait for the first request."""
        if len(self.connections) >= self.most and not self._make_room():
            self.transport = transport
            transport.write(_FULL)
            transport.close()
            return
        super().connection_made(transport)
        self._wait(self.header_seconds)

    def data_received(self, data: bytes) -> None:
        """Receive bytes; an offer of HTTP/2 in the first headers of a connection is removed."""
        if self._first_head is not None:
            self._first_head += data
            end = self._first_head.find(_END) + len(_END)
            if end < len(_END) and len(self._first_head) <= _MAX_HEAD_BYTES:
                return
            data = _OFFER.sub(b"", self._first_head[:end]) + self._first_head[end:]
            self._first_head = None
        self._received += len(data)
        super().data_received(data)
        if self._received - _MAX_FRAMING * self._of_body > _MAX_HEAD_BYTES and not self.transport.is_closing():
            self._refuse_head()

    def on_headers_complete(self) -> None:
        """Begin to wait for the body."""
        self._running = True
        self._wait(BODY_SECONDS)
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Count the bytes of the body."""
        self._of_body += len(body)
        super().on_body(body)

    def on_message_complete(self) -> None:
        """Stop waiting: from here on the application has its own limits."""
        self._received = self._of_body = 0
        self._stop_waiting()
        super().on_message_complete()

    def handle_websocket_upgrade(self) -> None:
        """Stop waiting: the connection has another protocol from here on."""
        self._stop_waiting()
        super().handle_websocket_upgrade()

    def on_response_complete(self) -> None:
        """Start the deadline of the next request."""
        self._running = False
        super().on_response_complete()
        if not self.transport.is_closing():
            self._wait(self.header_seconds)

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop the deadline."""
        self._stop_waiting()
        super().connection_lost(exc)

    def _make_room(self) -> bool:
        """Let go of the connection that has been waited for longest; return whether there was one."""
        longest = next(iter(self._awaited), None)
        if longest is None:
            return False
        longest._stop_waiting()
        longest.connections.discard(longest)
        longest.transport.abort()
        return True

    def _wait(self, seconds: float) -> None:
        self._stop_waiting()
        self._awaited[self] = None
        self._deadline = self.loop.call_later(seconds, self._give_up)

    def _stop_waiting(self) -> None:
        self._awaited.pop(self, None)
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _refuse_head(self) -> None:
        self._stop_waiting()
        if not self._running:  # else the application may have begun to answer
            self.transport.write(_TOO_LARGE)
        self.transport.close()

    def _give_up(self) -> None:
        if not self.transport.is_closing():
            self.transport.write(_ANSWER)
            self.transport.close()


def http_protocol(header_seconds: float = HEADER_SECONDS, most: int | None = None) -> type[HeaderDeadlineProtocol]:
    """Return the protocol with limits of its own, as uvicorn takes it; ``most`` is by the process's limit of files."""
    limits = {"header_seconds": header_seconds, "most": most_connections() if most is None else most, "_awaited": {}}
    return type("HttpProtocol", (HeaderDeadlineProtocol,), limits)
