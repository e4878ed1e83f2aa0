"""A stand-in for the silences of Grafana 12.3's Alertmanager, over HTTP on this machine.

It has the addresses, statuses and fields that Grafana has (``/api/alertmanager/grafana/api/v2/silences`` and
``/silence/ID``): POST makes a silence or, with the id of an active one and the same matchers, changes it; DELETE
expires one; expired ones stay in the list. It has no roles: any token does but a wrong one. It silences nothing.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final
from uuid import uuid4

_PATH: Final = "/api/alertmanager/grafana/api/v2"
_REQUIRED: Final = ("matchers", "startsAt", "endsAt", "createdBy", "comment")
Answer = tuple[int, Any]


class SilenceServer:
    """The silences of the stand-in, by id, as JSON objects.

    Parameters
    ----------
    token
        The token that is accepted.
    clock
        Returns the current time in UTC: silences expire by it.
    """

    def __init__(self, token: str, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self.token = token
        self.url = ""
        self._clock = clock
        self._silences: dict[str, dict[str, Any]] = {}
        self._lock = threading.Lock()

    @contextmanager
    def serving(self) -> Iterator[str]:
        """Serve on a free port of this machine; yields the address."""
        server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        self.url = f"http://127.0.0.1:{server.server_address[1]}"
        try:
            yield self.url
        finally:
            server.shutdown()
            server.server_close()
            thread.join(5)

    def answer(self, method: str, path: str, body: bytes) -> Answer:
        """Return status and body of the answer to a request."""
        with self._lock:
            if path == f"{_PATH}/silences" and method == "GET":
                return 200, [self._shown(one) for one in self._silences.values()]
            if path == f"{_PATH}/silences" and method == "POST":
                return self._post(body)
            id_ = path.removeprefix(f"{_PATH}/silence/")
            found = self._silences.get(id_)
            if found is None:
                return 404, {"message": "silence not found"}
            if method == "GET":
                return 200, self._shown(found)
            if method == "DELETE":
                self._expire(found)
                return 200, {"message": "silence deleted"}
        return 405, {"message": "method not allowed"}

    def _post(self, body: bytes) -> Answer:
        try:
            given = json.loads(body)
            missing = [name for name in _REQUIRED if name not in given]
            starts, ends = _moment(given["startsAt"]), _moment(given["endsAt"])
        except (ValueError, KeyError, TypeError):
            return 400, {"message": "silence failed validation"}
        if missing or not given["matchers"] or ends <= starts or ends <= self._clock():
            return 400, {"message": "silence failed validation"}
        known = self._silences.get(given.get("id", ""))
        if given.get("id") and known is None:
            return 404, {"message": "silence not found"}
        if known is not None:
            if known["matchers"] == given["matchers"] and self._state(known) != "expired":
                known.update(endsAt=given["endsAt"], comment=given["comment"], updatedAt=_text(self._clock()))
                return 202, {"silenceID": known["id"]}
            self._expire(known)
        made = {name: given[name] for name in _REQUIRED} | {"id": str(uuid4()), "updatedAt": _text(self._clock())}
        self._silences[made["id"]] = made
        return 202, {"silenceID": made["id"]}

    def _expire(self, silence: dict[str, Any]) -> None:
        if self._state(silence) != "expired":
            silence["endsAt"] = silence["updatedAt"] = _text(self._clock())

    def _shown(self, silence: dict[str, Any]) -> dict[str, Any]:
        return {**silence, "status": {"state": self._state(silence)}}

    def _state(self, silence: dict[str, Any]) -> str:
        now = self._clock()
        if _moment(silence["endsAt"]) <= now:
            return "expired"
        return "pending" if _moment(silence["startsAt"]) > now else "active"


def _handler(silences: SilenceServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def _do(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            allowed = self.headers.get("Authorization") == f"Bearer {silences.token}"
            status, content = (
                silences.answer(self.command, self.path.partition("?")[0], body)
                if allowed
                else (401, {"message": "Invalid API key"})
            )
            sent = json.dumps(content).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(sent)))
            self.end_headers()
            self.wfile.write(sent)

        do_GET = do_POST = do_DELETE = _do  # noqa: N815 - the base class's names

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name is the base class's
            """Log nothing."""

    return Handler


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _text(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%S.%f}"[:-3] + "Z"
