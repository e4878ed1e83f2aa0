"""``/v1/live``: a WebSocket that sends changes as they happen."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Query, WebSocket
from starlette.websockets import WebSocketDisconnect

from api.access import Caller, allowed
from api.auth_middleware import authenticate, credentials
from api.broadcaster import Watcher
from api.identity import Identity
from api.insights import seen_types
from api.parameters import Strict, TenantText
from api.problems import ApiError
from api.roles import Action
from api.services import Services, services_of
from api.shares import holders_of
from api.snapshot import ChangeMessage
from kpis.scope import AllTenants
from models.errors import Unreachable

router: Final = APIRouter(tags=["live"])
PROTOCOL: Final = "romashka.v1"
TOO_SLOW: Final = 1013
NOT_ANY_MORE: Final = 1008
_CHECK_SECONDS: Final = 30.0
_CLOSE_SECONDS: Final = 5.0


class LiveParameters(Strict):
    """Parameters of the live view."""

    tenant: TenantText | None = None


@router.websocket("/v1/live")
async def live(
    websocket: WebSocket,
    query: Annotated[LiveParameters, Query()],
    caller: Annotated[Caller, Depends(allowed(Action.WATCH))],
) -> None:
    """Send the present state, then each change.

    Closed with 1013 where the client is too slow, and with 1008 where its token or key is no longer valid.
    """
    services = services_of(websocket)
    watcher = Watcher(_wants(caller, query))
    services.hub.join(watcher, holders_of(caller.identity))
    try:
        offered = websocket.scope.get("subprotocols", [])
        await websocket.accept(PROTOCOL if PROTOCOL in offered else None)
        code = await _until_over(websocket, watcher, services, caller.identity)
    finally:
        services.hub.leave(watcher)
    if code is not None:
        with suppress(TimeoutError, WebSocketDisconnect):
            async with asyncio.timeout(_CLOSE_SECONDS):
                await websocket.close(code, "too slow" if code == TOO_SLOW else "sign in again")


def _wants(caller: Caller, query: LiveParameters) -> Callable[[ChangeMessage], bool]:
    tenant = caller.tenant(query.tenant)
    types = seen_types(caller)

    def wants(event: ChangeMessage) -> bool:
        if event.insight_type is not None and event.insight_type not in types:
            return False
        return isinstance(tenant, AllTenants) or event.tenant == tenant

    return wants


async def _until_over(websocket: WebSocket, watcher: Watcher, services: Services, identity: Identity) -> int | None:
    """Serve a client; return the close code, ``None`` where the client disconnected."""
    sending = asyncio.create_task(_send(websocket, watcher))
    listening = asyncio.create_task(_listen(websocket))
    slow = asyncio.create_task(watcher.too_slow.wait())
    expiring = asyncio.create_task(_until_expired(websocket, services, identity))
    tasks = {sending, listening, slow, expiring}
    done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    if slow in done:
        return TOO_SLOW
    return NOT_ANY_MORE if expiring in done else None


async def _send(websocket: WebSocket, watcher: Watcher) -> None:
    with suppress(WebSocketDisconnect):
        while True:
            await websocket.send_text(await watcher.waiting.get())


async def _listen(websocket: WebSocket) -> None:
    """Wait until the client disconnects; its messages are ignored."""
    while (await websocket.receive())["type"] != "websocket.disconnect":
        pass


async def _until_expired(websocket: WebSocket, services: Services, identity: Identity) -> None:
    """Return once the token or key is no longer valid or has other rights."""
    while True:
        await asyncio.sleep(_CHECK_SECONDS)
        with suppress(Unreachable):  # while the database is unavailable nothing is sent either
            try:
                if await authenticate(services, credentials(websocket.scope), _let_in) != identity:
                    return
            except ApiError as refused:
                if refused.status == 401:
                    return


async def _let_in() -> None:
    """Admit: the client was authenticated at the start."""
