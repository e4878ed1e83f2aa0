"""The guard of conftest.py stops what leaves this process, and nothing else."""

from __future__ import annotations

import asyncio
import socket

import pytest

from sinks.clickhouse import ClickHouseSink
from storage.connection import ClickHouseAddress
from tests.examples.queries import Query, batch_of

_FAILED = pytest.fail.Exception


def test_a_connection_elsewhere_fails_and_says_what_to_do() -> None:
    with pytest.raises(_FAILED, match=r"connects to 192\.0\.2\.1:8123\. Give it the fake"):
        socket.create_connection(("192.0.2.1", 8123), timeout=1)


def test_loopback_is_elsewhere_too() -> None:
    with socket.socket() as probe, pytest.raises(_FAILED, match=r"127\.0\.0\.1:9092"):
        probe.connect_ex(("127.0.0.1", 9092))


def test_it_is_not_mistaken_for_a_database_that_is_away() -> None:
    sink = ClickHouseSink(ClickHouseAddress("http://127.0.0.1:8123", "integration_analytics"))
    with pytest.raises(_FAILED, match=r"127\.0\.0\.1:8123"):
        sink.write("integration_query_metrics", batch_of([Query(1, 1)]))


def test_a_server_of_the_tests_own_may_be_talked_to() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        socket.create_connection(server.getsockname()).close()


async def test_the_event_loop_may_wake_itself_up() -> None:
    assert await asyncio.to_thread(lambda: 7) == 7
