from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, cast
from uuid import UUID

from starlette.websockets import WebSocket

from api.broadcaster import Broadcaster, Watcher
from api.identity import Identity
from api.live import TOO_SLOW, _until_over
from api.pool import Pool
from api.roles import Role
from api.services import Services
from api.snapshot import LiveSnapshot, LiveWindow, Status, changes, initial_messages
from tests.examples.insights import insight

ONE, TWO = UUID(int=1), UUID(int=2)
NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)
MINUTE = datetime(2026, 11, 1, 11, 59, tzinfo=UTC)
SOMEBODY = Identity("key:a", "", frozenset({Role.VIEWER}), frozenset({ONE}))


def snapshot(state: str = "healthy", queries: int = 10) -> LiveSnapshot:
    statuses = {(ONE, "shopify"): Status(state, "ok"), (TWO, "shopify"): Status("healthy", "ok")}
    return LiveSnapshot(NOW, {(ONE, "shopify", MINUTE): LiveWindow(queries, queries, 200.0)}, statuses, {})


def test_nothing_new_is_said_when_nothing_changed() -> None:
    assert list(changes(snapshot(), snapshot())) == []


def test_each_change_is_said_once() -> None:
    before, after = snapshot(), snapshot("critical", 12)
    status, window = changes(before, after)
    assert (status.body["before"], status.body["state"]) == ("healthy", "critical")
    assert (window.body["queries"], window.body["success_rate"]) == (12, 1.0)
    assert {event.tenant for event in (status, window)} == {ONE}


def test_an_episode_is_said_when_it_begins_and_when_it_ends() -> None:
    begun = insight()
    ended = begun._replace(status="closed", ended_at=NOW)
    first, second, third = (snapshot()._replace(episodes=found) for found in ({}, {begun.id: begun}, {ended.id: ended}))
    assert [event.body["insight"]["status"] for event in changes(first, second)] == ["open"]
    assert [event.body["insight"]["status"] for event in changes(second, third)] == ["closed"]
    assert [event.body["type"] for event in initial_messages(third)] == ["status", "status"]


def hub() -> Broadcaster:
    return Broadcaster(cast("Pool", None))


def test_who_comes_is_told_how_everything_stands_and_only_what_is_theirs() -> None:
    shared = hub()
    mine, theirs = Watcher(lambda event: event.tenant == ONE), Watcher(lambda event: event.tenant == TWO)
    shared.join(mine, ("key:mine",))
    shared.show(snapshot())
    shared.join(theirs, ("key:theirs",))
    assert (mine.waiting.qsize(), theirs.waiting.qsize()) == (1, 1)
    shared.show(snapshot("critical"))
    assert (mine.waiting.qsize(), theirs.waiting.qsize()) == (2, 1)
    shared.leave(mine)
    shared.show(snapshot())
    assert mine.waiting.qsize() == 2


async def test_a_client_that_takes_nothing_is_dropped_and_not_buffered_for_ever() -> None:
    shared, watcher = hub(), Watcher(lambda _: True)
    sending, never = asyncio.Event(), asyncio.Event()

    async def receive() -> dict[str, Any]:
        if not accepted.is_set():
            return {"type": "websocket.connect"}
        await never.wait()
        return {}

    async def send(message: Any) -> None:
        if message["type"] == "websocket.send":
            sending.set()
            await never.wait()  # its buffers are full

    accepted = asyncio.Event()
    websocket = WebSocket({"type": "websocket", "headers": []}, receive, send)
    await websocket.accept()
    accepted.set()
    shared.join(watcher, ("key:watcher",))
    served = asyncio.create_task(_until_over(websocket, watcher, cast("Services", SimpleNamespace()), SOMEBODY))
    shared.show(snapshot())
    await sending.wait()
    for number in range(400):
        shared.show(snapshot(queries=number + 11))
    async with asyncio.timeout(5):
        assert await served == TOO_SLOW
    assert watcher.waiting.qsize() <= 256
