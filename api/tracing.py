"""Makes a span of each request, below the caller's (``traceparent``). Used only where traces are on."""

from __future__ import annotations

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from storage.spans import Spans


class TracingMiddleware:
    """The outermost middleware where traces are on."""

    def __init__(self, app: ASGIApp, spans: Spans) -> None:
        self._app = app
        self._spans = spans

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request in a span; its name has the route, never an id."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        span = self._spans.request(scope["method"], Headers(scope=scope), **{"http.request.method": scope["method"]})
        status = 0

        async def noted(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            with self._spans.entered(span):
                await self._app(scope, receive, noted)
        finally:
            route = getattr(scope.get("route"), "path", "")
            span.end(**{"http.route": route, "http.response.status_code": status})
