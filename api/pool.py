"""Connections to ClickHouse that requests share: as many as there are threads, each used by one at a time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from queue import Empty, SimpleQueue
from typing import Final, TypeVar

from clickhouse_connect.driver.client import Client

from api.problems import Refused
from models.errors import Unreachable
from sinks.connection import ClickHouseAddress, connect

Answer = TypeVar("Answer")
_PATIENCE: Final = 5.0


class Pool:
    """Runs blocking work with a connection, in threads.

    Parameters
    ----------
    size
        How many questions are asked at once. Who comes then waits, for five seconds at most.
    seconds
        How long ClickHouse may work on one statement, and how long we wait for its answer. Nobody who leaves before it
        is there keeps it running for longer than that.
    """

    def __init__(self, address: ClickHouseAddress, size: int = 8, seconds: int = 20) -> None:
        self._address = address
        self._seconds = seconds
        self._idle: SimpleQueue[Client] = SimpleQueue()
        self._free = asyncio.Semaphore(size)
        self._threads = ThreadPoolExecutor(size, thread_name_prefix="clickhouse")

    async def run(self, work: Callable[[Client], Answer]) -> Answer:
        """Return what ``work`` returns; it gets a connection of its own for the time.

        Raises
        ------
        Refused
            Every connection was taken for too long.
        Unreachable
            ClickHouse does not answer.
        """
        try:
            async with asyncio.timeout(_PATIENCE):
                await self._free.acquire()
        except TimeoutError:
            raise Refused(
                503, "busy", "too many questions are asked at once; try again shortly", headers={"Retry-After": "5"}
            ) from None
        future = asyncio.get_running_loop().run_in_executor(self._threads, self._connected, work)
        future.add_done_callback(self._done)
        return await asyncio.shield(future)  # who stops waiting does not free a thread that still works

    def _done(self, future: asyncio.Future[Answer]) -> None:
        self._free.release()
        if not future.cancelled():
            future.exception()  # seen, also where nobody waits for it any more

    def _connected(self, work: Callable[[Client], Answer]) -> Answer:
        try:
            client = self._idle.get_nowait()
        except Empty:
            client = self._connect()
        try:
            answer = work(client)
        except Unreachable:
            client.close()  # it may be in the middle of an answer
            raise
        except BaseException:
            self._idle.put(client)
            raise
        self._idle.put(client)
        return answer

    def _connect(self) -> Client:
        client = connect(self._address, answer_seconds=self._seconds + 5)
        client.set_client_setting("max_execution_time", self._seconds)
        return client

    def close(self) -> None:
        """Let the threads end and close every connection."""
        self._threads.shutdown(wait=True)
        while not self._idle.empty():
            self._idle.get_nowait().close()
