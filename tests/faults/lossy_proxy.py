"""An HTTP proxy in front of ClickHouse that applies some inserts and loses the answer."""

from __future__ import annotations

import asyncio
import io
import random
import re
import threading
from collections.abc import Collection
from types import TracebackType
from typing import Final, Self

from aiohttp import ClientSession, web

_OF_ONE_HOP: Final = {"host", "transfer-encoding", "content-length"}


class LossyProxy:
    """Forwards to ``upstream``; one insert in ``every`` into ``tables`` has its connection cut instead of an answer.

    ``lost`` counts them.
    """

    def __init__(self, upstream: str, *, tables: Collection[str], every: int, seed: int) -> None:
        self._upstream = upstream
        self._inserts = re.compile(rb"INSERT INTO [`\w.]*?\b(%s)\b" % "|".join(tables).encode())
        self._every = every
        self._rng = random.Random(seed)
        self._loop = asyncio.new_event_loop()
        self._stop = asyncio.Event()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._loop.run_until_complete, args=(self._serve(),))
        self.url = ""
        self.lost = 0

    async def _serve(self) -> None:
        app = web.Application(client_max_size=1 << 30)
        app.router.add_route("*", "/{path:.*}", self._forward)
        runner = web.AppRunner(app, auto_decompress=False)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        self.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        self._ready.set()
        await self._stop.wait()
        await runner.cleanup()

    async def _forward(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        headers = {name: value for name, value in request.headers.items() if name.lower() not in _OF_ONE_HOP}
        async with (
            ClientSession(auto_decompress=False) as session,
            session.request(
                request.method, self._upstream + request.raw_path, data=io.BytesIO(body), headers=headers
            ) as answer,
        ):
            payload = await answer.read()
        inserts = self._inserts.match(request.query.get("query", "").encode() or body.lstrip())
        if inserts and answer.status == 200 and self._rng.randrange(self._every) == 0:
            self.lost += 1
            assert request.transport is not None
            request.transport.abort()
        kept = {name: value for name, value in answer.headers.items() if name.lower() not in _OF_ONE_HOP}
        return web.Response(status=answer.status, body=payload, headers=kept)

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._ready.wait(10)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(10)
        self._loop.close()
