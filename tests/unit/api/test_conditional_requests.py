"""Conditional requests: ranges of a report's file, and what a client has already."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import Route

from api.dashboards import _matches
from api.problems import ApiError
from api.reports import _limit_range

CONTENT = b"0123456789"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "file"
    path.write_bytes(CONTENT)
    return path


async def ask(file: Path, **headers: str) -> httpx.Response:
    async def answer(request: Request) -> Response:
        try:
            _limit_range(request, len(CONTENT))
        except ApiError as refused:
            return refused.response("id")
        return FileResponse(file)

    transport = httpx.ASGITransport(Starlette(routes=[Route("/", answer)]))
    async with httpx.AsyncClient(transport=transport, base_url="http://x") as client:
        return await client.get("/", headers=headers)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("bytes=2-4", b"234"),
        ("bytes=7-", b"789"),
        ("bytes=-2", b"89"),
        ("BYTES=0-0", b"0"),
        ("bytes=8-99, 50-60", b"89"),
    ],
)
async def test_a_range_of_a_file_is_that_part_of_it(file: Path, given: str, expected: bytes) -> None:
    answer = await ask(file, Range=given)
    assert (answer.status_code, answer.content) == (206, expected)


@pytest.mark.parametrize(
    "given", ["bytes=abc", "bytes", "bytes=", "lines=1-2", "bytes=4-2", "bytes=1-2,x", "bytes=--1"]
)
async def test_a_range_that_cannot_be_read_is_as_if_it_were_not_there(file: Path, given: str) -> None:
    """It was an answer 400 in plain text, which is none of the API's."""
    answer = await ask(file, Range=given)
    assert (answer.status_code, answer.content) == (200, CONTENT)


@pytest.mark.parametrize("given", ["bytes=10-", "bytes=99-100", "bytes=-0", "bytes=999999999999999999-"])
async def test_a_range_that_the_file_does_not_have_is_a_problem(file: Path, given: str) -> None:
    answer = await ask(file, Range=given)
    assert (answer.status_code, answer.headers["content-range"]) == (416, "bytes */10")
    assert answer.headers["content-type"] == "application/problem+json"


async def test_a_range_of_another_version_of_the_file_is_the_whole_file(file: Path) -> None:
    answer = await ask(file, **{"Range": "bytes=99-", "If-Range": '"other"'})
    assert (answer.status_code, answer.content) == (200, CONTENT)


@pytest.mark.parametrize("given", [['W/"a"'], ['"a"'], ['"x", W/"a"'], ['"x"', '"a"'], ["*"]])
def test_what_a_client_has_is_compared_weakly_and_over_all_lines_of_the_header(given: list[str]) -> None:
    assert _matches('W/"a"', given)
    assert not _matches('W/"b"', [one for one in given if one != "*"])
