"""Fixtures of the HTTP interface."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from embedded.database import Database
from tests.contracts.http_requests import Server


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with Database() as database:
        yield Server(database.port)


@pytest.fixture
def table(server: Server) -> Iterator[str]:
    server.rows("CREATE TABLE contract (a UInt64, s String) ENGINE = MergeTree ORDER BY a")
    yield "contract"
    server.rows("DROP TABLE contract")
