from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI
from starlette.responses import FileResponse, StreamingResponse

from api.app import create_app
from api.head_requests import HeadMiddleware
from api.services import Configuration
from cli.collector_server import Together
from storage.connection import ClickHouseAddress
from tests.unit.collector.sending import Setup

MADE: list[int] = []


async def pieces() -> AsyncIterator[bytes]:
    for number in range(1_000):
        MADE.append(number)
        yield b"x" * 10


@pytest.fixture
def client(tmp_path: Path) -> httpx.AsyncClient:
    app = FastAPI()
    kept = tmp_path / "report.csv"
    kept.write_bytes(b"a" * 200_000)
    MADE.clear()

    @app.get("/figures")
    async def figures() -> dict[str, str]:
        return {"a": "b"}

    @app.post("/figures")
    async def make() -> dict[str, str]:
        return {}

    @app.post("/made")
    async def made() -> dict[str, str]:
        return {}

    @app.get("/rows")
    async def rows() -> StreamingResponse:
        return StreamingResponse(pieces(), media_type="text/csv")

    @app.get("/file")
    async def file() -> FileResponse:
        return FileResponse(kept)

    app.add_middleware(HeadMiddleware)
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://here")


@pytest.mark.parametrize("path", ["/figures", "/file", "/nothing"])
async def test_head_has_the_status_and_headers_of_get_and_no_body(client: httpx.AsyncClient, path: str) -> None:
    head, get = await client.head(path), await client.get(path)
    assert (head.status_code, head.headers, head.content) == (get.status_code, get.headers, b"")
    assert get.content


async def test_head_does_not_make_the_rest_of_a_long_answer(client: httpx.AsyncClient) -> None:
    head = await client.head("/rows")
    assert (head.status_code, head.headers["content-type"], head.content) == (200, "text/csv; charset=utf-8", b"")
    assert len(MADE) < 5


async def test_ranges_are_of_get_alone(client: httpx.AsyncClient) -> None:
    part = {"Range": "bytes=0-9"}
    assert (await client.get("/file", headers=part)).status_code == 206
    head = await client.head("/file", headers=part)
    assert (head.status_code, head.headers["content-length"]) == (200, "200000")


async def test_what_get_does_not_do_head_does_not_either_and_both_are_named_together(client: httpx.AsyncClient) -> None:
    assert (await client.head("/made")).status_code == 405
    refused = await client.delete("/figures")
    assert refused.status_code == 405
    assert {"GET", "HEAD"} <= {one.strip() for one in refused.headers["allow"].split(",")}


async def test_the_collector_answers_head_where_it_answers_get() -> None:
    setup = Setup()
    served = httpx.AsyncClient(
        transport=httpx.ASGITransport(Together(FastAPI(), setup.collector)), base_url="http://here"
    )
    head, get = await served.head("/v1/dead-letters"), await served.get("/v1/dead-letters")
    assert (head.status_code, head.content) == (get.status_code, b"")
    assert head.status_code != 405
    assert (await served.head("/v1/events")).status_code == 405
    assert (await served.post("/v1/dead-letters")).headers["allow"] == "GET, HEAD"


def test_the_audit_log_sees_the_method_that_was_sent() -> None:
    app = create_app(Configuration(ClickHouseAddress("http://127.0.0.1:1", "none"), b"0" * 32, Path("nowhere")))
    assert repr(app.user_middleware[-1]) == "Middleware(HeadMiddleware)", "it is the innermost"
