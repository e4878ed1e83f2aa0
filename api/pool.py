"""A pool of ClickHouse connections and threads, shared by requests."""

from __future__ import annotations

import asyncio
import contextvars
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from queue import Empty, SimpleQueue
from secrets import token_hex
from typing import Any, Final, Protocol, TypeVar, cast

from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError

from api.problems import ApiError
from api.shares import HOLDERS, Shares
from models.errors import Unreachable
from storage.connection import ClickHouseAddress, connect
from storage.spans import Spans

Answer = TypeVar("Answer")
log = logging.getLogger(__name__)
# Time limit for a free connection: one tab has more queries than there are connections.
_PATIENCE: Final = 20.0
_KILL_EVERY_SECONDS: Final = 0.5
# Only our own statements, so no privilege is needed; they are identified by log_comment.
_KILL: Final = "KILL QUERY WHERE Settings['log_comment'] = {mark:String} ASYNC"


class _Connection(Protocol):
    """What clickhouse-connect's HTTP client has beside its abstract interface."""

    headers: dict[str, str]


class Pool:
    """Runs blocking work with a connection, in threads.

    Parameters
    ----------
    size
        Number of concurrent queries. Further ones wait, for twenty seconds at most.
    share
        Number of concurrent queries of one identity or tenant; half of ``size`` where not given.
    seconds
        Time limit of one statement, and of waiting for its response.
    spans
        Makes a span of each piece of work, and tells ClickHouse of it; ``None``: no traces.
    """

    def __init__(
        self,
        address: ClickHouseAddress,
        size: int = 8,
        seconds: int = 20,
        share: int = 0,
        spans: Spans | None = None,
    ) -> None:
        self._address = address
        self._seconds = seconds
        self._spans = spans
        self._idle: SimpleQueue[Client] = SimpleQueue()
        self._free = asyncio.Semaphore(size)
        self._shares = Shares(share or max(1, size // 2))
        self._threads = ThreadPoolExecutor(size, thread_name_prefix="clickhouse")
        self._killing: set[asyncio.Task[None]] = set()

    async def run(self, work: Callable[[Client], Answer]) -> Answer:
        """Return the result of ``work``, which gets a connection of its own.

        If the caller is cancelled, the statement is killed.

        Raises
        ------
        ApiError
            Every connection was busy for too long, or the caller used up its share.
        Unreachable
            ClickHouse does not answer.
        """
        holders = HOLDERS.get()
        await self._acquire(holders)
        mark = f"api {token_hex(8)}"
        # With the caller's context: the entered span is the parent of the work's.
        run = contextvars.copy_context().run
        future = asyncio.get_running_loop().run_in_executor(self._threads, run, self._connected, work, mark)
        future.add_done_callback(lambda done: self._done(done, holders))
        try:
            return await asyncio.shield(future)  # a cancelled caller does not free a busy thread
        except asyncio.CancelledError:
            task = asyncio.create_task(self._kill(mark, future))
            self._killing.add(task)
            task.add_done_callback(self._killing.discard)
            raise

    async def _kill(self, mark: str, future: asyncio.Future[Any]) -> None:
        """Kill the statement of a cancelled caller, repeatedly, because its thread may be between two statements."""
        while not future.done():
            try:
                await asyncio.to_thread(self._kill_now, mark)
            except (Unreachable, ClickHouseError) as error:
                log.warning("an abandoned statement could not be cancelled: %s", error)
                return  # its time limit will end it
            await asyncio.wait({future}, timeout=_KILL_EVERY_SECONDS)

    def _kill_now(self, mark: str) -> None:
        with connect(self._address) as client:
            client.query(_KILL, parameters={"mark": mark})

    async def _acquire(self, holders: tuple[str, ...]) -> None:
        """Wait for a connection: first for the caller's share, then for a free one."""
        try:
            async with asyncio.timeout(_PATIENCE):
                await self._shares.wait(holders)
        except TimeoutError:
            detail = "you have as many of these running as one may have at once; wait for an answer"
            raise ApiError(429, "too-many", detail, headers={"Retry-After": "5"}) from None
        try:
            async with asyncio.timeout(_PATIENCE):
                await self._free.acquire()
        except BaseException as error:
            self._shares.give_back(holders)
            if not isinstance(error, TimeoutError):
                raise
            detail = "too many questions are asked at once; try again shortly"
            raise ApiError(503, "busy", detail, headers={"Retry-After": "5"}) from None

    def _done(self, future: asyncio.Future[Answer], holders: tuple[str, ...]) -> None:
        self._free.release()
        self._shares.give_back(holders)
        if not future.cancelled():
            future.exception()  # retrieve the exception of an abandoned task

    def _connected(self, work: Callable[[Client], Answer], mark: str) -> Answer:
        try:
            client = self._idle.get_nowait()
        except Empty:
            client = self._connect()
        client.set_client_setting("log_comment", mark)
        try:
            answer = work(client) if self._spans is None else _traced(self._spans, work, client)
        except Unreachable:
            client.close()  # its response may be incomplete
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


def _traced(spans: Spans, work: Callable[[Client], Answer], client: Client) -> Answer:
    """Do a piece of work in a span of its own; ClickHouse's own spans go below it."""
    span = spans.start("clickhouse")
    connection = cast("_Connection", client)
    kept = dict(connection.headers)
    try:
        with spans.entered(span):
            connection.headers = {**kept, **spans.headers()}
            return work(client)
    finally:
        connection.headers = kept
        span.end()
