"""Authentication of every request, rate limits, and the audit log."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any, Final

from starlette.datastructures import Headers
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.identity import Identity
from api.keys import PREFIX
from api.problems import ApiError
from api.rate_limit import RequestRate, seconds
from api.services import Services, services_of
from api.shares import HOLDERS, holders_of
from storage.audit import AuditEntry
from storage.insight_links import without_tokens

OPEN: Final = frozenset({"/v1/health", "/v1/health/live", "/v1/health/ready", "/v1/openapi.json"})
"""Paths without authentication: health checks and the OpenAPI document."""
LINKS: Final = "/links"
"""Paths of pages for people, which check a token of their own; no log may have it."""
_PROTOCOL: Final = "bearer."
_MAX_LENGTH: Final = 500


class AuthMiddleware:
    """The middleware that checks tokens and keys, applies rate limits, and writes the audit log."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass one request on, or raise ``ApiError``."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        services = services_of(HTTPConnection(scope))
        if scope["path"] in OPEN:
            await _limit(services, f"open:{_address(scope)}", services.reading)
            await self._app(scope, receive, send)
            return
        services.trail.require_room()
        state = scope["state"]
        outcome = _Outcome(send)
        try:
            if is_link(scope["path"]):
                await _limit(services, f"open:{_address(scope)}", services.reading)
                state["admit"] = _Stranger(services, scope).admit
            else:
                state["identity"] = await self._admit(services, scope)
            await self._app(scope, receive, outcome.send)
        except ApiError as refused:
            outcome.status = refused.status
            raise
        except Exception:
            outcome.status = 500
            raise
        finally:
            if not state.get("unnoted"):
                services.trail.note(_entry(scope, state, outcome.status))

    async def _admit(self, services: Services, scope: Scope) -> Identity:
        stranger = _Stranger(services, scope)
        try:
            identity = await authenticate(services, credentials(scope), stranger.admit)
        except ApiError as refused:
            if refused.status == 401:
                await stranger.admit()
            raise
        await admit_identity(services, identity)
        return identity


class _Stranger:
    """A request whose sender is not known yet."""

    def __init__(self, services: Services, scope: Scope) -> None:
        self._services = services
        self._scope = scope
        self._counted = False

    async def admit(self) -> None:
        """Count a request without a valid token against its address, once; raise ``ApiError`` where there are many."""
        if self._counted:
            return
        self._counted = True
        services = self._services
        if await services.limiter.take(f"unauthenticated:{_address(self._scope)}", services.unauthenticated):
            self._scope["state"]["unnoted"] = True
            raise ApiError(429, "too-many", "too many wrong tokens from this address", headers={"Retry-After": "60"})


class _Outcome:
    """Records the status of the response."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self.status = 0

    async def send(self, message: Message) -> None:
        if message["type"].endswith("response.start"):
            self.status = message["status"]
        elif message["type"] == "websocket.accept":
            self.status = 101
        await self._send(message)


def credentials(scope: Scope) -> str:
    """Return the token or key of a request: from its header, or from a WebSocket's subprotocols, as browsers need."""
    headers = Headers(scope=scope)
    scheme, _, token = headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer" and token:
        return token.strip()
    if scope["type"] == "websocket":
        offered = [str(one) for one in scope.get("subprotocols", [])]
        found = [one.removeprefix(_PROTOCOL) for one in offered if one.startswith(_PROTOCOL)]
        if found:
            return found[0]
    return ""


async def authenticate(services: Services, token: str, admit: Callable[[], Awaitable[None]]) -> Identity:
    """Return the identity of a token or a key; ``admit`` may refuse before keys are fetched for it.

    Raises
    ------
    ApiError
        There is none, or it is invalid.
    """
    if not token:
        raise ApiError(
            401,
            "no-token",
            "send a token or an API key: Authorization: Bearer ...",
            headers={"WWW-Authenticate": 'Bearer realm="romashka"'},
        )
    if token.startswith(PREFIX):
        return await services.ring.identity(token)
    if services.tokens is None:
        raise ApiError(
            401,
            "wrong-token",
            "only API keys are taken here (rmk_...): no sign-in service is set up",
            headers={"WWW-Authenticate": 'Bearer realm="romashka", error="invalid_token"'},
        )
    return await services.tokens.identity(token, admit)


async def admit_identity(services: Services, identity: Identity) -> None:
    """Count a request of somebody known, and give it that one's share of the database; raise ``ApiError`` over it."""
    await _limit(services, identity.name, services.reading)
    HOLDERS.set(holders_of(identity))


async def _limit(services: Services, who: str, rate: RequestRate) -> None:
    if wait := await services.limiter.take(who, rate):
        detail = f"you may ask {rate.per_minute:.0f} times a minute; wait {seconds(wait)} s"
        raise ApiError(429, "too-many", detail, headers={"Retry-After": seconds(wait)})


def is_link(path: str) -> bool:
    """Whether a path is of the pages for people (``api.insight_links``)."""
    return path == LINKS or path.startswith(f"{LINKS}/")


def _address(scope: Scope) -> str:
    return scope["client"][0] if scope.get("client") else "unknown"


def _entry(scope: Scope, state: dict[str, Any], status: int) -> AuditEntry:
    identity: Identity | None = state.get("identity")
    return AuditEntry(
        happened_at=datetime.now(UTC),
        actor=state.get("actor", "nobody") if identity is None else identity.name,
        action=str(state.get("action", "request")),
        object=f"{scope.get('method', 'WEBSOCKET')} {_target(scope, state)}"[:_MAX_LENGTH],
        outcome=str(status),
        details={
            "request_id": state["request_id"],
            "address": _address(scope),
            "roles": [] if identity is None else sorted(identity.roles),
            "tenant": state.get("tenant", ""),
        },
    )


def _target(scope: Scope, state: dict[str, Any]) -> str:
    """Return the path and query of a request; of a page for people what it was about instead, never a token.

    A token can also be in a path that is none of ours: behind a prefix or with a slash too many.
    """
    if is_link(scope["path"]):
        return f"{LINKS} {state.get('object', '')}".rstrip()
    query = scope["query_string"].decode("latin-1")
    return without_tokens(f"{scope['path']}?{query}" if query else str(scope["path"]))
