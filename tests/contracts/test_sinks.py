"""What every sink promises: the fake and the real one run the same tests; then what only a server can do wrong."""

from __future__ import annotations

import socket
import socketserver
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Protocol
from urllib.parse import urlsplit

import pyarrow as pa
import pytest

from models.errors import SinkRejected, SinkUnavailable
from models.rows import HISTOGRAM, LABEL, LABELS, MONEY, QUERY_METRICS, SCORE, TIME, UUID, UUIDS, WRITTEN
from sinks.clickhouse import ClickHouseSink
from sinks.memory import MemorySink
from sinks.sink import STORED_QUERY_COLUMNS, KnownTenants, Sink, StoredRange
from storage.connection import ClickHouseAddress, connect

# Tables forget what is older than their TTL, so rows are of now; whole seconds, because windows have no finer ones.
_NOW = datetime.now(UTC).replace(microsecond=0)
_QUERIES = "integration_query_metrics"
_HEALTH = "integration_health_metrics"
_WINDOWS = "query_windows"
_SECONDS = pa.timestamp("s", "UTC")
_MAYBE = {
    *("resolution_time_minutes", "opened_at", "last_sync_at", "records_synced", "records_failed", "duration_ms"),
    *("ended_at", "observed", "expected", "lower", "upper"),
}

Row = dict[str, Any]


class Place(Protocol):
    """A sink whose rows can be read as its readers do."""

    @property
    def sink(self) -> Sink: ...

    def rows(self, table: str) -> list[Row]: ...


class MemoryPlace:
    def __init__(self) -> None:
        self.sink = MemorySink()

    def rows(self, table: str) -> list[Row]:
        return self.sink.rows(table)


class ClickHousePlace:
    def __init__(self, address: ClickHouseAddress) -> None:
        self.sink = ClickHouseSink(address)
        self._address = address

    def rows(self, table: str) -> list[Row]:
        schema = WRITTEN[table]
        with connect(self._address) as client:
            found = client.query_arrow(f"SELECT {', '.join(map(_read, schema))} FROM {table} FINAL", use_strings=False)
        rows: list[Row] = found.cast(_as_bytes(schema)).to_pylist()
        for row in rows:
            for field in schema:
                row[field.name] = _text(row[field.name], field.type)
        return rows


def _read(field: pa.Field[Any]) -> str:
    # Arrow has no type for ClickHouse's DateTime; it would come as a number.
    return f"toDateTime64({field.name}, 0) AS {field.name}" if field.type == _SECONDS else field.name


def _as_bytes(schema: pa.Schema) -> pa.Schema:
    """The schema in which ClickHouse returns it: text as bytes, because not all of it is text, and a tuple unnamed."""
    tuple_type = pa.struct([("1", HISTOGRAM.field(0).type), ("2", HISTOGRAM.field(1).type)])
    kinds = {LABEL: pa.binary(), LABELS: pa.list_(pa.binary()), HISTOGRAM: tuple_type}
    return pa.schema([(field.name, kinds.get(field.type, field.type)) for field in schema])


def _text(value: Any, kind: pa.DataType) -> Any:
    if kind == LABEL:
        return value.decode()
    if kind == LABELS:
        return [item.decode() for item in value]
    return {"buckets": value["1"], "counts": value["2"]} if kind == HISTOGRAM else value


@pytest.fixture(params=["memory", pytest.param("clickhouse", marks=pytest.mark.stack)])
def place(request: pytest.FixtureRequest) -> Place:
    if request.param == "memory":
        return MemoryPlace()
    return ClickHousePlace(request.getfixturevalue("database"))


def _row(table: str, number: int = 1, **values: Any) -> Row:
    """A row with something in every column; rows of different numbers have different keys."""
    return {field.name: _value(field, number) for field in WRITTEN[table]} | values


