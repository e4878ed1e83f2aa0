from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable

import pytest

from api.exports import _PIECE_BYTES, _pieces, _Pipe
from reports.export import Exported


def made_by(work: Callable[[], None]) -> asyncio.Task[Exported]:
    async def export() -> Exported:
        await asyncio.to_thread(work)
        return Exported(0, 0, 0)

    return asyncio.create_task(export())


async def test_what_is_written_in_a_thread_arrives_whole_and_in_order() -> None:
    pipe = _Pipe()
    parts = [bytes([number]) * 100_000 for number in range(60)]

    def work() -> None:
        for part in parts:
            pipe.write(part)

    arrived = [piece async for piece in _pieces(b"first", pipe, made_by(work))]
    assert b"".join(arrived) == b"first" + b"".join(parts)
    assert max(map(len, arrived)) < 2 * _PIECE_BYTES


async def test_an_export_whose_client_has_gone_stops() -> None:
    pipe, written, begun, ended = _Pipe(), 0, threading.Event(), threading.Event()

    def work() -> None:
        nonlocal written
        begun.set()
        try:
            while True:
                written += pipe.write(b"x" * 100_000)
        finally:
            ended.set()

    made = made_by(work)
    stream = _pieces(b"first", pipe, made)
    async for _ in stream:
        break
    assert await asyncio.to_thread(begun.wait, 10)
    await stream.aclose()  # type: ignore[attr-defined] # a generator has it
    with pytest.raises(asyncio.CancelledError):
        await made
    assert await asyncio.to_thread(ended.wait, 10)
    assert written < 20 * _PIECE_BYTES


async def test_a_failure_on_the_way_breaks_the_answer_off() -> None:
    pipe = _Pipe()

    def work() -> None:
        pipe.write(b"x" * _PIECE_BYTES)
        raise ValueError("the database has gone")

    stream = _pieces(b"first", pipe, made_by(work))
    assert await anext(stream) == b"first"
    assert len(await anext(stream)) == _PIECE_BYTES
    with pytest.raises(ValueError, match="has gone"):
        await anext(stream)
