"""The ClickHouse sink with a server that is lost, not there or not migrated."""

from __future__ import annotations

import socket
import socketserver
import threading
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest

from models.errors import SinkUnavailable
from sinks.clickhouse import ClickHouseSink
from sinks.sink import StoredRange
from storage.connection import ClickHouseAddress
from tests.contracts.sink_rows import QUERIES, ClickHousePlace, batch_of, by_key, query_row


class Wire(socketserver.ThreadingTCPServer):
    """Passes bytes between a client and ClickHouse; can keep replies to itself, from a given byte on."""

    daemon_threads = True

    def __init__(self, address: ClickHouseAddress) -> None:
        super().__init__(("127.0.0.1", 0), _Passing)
        self._behind = address
        self.cut_replies_at: int | None = None

    @property
    def address(self) -> ClickHouseAddress:
        """The database as seen through this wire."""
        return self._behind._replace(url=f"http://127.0.0.1:{self.server_address[1]}")

    @property
    def server(self) -> tuple[str, int]:
        """Host and port of the database itself."""
        parts = urlsplit(self._behind.url)
        return str(parts.hostname), int(parts.port or 8123)


class _Passing(socketserver.BaseRequestHandler):
    server: Wire

    def handle(self) -> None:
        with socket.create_connection(self.server.server) as behind:
            threading.Thread(target=_pass, args=(self.request, behind), daemon=True).start()
            while data := behind.recv(65_536):
                if (kept := self.server.cut_replies_at) is not None:
                    self.request.sendall(data[:kept])
                    return  # which closes the connection
                self.request.sendall(data)


def _pass(sender: socket.socket, receiver: socket.socket) -> None:
    try:
        while data := sender.recv(65_536):
            receiver.sendall(data)
    except OSError:
        return  # one of the two was closed: this is what the test is about


@pytest.fixture
def wire(database: ClickHouseAddress) -> Iterator[Wire]:
    with Wire(database) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        yield server
        server.shutdown()


@pytest.mark.stack
@pytest.mark.parametrize("kept", [0, 20])
def test_a_lost_reply_to_an_insert_is_tried_again_and_shows_once(
    wire: Wire, database: ClickHouseAddress, kept: int
) -> None:
    sink = ClickHouseSink(wire.address)
    sink.write(QUERIES, batch_of(QUERIES, query_row(1)))
    wire.cut_replies_at = kept
    with pytest.raises(SinkUnavailable, match="ClickHouse at http"):
        sink.write(QUERIES, batch_of(QUERIES, query_row(2)))
    wire.cut_replies_at = None
    sink.write(QUERIES, batch_of(QUERIES, query_row(2)))
    assert [row["kafka_offset"] for row in by_key(ClickHousePlace(database).rows(QUERIES))] == [1, 2]


@pytest.mark.stack
@pytest.mark.parametrize("kept", [0, 20, 120, 400, 2_000])
def test_a_lost_or_cut_off_answer_is_asked_for_again(wire: Wire, kept: int) -> None:
    sink = ClickHouseSink(wire.address)
    sink.write(QUERIES, batch_of(QUERIES, *(query_row(offset) for offset in range(50))))
    wire.cut_replies_at = kept
    with pytest.raises(SinkUnavailable, match="ClickHouse at http"):
        sink.stored_queries(StoredRange(7, 2, 0, 100))
    wire.cut_replies_at = None
    assert sink.stored_queries(StoredRange(7, 2, 0, 100)).num_rows == 50


@pytest.mark.stack
def test_a_sink_may_be_there_before_its_database(wire: Wire) -> None:
    wire.cut_replies_at = 0
    sink = ClickHouseSink(wire.address)
    with pytest.raises(SinkUnavailable, match="does not answer"):
        sink.write(QUERIES, batch_of(QUERIES, query_row(1)))
    wire.cut_replies_at = None
    sink.write(QUERIES, batch_of(QUERIES, query_row(1)))


def test_a_server_that_is_not_there_is_unavailable_and_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    sink = ClickHouseSink(ClickHouseAddress(f"http://127.0.0.1:{port}", "integration_analytics"))
    with pytest.raises(SinkUnavailable, match=f"ClickHouse at http://127.0.0.1:{port} does not answer; check ROMASHKA"):
        sink.write(QUERIES, batch_of(QUERIES, query_row(1)))
    with pytest.raises(SinkUnavailable, match="does not answer"):
        sink.stored_queries(StoredRange(7, 2, 0, 1))


@pytest.mark.stack
def test_a_database_that_was_not_migrated_is_unavailable_and_says_what_to_run(
    empty_database: ClickHouseAddress,
) -> None:
    with pytest.raises(SinkUnavailable, match="run 'romashka migrate'"):
        ClickHouseSink(empty_database).write(QUERIES, batch_of(QUERIES, query_row(1)))