def _value(field: pa.Field[Any], number: int) -> Any:
    examples = {
        UUID: bytes([number]) * 16,
        LABEL: f"größe 📇 {number}",
        LABELS: ["контакты", "", "a'b\"c"],
        UUIDS: [bytes([number]) * 16, bytes(16)],
        TIME: _NOW + timedelta(milliseconds=number),
        SCORE: Decimal("-0.1234"),
        MONEY: Decimal("99999999.99"),
        HISTOGRAM: {"buckets": [-1, 0, 2160], "counts": [2**63, 1, 3]},
        pa.bool_(): True,
        pa.binary(): b"\x00\xff\xfe\n" + bytes([number]),
        _SECONDS: _NOW.replace(second=0),
        pa.uint8(): number,
        pa.float64(): 0.1 + 0.2,
        pa.uint32(): 2**32 - 1,
        pa.uint64(): 2**64 - 1,
    }
    return examples.get(field.type, number)


def _sparse(table: str, number: int) -> Row:
    """A row with nothing in every column that may be empty."""
    row = _row(table, number)
    for field in WRITTEN[table]:
        if field.name in _MAYBE or (field.type in (SCORE, MONEY) and table != _WINDOWS):
            row[field.name] = None
        elif field.type in (LABELS, UUIDS):
            row[field.name] = []
        elif field.type == LABEL or field.type == pa.binary():
            row[field.name] = type(row[field.name])() if field.name not in ("integration_provider", "topic") else "x"
    return row


def _batch(table: str, *rows: Row) -> pa.RecordBatch:
    return pa.RecordBatch.from_pylist(list(rows), schema=WRITTEN[table])


def _query(offset: int, **values: Any) -> Row:
    event_id = offset.to_bytes(16, "big")
    return _row(_QUERIES, event_id=event_id, topic_epoch=7, kafka_partition=2, kafka_offset=offset, **values)


def _by_key(rows: list[Row]) -> list[Row]:
    names = ("event_id", "offset", "user_id", "id")
    return sorted(rows, key=lambda row: [row.get(name, 0 if name == "offset" else b"") for name in names])


@pytest.mark.parametrize("table", WRITTEN)
def test_values_of_every_type_survive(place: Place, table: str) -> None:
    rows = [_row(table, 1), _sparse(table, 2)]
    place.sink.write(table, _batch(table, *rows))
    assert _by_key(place.rows(table)) == rows


@pytest.mark.parametrize("table", WRITTEN)
def test_the_same_batch_twice_shows_once(place: Place, table: str) -> None:
    rows = [_row(table, number) for number in (1, 2, 3)]
    place.sink.write(table, _batch(table, *rows))
    place.sink.write(table, _batch(table, *rows))
    place.sink.write(table, _batch(table, rows[1]))
    assert _by_key(place.rows(table)) == rows


@pytest.mark.parametrize("value", ["0.0000", "-0.0001", "99999999999999.9999", "-99999999999999.9999"])
def test_decimals_survive_to_the_last_digit(place: Place, value: str) -> None:
    place.sink.write(_WINDOWS, _batch(_WINDOWS, _row(_WINDOWS, data_freshness_hours_sum=Decimal(value))))
    assert [row["data_freshness_hours_sum"] for row in place.rows(_WINDOWS)] == [Decimal(value)]


def test_a_large_batch_arrives_whole(place: Place) -> None:
    """Large enough to be sent compressed in several frames."""
    offsets = range(20_000)
    columns = dict(_batch(_QUERIES, _query(0)).take([0] * len(offsets)).to_pydict())
    columns |= {"event_id": [offset.to_bytes(16, "big") for offset in offsets], "kafka_offset": list(offsets)}
    place.sink.write(_QUERIES, pa.RecordBatch.from_pydict(columns, schema=QUERY_METRICS))
    assert [row["kafka_offset"] for row in _by_key(place.rows(_QUERIES))] == list(offsets)


@pytest.mark.parametrize(("first", "then", "stays"), [(5, 9, 9), (9, 5, 9), (7, 7, 7)])
def test_the_window_row_with_the_highest_version_stays_whatever_order_they_arrive_in(
    place: Place, first: int, then: int, stays: int
) -> None:
    for version in (first, then):
        place.sink.write(_WINDOWS, _batch(_WINDOWS, _row(_WINDOWS, version=version, queries=version)))
    assert [(row["version"], row["queries"]) for row in place.rows(_WINDOWS)] == [(stays, stays)]


