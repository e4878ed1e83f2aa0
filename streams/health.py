"""``/live`` and ``/ready`` of a worker, for supervisors, on the port of its metrics.

A worker is alive while its event loop turns, and ready while it reads from Kafka and ClickHouse takes what it writes.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from socketserver import ThreadingMixIn
from typing import TYPE_CHECKING, Any, Final
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from prometheus_client import CollectorRegistry, make_wsgi_app

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIEnvironment

_BEAT_SECONDS: Final = 1.0
# Longer than any normal pause of the loop; a restart costs more than waiting.
BLOCKED_SECONDS: Final = 60.0


class WorkerHealth:
    """Liveness and readiness of a worker; read from the threads of the HTTP server.

    Parameters
    ----------
    clock
        Seconds of any clock that only goes forward.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._beat: float | None = None
        self._checks: Mapping[str, Callable[[], bool]] | None = None
        self._stopping = False

    def started(self, checks: Mapping[str, Callable[[], bool]]) -> None:
        """Mark the worker as ready; ``checks`` maps each problem to a function that says whether it is absent."""
        self._checks = checks

    def stopping(self) -> None:
        """Mark the worker as stopping: still alive, but not ready."""
        self._stopping = True

    async def run(self) -> None:
        """Record a heartbeat of the event loop regularly; cancel to stop."""
        while True:
            self._beat = self._clock()
            await asyncio.sleep(_BEAT_SECONDS)

    def live(self) -> str:
        """Return the problem of the process, or an empty text; there is none during startup."""
        blocked = 0.0 if self._beat is None else self._clock() - self._beat
        return f"the event loop has been blocked for {blocked:.0f} s" if blocked > BLOCKED_SECONDS else ""

    def ready(self) -> str:
        """Return why the worker is not ready, or an empty text."""
        if self._stopping:
            return "stopping"
        if self._checks is None:
            return "starting"
        return self.live() or next((wrong for wrong, holds in self._checks.items() if not holds()), "")


class HealthServer(ThreadingMixIn, WSGIServer):
    """The HTTP server of metrics, ``/live`` and ``/ready``; a slow client does not delay others."""

    daemon_threads = True

    def stop(self) -> None:
        """Stop the server and free the port."""
        self.shutdown()
        self.server_close()


class _Silent(WSGIRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name in the base class
        """Log nothing: there is a request every few seconds."""


def serve(host: str, port: int, registry: CollectorRegistry, health: WorkerHealth) -> HealthServer:
    """Serve in a thread; ``port`` 0 picks a free one. Raises ``OSError`` where the port cannot be had."""
    metrics = make_wsgi_app(registry)
    probes = {"/live": health.live, "/ready": health.ready}

    def answer(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        probe = probes.get(environ["PATH_INFO"])
        if probe is None:
            found: Iterable[bytes] = metrics(environ, start_response)
            return found
        wrong = probe()
        start_response(
            "503 Service Unavailable" if wrong else "200 OK", [("Content-Type", "text/plain; charset=utf-8")]
        )
        return [f"{wrong or 'ok'}\n".encode()]

    server = make_server(host, port, answer, HealthServer, handler_class=_Silent)
    threading.Thread(target=server.serve_forever, name="metrics", daemon=True).start()
    return server
