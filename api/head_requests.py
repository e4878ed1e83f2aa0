"""HEAD (RFC 9110, 9.3.2): the head of what GET answers."""

from __future__ import annotations

from typing import Final

from starlette.datastructures import MutableHeaders
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_ALLOW: Final = "allow"


class HeadMiddleware:
    """Answers HEAD as the application answers GET, without the body. Put it inside of what records the method."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        if scope["method"] != "HEAD":
            await self._app(scope, receive, _naming_head(send))
            return
        # Ranges are of GET alone (RFC 9110, 14.2). From version 2.4 on a response stops where sending fails.
        headers = [(name, value) for name, value in scope["headers"] if name != b"range"]
        asgi = {**scope.get("asgi", {}), "spec_version": "2.4"}
        try:
            await self._app(
                {**scope, "method": "GET", "headers": headers, "asgi": asgi}, receive, _without_body(_naming_head(send))
            )
        except (_HeadSent, ClientDisconnect):
            return


class _HeadSent(OSError):
    """The head has been sent, so the rest of a long body need not be made."""


def _naming_head(send: Send) -> Send:
    """Return a ``send`` that names HEAD wherever GET is allowed."""

    async def naming(message: Message) -> None:
        if message["type"] == "http.response.start" and message["status"] == 405:
            headers = MutableHeaders(scope=message)
            allowed = [one.strip() for one in headers.get(_ALLOW, "").split(",")]
            if "GET" in allowed and "HEAD" not in allowed:
                headers[_ALLOW] = ", ".join([*allowed, "HEAD"])
        await send(message)

    return naming


def _without_body(send: Send) -> Send:
    """Return a ``send`` that ends a response after its head."""

    async def without(message: Message) -> None:
        if message["type"] != "http.response.body":
            await send(message)
            return
        await send({"type": "http.response.body", "body": b"", "more_body": False})
        if message.get("more_body"):
            raise _HeadSent

    return without