@pytest.mark.parametrize(
    "key", ["user_id", "integration_provider", "query_type", "window_start", "topic_epoch", "partition", "chunk_id"]
)
def test_windows_that_differ_in_any_part_of_their_key_stay_apart(place: Place, key: str) -> None:
    other: Row = {
        "user_id": bytes(16),
        "integration_provider": "other",
        "query_type": "other",
        "window_start": _NOW.replace(second=0) - timedelta(minutes=1),
        "topic_epoch": 5,
        "partition": 6,
        "chunk_id": 7,
    }
    place.sink.write(_WINDOWS, _batch(_WINDOWS, _row(_WINDOWS), _row(_WINDOWS, **{key: other[key]})))
    assert len(place.rows(_WINDOWS)) == 2


@pytest.mark.parametrize("order", [(1, 2), (2, 1)])
def test_older_health_does_not_replace_newer(place: Place, order: tuple[int, int]) -> None:
    for minutes in order:
        row = _row(_HEALTH, created_at=_NOW + timedelta(minutes=minutes), sync_status=f"{minutes}")
        place.sink.write(_HEALTH, _batch(_HEALTH, row))
    assert [row["sync_status"] for row in place.rows(_HEALTH)] == ["2"]


def test_each_integration_of_each_tenant_has_its_own_health(place: Place) -> None:
    rows = [_row(_HEALTH, user_id=bytes([n]) * 16, integration_provider=name) for n in (1, 2) for name in ("a", "b")]
    place.sink.write(_HEALTH, _batch(_HEALTH, *rows))
    assert len(place.rows(_HEALTH)) == 4


def test_the_history_keeps_every_state(place: Place) -> None:
    table = "integration_health_history"
    rows = [_row(table, number, integration_provider="shopify", user_id=bytes(16)) for number in (1, 2, 3)]
    place.sink.write(table, _batch(table, *rows))
    assert len(place.rows(table)) == 3


@pytest.mark.parametrize(
    "table", [_QUERIES, "conversation_outcomes", "conversation_intelligence", "integration_health_history"]
)
def test_an_event_id_means_nothing_outside_its_tenant(place: Place, table: str) -> None:
    place.sink.write(table, _batch(table, _row(table), _row(table, user_id=bytes(16))))
    assert len(place.rows(table)) == 2


def test_stored_queries_are_those_of_the_range_in_order(place: Place) -> None:
    place.sink.write(_QUERIES, _batch(_QUERIES, *(_query(offset) for offset in (14, 13))))
    place.sink.write(_QUERIES, _batch(_QUERIES, *(_query(offset) for offset in (12, 11, 10, 9))))
    found = place.sink.stored_queries(StoredRange(7, 2, 10, 14))
    assert found["kafka_offset"].to_pylist() == [10, 11, 12, 13]


@pytest.mark.parametrize("elsewhere", [{"topic_epoch": 8}, {"kafka_partition": 3}])
def test_stored_queries_of_another_topic_or_partition_are_left_out(place: Place, elsewhere: Row) -> None:
    place.sink.write(_QUERIES, _batch(_QUERIES, _query(10) | elsewhere, _query(11)))
    assert place.sink.stored_queries(StoredRange(7, 2, 0, 100))["kafka_offset"].to_pylist() == [11]


def test_stored_queries_come_back_as_they_were_written(place: Place) -> None:
    rows = [_query(10), _sparse(_QUERIES, 3) | {"topic_epoch": 7, "kafka_partition": 2, "kafka_offset": 11}]
    place.sink.write(_QUERIES, _batch(_QUERIES, *rows))
    found = place.sink.stored_queries(StoredRange(7, 2, 0, 100))
    assert found.schema.equals(pa.schema([QUERY_METRICS.field(name) for name in STORED_QUERY_COLUMNS]))
    assert found.to_pylist() == [{name: row[name] for name in STORED_QUERY_COLUMNS} for row in rows]


def test_a_query_that_was_written_twice_is_stored_once(place: Place) -> None:
    for _ in range(2):
        place.sink.write(_QUERIES, _batch(_QUERIES, _query(10)))
    assert place.sink.stored_queries(StoredRange(7, 2, 0, 100)).num_rows == 1


def test_an_epoch_may_be_any_64_bit_number(place: Place) -> None:
    place.sink.write(_QUERIES, _batch(_QUERIES, _query(10) | {"topic_epoch": 2**64 - 1}))
    assert place.sink.stored_queries(StoredRange(2**64 - 1, 2, 0, 100)).num_rows == 1


