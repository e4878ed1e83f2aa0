"""Polls ClickHouse once for all live views and sends them the changes. Slow clients are disconnected."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Final

from api.encoding import encoded
from api.pool import Pool
from api.problems import ApiError
from api.shares import Shares
from api.snapshot import ChangeMessage, LiveSnapshot, changes, initial_messages, take
from models.errors import Unreachable

log = logging.getLogger(__name__)
# Poll interval: the worker writes within a second, and a change must be visible within two.
_EVERY_SECONDS: Final = 0.5
_MAX_WATCHERS: Final = 500
_MAX_WAITING: Final = 256
_PER_IDENTITY: Final = 10
_PER_TENANT: Final = 50


class Watcher:
    """A subscriber with a bounded queue of messages."""

    def __init__(self, wants: Callable[[ChangeMessage], bool]) -> None:
        self._wants = wants
        self.waiting: asyncio.Queue[str] = asyncio.Queue(_MAX_WAITING)
        self.too_slow = asyncio.Event()

    def tell(self, events: Iterable[tuple[ChangeMessage, str]]) -> None:
        """Queue the messages for this subscriber; a full queue marks it as too slow."""
        for event, text in events:
            if self._wants(event):
                try:
                    self.waiting.put_nowait(text)
                except asyncio.QueueFull:
                    self.too_slow.set()
                    return


class Broadcaster:
    """Polls while there are subscribers."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._watchers: dict[Watcher, tuple[str, ...]] = {}
        self._identities = Shares(_PER_IDENTITY)
        self._tenants = Shares(_PER_TENANT)
        self._somebody = asyncio.Event()
        self._now: LiveSnapshot | None = None

    def join(self, watcher: Watcher, holders: tuple[str, ...]) -> None:
        """Add a subscriber, counted for its identity and tenant, and send it the present state.

        Raises
        ------
        ApiError
            Too many subscribers in total, of this identity or of this tenant.
        """
        if len(self._watchers) >= _MAX_WATCHERS:
            raise ApiError(503, "busy", "too many watch already; try again later", headers={"Retry-After": "60"})
        who, tenant = holders[:1], holders[1:]
        if not self._identities.take(who):
            raise _too_many(f"you have {_PER_IDENTITY} live views open")
        if not self._tenants.take(tenant):
            self._identities.give_back(who)
            raise _too_many(f"your tenant has {_PER_TENANT} live views open")
        self._watchers[watcher] = holders
        self._somebody.set()
        if self._now is not None:  # otherwise the first snapshot is sent to all
            watcher.tell(_texts(initial_messages(self._now)))

    def leave(self, watcher: Watcher) -> None:
        """Remove a subscriber; without any there is no polling."""
        holders = self._watchers.pop(watcher, ())
        self._identities.give_back(holders[:1])
        self._tenants.give_back(holders[1:])
        if not self._watchers:
            self._somebody.clear()
            self._now = None

    async def run(self) -> None:
        """Poll until cancelled; while ClickHouse does not answer nothing is sent."""
        while True:
            await self._somebody.wait()
            began = asyncio.get_running_loop().time()
            try:
                self.show(await self._pool.run(lambda client: take(client, datetime.now(UTC))))
            except (Unreachable, ApiError) as error:
                log.warning("the live view is not updated: %s", error)
            await asyncio.sleep(max(0.05, _EVERY_SECONDS - (asyncio.get_running_loop().time() - began)))

    def show(self, snapshot: LiveSnapshot) -> None:
        """Send the changes of a snapshot to all subscribers."""
        if not self._watchers:
            return
        events = _texts(initial_messages(snapshot) if self._now is None else changes(self._now, snapshot))
        self._now = snapshot
        for watcher in self._watchers:
            watcher.tell(events)


def _too_many(what: str) -> ApiError:
    return ApiError(429, "too-many", f"{what}, which is as many as may be; close one", headers={"Retry-After": "60"})


def _texts(events: Iterable[ChangeMessage]) -> list[tuple[ChangeMessage, str]]:
    return [(event, encoded(event.body).decode()) for event in events]
