"""A ClickHouse that hangs, is slow, or has no room on its disk: a proxy before the real one that can be told so."""

from __future__ import annotations

import asyncio
from typing import Final, Literal

from aiohttp import web

from tests.faults.lossy_proxy import LossyProxy

Mood = Literal["well", "hangs", "slow", "full"]
# What ClickHouse answers when its disk is full.
_DISK_FULL: Final = (
    "Code: 243. DB::Exception: Cannot reserve 1.00 MiB, not enough space. (NOT_ENOUGH_SPACE) (version 26.9.1.1)"
)
SLOW_SECONDS: Final = 2.0


class WaywardProxy(LossyProxy):
    """Forwards, in the mood it is in; ``met`` counts the inserts that found it in another mood than ``well``."""

    def __init__(self, upstream: str, *, tables: list[str]) -> None:
        super().__init__(upstream, tables=tables, every=1 << 62, seed=0)
        self.mood: Mood = "well"
        self.met = 0

    async def _forward(self, request: web.Request) -> web.StreamResponse:
        # What a client sends to insert names the table in its address or at the head of the body.
        statement = request.query.get("query", "").encode() or (await request.read()).lstrip()
        if self.mood == "well" or not self._inserts.match(statement):
            return await super()._forward(request)
        self.met += 1
        if self.mood == "full":
            return web.Response(status=500, text=_DISK_FULL, headers={"X-ClickHouse-Exception-Code": "243"})
        if self.mood == "slow":
            await asyncio.sleep(SLOW_SECONDS)
            return await super()._forward(request)
        await self._until_well()
        assert request.transport is not None
        request.transport.abort()
        return web.Response()

    async def _until_well(self) -> None:
        while self.mood != "well":  # noqa: ASYNC110 - the mood is set by another thread
            await asyncio.sleep(0.1)
