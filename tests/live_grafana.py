"""A small server in Grafana's place that takes what is pushed to it."""

from __future__ import annotations

from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Grafana:
    """A small server that notes what is pushed, and answers as it is told."""

    def __init__(self) -> None:
        self.taken: list[tuple[str, str | None, str]] = []
        self.status: int | None = 200  # None: it hangs up
        place = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"])).decode()
                place.taken.append((self.path, self.headers["Authorization"], body))
                if place.status is None:
                    return
                self.send_response(place.status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def close(self) -> None:
        """Stop serving."""
        self.server.shutdown()
        self.server.server_close()
