"""The HTTP protocol of API and collector, over a real socket."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import uvicorn
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from api.header_deadline import http_protocol
from cli.api_server import listening

_UPGRADE = b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAEAAEAAAAIAAAAB\r\n"


async def _echo(scope: Scope, receive: Receive, send: Send) -> None:
    await Response(await Request(scope, receive).body())(scope, receive, send)


@asynccontextmanager
async def _connected(header_seconds: float) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    config = uvicorn.Config(_echo, http=http_protocol(header_seconds), lifespan="off", log_config=None)
    server = uvicorn.Server(config)
    with listening("127.0.0.1", 0) as socket_:
        task = asyncio.create_task(server.serve([socket_]))
        reader, writer = await asyncio.open_connection(*socket_.getsockname()[:2])
        try:
            yield reader, writer
        finally:
            writer.close()
            server.should_exit = True
            await task


async def _body(reader: asyncio.StreamReader) -> bytes:
    head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
    return await reader.readexactly(int(head.split("content-length: ")[1].split("\r\n")[0]))


@pytest.mark.parametrize("cut", [None, 7, 60, 100, -3])
async def test_an_offer_of_http_2_does_not_cost_the_body(cut: int | None) -> None:
    request = b"POST / HTTP/1.1\r\nHost: x\r\n" + _UPGRADE + b"Content-Length: 5\r\n\r\n12345"
    async with _connected(5) as (reader, writer):
        for part in (request[:cut], request[len(request[:cut]) :]):
            writer.write(part)
            await writer.drain()
            await asyncio.sleep(0.02)
        assert await _body(reader) == b"12345"
        writer.write(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nab")
        assert await _body(reader) == b"ab"


@pytest.mark.parametrize("start", [b"", b"GET / HTTP/1.1\r\nHost: x\r\nX-Slow: "])
async def test_a_head_that_does_not_come_is_given_up(start: bytes) -> None:
    async with _connected(0.2) as (reader, writer):
        writer.write(start)
        assert (await asyncio.wait_for(reader.read(), 10)).startswith(b"HTTP/1.1 408")


async def test_the_next_head_of_a_connection_has_its_own_time() -> None:
    async with _connected(0.3) as (reader, writer):
        for _ in range(3):
            await asyncio.sleep(0.15)
            writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            assert await _body(reader) == b""
        writer.write(b"GET / HT")
        assert (await asyncio.wait_for(reader.read(), 10)).startswith(b"HTTP/1.1 408")


async def _ask(address: tuple[str, int]) -> bytes:
    reader, writer = await asyncio.open_connection(*address)
    writer.write(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nab")
    try:
        return await asyncio.wait_for(_body(reader), 10)
    finally:
        writer.close()


@pytest.mark.parametrize(
    "start",
    [
        b"",
        b"GET / HTTP/1.1\r\nHost: x\r\nX-Slow: ",
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\na",
        b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab",
    ],
)
async def test_connections_that_wait_for_nothing_to_come_make_room_for_others(start: bytes) -> None:
    config = uvicorn.Config(_echo, http=http_protocol(30, most=8), lifespan="off", log_config=None)
    server = uvicorn.Server(config)
    with listening("127.0.0.1", 0) as socket_:
        address = socket_.getsockname()[:2]
        task = asyncio.create_task(server.serve([socket_]))
        half_open = [await asyncio.open_connection(*address) for _ in range(12)]
        for _, writer in half_open:
            writer.write(start)
        await asyncio.sleep(0.05)
        assert [await _ask(address) for _ in range(6)] == [b"ab"] * 6
        assert len(server.server_state.connections) <= 8
        for _, writer in half_open:
            writer.close()
        server.should_exit = True
        await task


async def test_where_every_connection_has_a_request_a_new_one_is_told_to_come_back() -> None:
    release = asyncio.Event()

    async def slow(scope: Scope, receive: Receive, send: Send) -> None:
        await release.wait()
        await _echo(scope, receive, send)

    config = uvicorn.Config(slow, http=http_protocol(30, most=2), lifespan="off", log_config=None)
    server = uvicorn.Server(config)
    with listening("127.0.0.1", 0) as socket_:
        address = socket_.getsockname()[:2]
        task = asyncio.create_task(server.serve([socket_]))
        asked = [asyncio.create_task(_ask(address)) for _ in range(2)]
        await asyncio.sleep(0.2)
        reader, writer = await asyncio.open_connection(*address)
        assert (await asyncio.wait_for(reader.read(), 10)).startswith(b"HTTP/1.1 503")
        writer.close()
        release.set()
        assert await asyncio.gather(*asked) == [b"ab", b"ab"]
        assert await _ask(address) == b"ab"
        server.should_exit = True
        await task


@pytest.mark.parametrize(
    "start",
    [b"GET / HTTP/1.1\r\nHost: x\r\nX-Long: ", b"GET / HTTP/1.1\r\nHost: x\r\n", b"GET /?"],
    ids=["one header", "many headers", "address"],
)
@pytest.mark.parametrize("second", [False, True], ids=["first request", "second request"])
async def test_a_head_without_end_is_refused_before_it_fills_the_memory(start: bytes, second: bool) -> None:
    """300 MB were taken within the ten seconds of a head, from anybody and on each connection."""
    more = b"X-A: b\r\n" * 1_000 if start.endswith(b"\r\n") else b"a" * 9_000
    async with _connected(10) as (reader, writer):
        if second:
            writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            assert await _body(reader) == b""
        sent = 0
        writer.write(start)
        with contextlib.suppress(ConnectionError):
            while not reader.at_eof() and sent < 2_000_000:
                writer.write(more)
                await writer.drain()
                sent += len(more)
                await asyncio.sleep(0)
            assert (await reader.read()).startswith((b"HTTP/1.1 431", b"HTTP/1.1 400"))
    assert sent < 2_000_000


async def test_trailers_without_end_are_refused_and_many_small_chunks_are_not() -> None:
    head = b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    async with _connected(10) as (reader, writer):
        writer.write(head + b"1\r\na\r\n" * 40_000 + b"0\r\n\r\n")
        assert await _body(reader) == b"a" * 40_000
        sent = 0
        writer.write(head + b"0\r\n")
        with contextlib.suppress(ConnectionError):
            while not reader.at_eof() and sent < 2_000_000:
                writer.write(b"X-A: b\r\n" * 1_000)
                await writer.drain()
                sent += 8_000
                await asyncio.sleep(0)
    assert sent < 2_000_000