def test_nothing_stored_is_a_batch_without_rows(place: Place) -> None:
    found = place.sink.stored_queries(StoredRange(7, 2, 0, 100))
    assert (found.num_rows, found.schema.names) == (0, list(STORED_QUERY_COLUMNS))


def test_known_tenants_are_those_that_were_written_and_new_those_since_a_moment(place: Place) -> None:
    many = [number.to_bytes(16, "big") for number in range(5_000)]
    rows = [_row("known_tenants", user_id=many[0], first_seen=_NOW - timedelta(hours=2))]
    rows += [_row("known_tenants", user_id=one, first_seen=_NOW) for one in (many[1], many[1], many[4_999])]
    place.sink.write("known_tenants", _batch("known_tenants", *rows))
    found = place.sink.known_tenants(many, _NOW - timedelta(hours=1))
    assert found == KnownTenants(frozenset({many[0], many[1], many[4_999]}), 2)


def test_a_column_that_the_table_lacks_is_refused_for_good(place: Place) -> None:
    batch = _batch(_HEALTH, _row(_HEALTH)).append_column("mood", pa.array(["fine"]))
    with pytest.raises(SinkRejected, match="mood"):
        place.sink.write(_HEALTH, batch)
    assert place.rows(_HEALTH) == []


def test_a_table_that_is_not_there_is_refused_for_good(place: Place) -> None:
    with pytest.raises(SinkRejected, match="integration_moods"):
        place.sink.write("integration_moods", _batch(_HEALTH, _row(_HEALTH)))


def test_after_a_refusal_the_sink_goes_on(place: Place) -> None:
    with pytest.raises(SinkRejected):
        place.sink.write("integration_moods", _batch(_HEALTH, _row(_HEALTH)))
    place.sink.write(_HEALTH, _batch(_HEALTH, _row(_HEALTH)))
    assert len(place.rows(_HEALTH)) == 1


def test_threads_may_share_a_sink(place: Place) -> None:
    batches = [_batch(_QUERIES, _query(offset)) for offset in range(20)]
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda batch: place.sink.write(_QUERIES, batch), batches))
        found = list(pool.map(place.sink.stored_queries, [StoredRange(7, 2, 0, 100)] * 4))
    assert [batch.num_rows for batch in found] == [20] * 4


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
    sink.write(_QUERIES, _batch(_QUERIES, _query(1)))
    wire.cut_replies_at = kept
    with pytest.raises(SinkUnavailable, match="ClickHouse at http"):
        sink.write(_QUERIES, _batch(_QUERIES, _query(2)))
    wire.cut_replies_at = None
    sink.write(_QUERIES, _batch(_QUERIES, _query(2)))
    assert [row["kafka_offset"] for row in _by_key(ClickHousePlace(database).rows(_QUERIES))] == [1, 2]


@pytest.mark.stack
@pytest.mark.parametrize("kept", [0, 20, 120, 400, 2_000])
def test_a_lost_or_cut_off_answer_is_asked_for_again(wire: Wire, kept: int) -> None:
    sink = ClickHouseSink(wire.address)
    sink.write(_QUERIES, _batch(_QUERIES, *(_query(offset) for offset in range(50))))
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
        sink.write(_QUERIES, _batch(_QUERIES, _query(1)))
    wire.cut_replies_at = None
    sink.write(_QUERIES, _batch(_QUERIES, _query(1)))


def test_a_server_that_is_not_there_is_unavailable_and_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    sink = ClickHouseSink(ClickHouseAddress(f"http://127.0.0.1:{port}", "integration_analytics"))
    with pytest.raises(SinkUnavailable, match=f"ClickHouse at http://127.0.0.1:{port} does not answer; check ROMASHKA"):
        sink.write(_QUERIES, _batch(_QUERIES, _query(1)))
    with pytest.raises(SinkUnavailable, match="does not answer"):
        sink.stored_queries(StoredRange(7, 2, 0, 1))


@pytest.mark.stack
def test_a_database_that_was_not_migrated_is_unavailable_and_says_what_to_run(
    empty_database: ClickHouseAddress,
) -> None:
    with pytest.raises(SinkUnavailable, match="run 'romashka migrate'"):
        ClickHouseSink(empty_database).write(_QUERIES, _batch(_QUERIES, _query(1)))
