"""A mail server that keeps what it gets: as much of SMTP as a client needs to hand in a message."""

from __future__ import annotations

import socketserver
import threading
from email import message_from_bytes, policy
from email.message import EmailMessage
from types import TracebackType
from typing import Self


class MailSink:
    """Listens on a free loopback port. ``refuses`` recipients with 550 as long as it is set; ``farewell`` ends it."""

    def __init__(self) -> None:
        self.messages: list[EmailMessage] = []
        self.refuses = False
        self.farewell = "221 bye"
        sink = self

        class Handler(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                self._say("220 sink ready")
                while line := self.rfile.readline():
                    command = line.strip().upper()
                    if command == b"DATA":
                        self._say("354 go on")
                        sink.messages.append(self._message())
                        self._say("250 taken")
                    elif command.startswith(b"RCPT") and sink.refuses:
                        self._say("550 nobody here")
                    elif command == b"QUIT":
                        self._say(sink.farewell)
                        return
                    else:
                        self._say("250 fine")

            def _message(self) -> EmailMessage:
                lines = []
                while (line := self.rfile.readline()) not in {b".\r\n", b""}:
                    lines.append(line.removeprefix(b".") if line.startswith(b"..") else line)
                return message_from_bytes(b"".join(lines), EmailMessage, policy=policy.default)

            def _say(self, text: str) -> None:
                self.wfile.write(f"{text}\r\n".encode())

        class Server(socketserver.ThreadingTCPServer):
            daemon_threads = True
            block_on_close = False

        self._server = Server(("127.0.0.1", 0), Handler)
        self.port = int(self._server.server_address[1])
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
