"""A broker that leaves the first question unanswered: no connection to it is left open when the tracker ends."""

from __future__ import annotations

import asyncio
import gc
import signal
import struct
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, Final
from uuid import uuid4

import pytest

from romashka_tracker import BlockingTracker, DeliveryFailed, IntegrationTracker, KafkaTransport

_API_VERSIONS: Final = 18
_KNOWN: Final = [(key, 0, 1) for key in (0, 3, _API_VERSIONS, 22)]
_QUERY: Final = (uuid4(), uuid4(), "hubspot", "x", True, 1)


class _Broker:
    """Says what it understands, and answers nothing else."""

    def __init__(self) -> None:
        self.address = ""
        self.asked = asyncio.Event()
        self.left = asyncio.Event()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                (length,) = struct.unpack(">i", await reader.readexactly(4))
                key, _, correlation = struct.unpack(">hhi", (await reader.readexactly(length))[:8])
                if key != _API_VERSIONS:
                    self.asked.set()
                    continue
                versions = b"".join(struct.pack(">hhh", *one) for one in _KNOWN)
                body = struct.pack(">ihi", correlation, 0, len(_KNOWN)) + versions
                writer.write(struct.pack(">i", len(body)) + body)
        except (asyncio.IncompleteReadError, ConnectionError):
            self.left.set()
        finally:
            writer.close()


@asynccontextmanager
async def _silent_broker() -> AsyncIterator[_Broker]:
    broker = _Broker()
    async with await asyncio.start_server(broker.serve, "127.0.0.1", 0) as server:
        broker.address = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
        yield broker


@pytest.fixture
async def said() -> list[str]:
    """What the event loop is told of, for example by what is collected unclosed."""
    found: list[str] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: found.append(context["message"]))
    return found


async def _closed(tracker: IntegrationTracker) -> None:
    with pytest.raises(DeliveryFailed):
        await tracker.close(0.05)


async def _cancelled(_: IntegrationTracker) -> None:
    """End as ``asyncio.run`` does on SIGTERM: every task is cancelled at once."""
    tasks = [task for task in asyncio.all_tasks() if task.get_name().startswith("tracker ")]
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


@pytest.mark.parametrize("end", [_closed, _cancelled])
@pytest.mark.filterwarnings("error::pytest.PytestUnraisableExceptionWarning")
async def test_a_tracker_that_ends_while_it_connects_closes_its_connection(
    end: Callable[[IntegrationTracker], Any], said: list[str]
) -> None:
    async with _silent_broker() as broker:
        tracker = IntegrationTracker(KafkaTransport(broker.address))
        await tracker.start()
        await tracker.track_integration_query(*_QUERY)
        async with asyncio.timeout(10):
            await broker.asked.wait()
            gc.disable()  # it would close what nobody has closed
            try:
                await end(tracker)
                await broker.left.wait()
            finally:
                gc.enable()
        del tracker
        gc.collect()
    assert said == []


async def test_a_blocking_tracker_that_ends_while_it_connects_closes_its_connection(said: list[str]) -> None:
    async with _silent_broker() as broker:
        tracker = BlockingTracker(lambda: IntegrationTracker(KafkaTransport(broker.address)))
        await asyncio.to_thread(tracker.track_integration_query, *_QUERY)
        async with asyncio.timeout(10):
            await broker.asked.wait()
            gc.disable()
            try:
                with pytest.raises(DeliveryFailed):
                    await asyncio.to_thread(tracker.close, 0.05)
                await broker.left.wait()
            finally:
                gc.enable()
    assert said == []


_PROGRAM: Final = """
import asyncio, gc, sys, time, logging
from uuid import uuid4
from romashka_tracker import BlockingTracker, IntegrationTracker, KafkaTransport
import romashka_tracker.blocking
romashka_tracker.blocking._EXIT_SECONDS = 0.05
QUERY = (uuid4(), uuid4(), "hubspot", "x", True, 1)

class Tracker(IntegrationTracker):
    async def close(self, timeout=0.05):
        await super().close(timeout)

def make():
    return Tracker(KafkaTransport(sys.argv[1]))

async def main():
    async with make() as tracker:
        await tracker.track_integration_query(*QUERY)
        await asyncio.sleep(30)

def blocking():
    tracker = BlockingTracker(make)
    tracker.track_integration_query(*QUERY)
    time.sleep(30)

try:
    asyncio.run(main()) if sys.argv[2] == "asyncio" else blocking()
finally:
    gc.collect()
"""


@pytest.mark.parametrize("form", ["asyncio", "blocking"])
async def test_a_program_that_is_terminated_while_it_connects_says_nothing_of_connections(form: str) -> None:
    async with _silent_broker() as broker:
        program = await asyncio.create_subprocess_exec(
            sys.executable, "-W", "always", "-c", _PROGRAM, broker.address, form, stderr=asyncio.subprocess.PIPE
        )
        async with asyncio.timeout(30):
            await broker.asked.wait()
            program.send_signal(signal.SIGTERM)
            _, printed = await program.communicate()
    assert program.returncode == 128 + signal.SIGTERM
    assert b"AIOKafkaConnection" not in printed, printed.decode()
    assert b"lost" in printed or b"not acknowledged" in printed
