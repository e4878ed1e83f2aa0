"""A collector that takes whatever comes: the HTTP side of the contract suite, whose messages are no events."""

from __future__ import annotations

import gzip
import json
import threading
from collections import defaultdict
from collections.abc import Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Self
from urllib.parse import parse_qs, urlsplit

from romashka_tracker import HttpTransport, Message, Transport


class HttpPlace:
    """An HTTP server that answers as the collector does and keeps what it is sent."""

    def __init__(self) -> None:
        self._values: defaultdict[str, list[bytes]] = defaultdict(list)
        self._sent: defaultdict[str, list[bytes]] = defaultdict(list)
        self._port = 0
        self._server: ThreadingHTTPServer | None = None
        self.switch_on()

    def transport(self) -> Transport:
        return _Recording(self.url, "rmk_test", self._sent)

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self._port}"

    def values(self, topic: str) -> list[bytes]:
        """Return the events that a topic was sent, in order."""
        return list(self._values[topic])

    def create(self, topics: Sequence[str]) -> None:
        """Topics need no creating here."""

    def read(self, topic: str) -> list[Message]:
        return [Message(*pair) for pair in zip(self._sent[topic], self._values[topic], strict=True)]

    def switch_off(self) -> None:
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None

    def switch_on(self) -> None:
        values = self._values

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                [topic] = parse_qs(urlsplit(self.path).query)["topic"]
                body = gzip.decompress(self.rfile.read(int(self.headers["Content-Length"])))
                lines = body.split(b"\n") if body else []
                values[topic] += lines
                answer = json.dumps({"events": [{"status": "accepted"} for _ in lines]}).encode()
                self.send_response(202)
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is the base class's
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", self._port), Handler)
        self._port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.switch_off()


class _Recording(HttpTransport):
    """Notes the keys of what was taken: a collector takes them from the events."""

    def __init__(self, url: str, key: str, sent: defaultdict[str, list[bytes]]) -> None:
        super().__init__(url, key)
        self._sent = sent

    async def send(self, topic: str, batch: Sequence[Message]) -> None:
        await super().send(topic, batch)
        self._sent[topic] += [message.key for message in batch]
