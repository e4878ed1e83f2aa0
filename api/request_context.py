"""The outermost middleware: request id, security headers, body size limit, and a response for unexpected errors."""

from __future__ import annotations

import logging
import re
import uuid
from typing import Final

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.problems import ApiError, unreachable
from models.errors import Unreachable

log = logging.getLogger(__name__)
MAX_BYTES: Final = 64 * 1024
_ID: Final = re.compile(r"^[A-Za-z0-9._-]{1,64}$")
_STARTS: Final = {"http.response.start", "websocket.http.response.start"}
_CONTENT_POLICY: Final = "default-src 'none'; frame-ancestors 'none'"
_HEADERS: Final = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
}


class RequestContextMiddleware:
    """The outermost middleware."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        given = Headers(scope=scope).get("x-request-id", "")
        request_id = given if _ID.match(given) else uuid.uuid4().hex
        scope.setdefault("state", {})["request_id"] = request_id
        answer = _Answer(send, request_id, secure=scope["scheme"] in {"https", "wss"})
        try:
            _check_length(scope)
            await self._app(scope, _counted(receive), answer.send)
        except ApiError as refused:
            await self._refuse(refused, answer, scope, receive)
        except Unreachable as error:
            await self._refuse(unreachable(error), answer, scope, receive)
        except Exception:
            log.exception("request %s failed", request_id)
            detail = f"something failed that should not; tell us the request id {request_id}"
            await self._refuse(ApiError(500, "fault", detail), answer, scope, receive)

    async def _refuse(self, refused: ApiError, answer: _Answer, scope: Scope, receive: Receive) -> None:
        if answer.began:
            raise RuntimeError("an answer broke off half way") from refused  # the server closes the connection
        if scope["type"] == "websocket" and "websocket.http.response" not in scope.get("extensions", {}):
            await answer.send({"type": "websocket.close", "code": 1008, "reason": refused.kind})
            return
        await refused.response(answer.request_id)(scope, receive, answer.send)


class _Answer:
    """Adds headers to a response, and records whether it has started."""

    def __init__(self, send: Send, request_id: str, *, secure: bool) -> None:
        self._send = send
        self.request_id = request_id
        self._secure = secure
        self.began = False

    async def send(self, message: Message) -> None:
        if message["type"] in _STARTS:
            headers = MutableHeaders(scope=message)
            for name, value in _HEADERS.items():
                headers[name] = value
            headers["X-Request-ID"] = self.request_id
            headers.setdefault("Cache-Control", "no-store")
            headers.setdefault("Content-Security-Policy", _CONTENT_POLICY)  # pages for people allow their own style
            if self._secure:
                headers["Strict-Transport-Security"] = "max-age=31536000"
        self.began = self.began or message["type"] in {*_STARTS, "websocket.accept"}
        await self._send(message)


def _check_length(scope: Scope) -> None:
    length = Headers(scope=scope).get("content-length", "0")
    if not length.isdecimal() or int(length) > MAX_BYTES:
        raise ApiError(413, "too-large", f"a request may have {MAX_BYTES // 1024} KiB")


def _counted(receive: Receive) -> Receive:
    """Return a ``receive`` that fails where a body without a length exceeds the limit."""
    seen = 0

    async def counted() -> Message:
        nonlocal seen
        message = await receive()
        if message["type"] == "http.request":
            seen += len(message.get("body", b""))
            if seen > MAX_BYTES:
                raise HTTPException(413, f"a request may have {MAX_BYTES // 1024} KiB")
        return message

    return counted
