"""The embedded database as its main client, clickhouse-connect, sees it."""

from __future__ import annotations

import datetime as dt
import threading
import uuid
from collections.abc import AsyncIterator, Iterator
from decimal import Decimal
from ipaddress import IPv4Address
from typing import Any

import clickhouse_connect
import pyarrow as pa
import pytest
from clickhouse_connect.driver.asyncclient import AsyncClient
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import DatabaseError, StreamFailureError

from embedded.database import Database

pytestmark = pytest.mark.stack

UTC = dt.UTC
COLUMNS = {
    "id": "UUID",
    "at": "DateTime64(6, 'UTC')",
    "day": "Date",
    "maybe": "Nullable(String)",
    "maybe_number": "Nullable(Float64)",
    "kind": "LowCardinality(String)",
    "kind_or_none": "LowCardinality(Nullable(String))",
    "tags": "Array(String)",
    "histogram": "Tuple(Array(Int16), Array(UInt64))",
    "amount": "Decimal(18, 4)",
    "by_name": "Map(String, UInt64)",
    "ok": "Bool",
    "state": "Enum8('good' = 1, 'bad' = 2)",
    "address": "IPv4",
    "large": "UInt128",
}
ROWS: list[list[Any]] = [
    [
        uuid.UUID(int=1),
        dt.datetime(2026, 1, 31, 23, 59, 59, 123456, tzinfo=UTC),
        dt.date(2026, 1, 31),
        "it's \u2713",
        0.5,
        "shopify",
        None,
        ["a", "", "b"],
        ([-3, 0, 12], [1, 2, 3]),
        Decimal("12345.6789"),
        {"x": 1, "y": 2**63},
        True,
        "good",
        IPv4Address("10.0.0.1"),
        2**100,
    ],
    [
        uuid.UUID(int=2**128 - 1),
        dt.datetime(1970, 1, 1, tzinfo=UTC),
        dt.date(1970, 1, 1),
        None,
        None,
        "",
        "x",
        [],
        ([], []),
        Decimal("-0.0001"),
        {},
        False,
        "bad",
        IPv4Address("255.255.255.255"),
        0,
    ],
]


@pytest.fixture(scope="module")
def database() -> Iterator[Database]:
    with Database() as running:
        yield running


def _client(server: Database, **options: Any) -> Client:
    return clickhouse_connect.get_client(host="127.0.0.1", port=server.port, tz_mode="aware", **options)


@pytest.fixture(scope="module")
def client(database: Database) -> Iterator[Client]:
    opened = _client(database)
    yield opened
    opened.close()


@pytest.fixture
async def async_client(database: Database) -> AsyncIterator[AsyncClient]:
    opened = await clickhouse_connect.get_async_client(host="127.0.0.1", port=database.port)
    yield opened
    await opened.close()


@pytest.fixture
def table(client: Client) -> Iterator[str]:
    columns = ", ".join(f"{name} {kind}" for name, kind in COLUMNS.items())
    client.command(f"CREATE TABLE every_type ({columns}) ENGINE = MergeTree ORDER BY id")
    yield "every_type"
    client.command("DROP TABLE every_type")


@pytest.fixture
def numbers(client: Client) -> Iterator[str]:
    client.command("CREATE TABLE numbers_table (n UInt64, s String) ENGINE = MergeTree ORDER BY n")
    yield "numbers_table"
    client.command("DROP TABLE numbers_table")


@pytest.mark.parametrize("compress", [True, False, "lz4", "zstd", "gzip"])
def test_every_type_comes_back_as_it_went_in(database: Database, table: str, compress: bool | str) -> None:
    client = _client(database, compress=compress)

    summary = client.insert(table, ROWS, column_names=list(COLUMNS))
    result = client.query(f"SELECT * FROM {table} ORDER BY toString(id)")

    assert summary.written_rows == 2
    assert [list(row) for row in result.result_rows] == ROWS
    client.close()


async def test_the_async_client_does_the_same(async_client: AsyncClient, table: str) -> None:
    await async_client.insert(table, ROWS, column_names=list(COLUMNS))
    result = await async_client.query(f"SELECT id, maybe, histogram FROM {table} ORDER BY toString(id)")

    assert [list(row) for row in result.result_rows] == [[row[0], row[3], row[8]] for row in ROWS]


def test_strings_may_hold_any_bytes(client: Client, numbers: str) -> None:
    raw = bytes(range(256)) + b"\n\n;\n\nDROP TABLE numbers_table\n\n"
    row: list[Any] = [1, raw]

    client.insert(numbers, [row], column_names=["n", "s"], column_type_names=["UInt64", "String"])
    result = client.query(f"SELECT s FROM {numbers}", query_formats={"String": "bytes"})

    assert result.result_rows == [(raw,)]


@pytest.mark.parametrize("compress", [False, "lz4", "zstd", "gzip"])
def test_a_large_compressed_insert_arrives_to_the_last_row(
    database: Database, client: Client, numbers: str, compress: bool | str
) -> None:
    count = 200_000
    writer = _client(database, compress=compress)
    columns: list[list[Any]] = [list(range(count)), [f"text\n\n{number};" for number in range(count)]]

    writer.insert(numbers, columns, column_names=["n", "s"], column_oriented=True)

    totals = client.query(f"SELECT count(), uniqExact(n), sum(n), countIf(s = 'text\\n\\n' || n || ';') FROM {numbers}")
    assert totals.result_rows == [(count, count, count * (count - 1) // 2, count)]
    writer.close()


def test_arrow_goes_both_ways(client: Client, numbers: str) -> None:
    sent = pa.table({"n": pa.array(range(1000), pa.uint64()), "s": [str(number) for number in range(1000)]})

    client.insert_arrow(numbers, sent)
    received = client.query_arrow(f"SELECT * FROM {numbers} ORDER BY n", use_strings=True)

    assert received.to_pydict() == sent.to_pydict()


def test_raw_inserts_and_raw_results_are_passed_through(client: Client, numbers: str) -> None:
    client.raw_insert(numbers, ["n", "s"], b'{"n":1,"s":"a"}\n{"n":2,"s":"b"}\n', fmt="JSONEachRow")

    assert client.raw_query(f"SELECT n FROM {numbers} ORDER BY n", fmt="CSV") == b"1\n2\n"
    with client.raw_stream(f"SELECT s FROM {numbers} ORDER BY n", fmt="JSONEachRow") as stream:
        assert stream.read() == b'{"s":"a"}\n{"s":"b"}\n'


def test_a_result_of_millions_of_rows_is_streamed(client: Client) -> None:
    rows = total = 0

    with client.query_column_block_stream("SELECT number, toString(number) FROM numbers(3000000)") as blocks:
        for block in blocks:
            rows += len(block[0])
            total += sum(block[0])

    assert rows == 3_000_000
    assert total == 3_000_000 * 2_999_999 // 2


def test_a_failure_in_the_middle_of_a_result_is_an_error(client: Client) -> None:
    sql = "SELECT throwIf(number = 2999999) FROM numbers(3000000) SETTINGS max_block_size = 1000"

    with pytest.raises(StreamFailureError, match="Value passed to 'throwIf'"), client.query_rows_stream(sql) as rows:
        for _ in rows:
            pass


@pytest.mark.parametrize(
    ("sql", "code", "name"),
    [
        ("SELECT * FROM nowhere", 60, "UNKNOWN_TABLE"),
        ("SELECT nothing", 47, "UNKNOWN_IDENTIFIER"),
        ("SELEC 1", 62, "SYNTAX_ERROR"),
        ("SELECT throwIf(1)", 395, "FUNCTION_THROW_IF_VALUE_IS_NON_ZERO"),
    ],
)
def test_a_wrong_query_is_a_database_error_with_its_code(client: Client, sql: str, code: int, name: str) -> None:
    with pytest.raises(DatabaseError) as failed:
        client.query(sql)

    assert (failed.value.code, failed.value.name) == (code, name)


@pytest.mark.parametrize(
    "text", ["it's", 'a "b" `c`', "back\\slash", "tab\tline\n", "' OR 1=1 --", "'); DROP TABLE t; --"]
)
def test_a_bound_parameter_is_data_whatever_it_contains(client: Client, text: str) -> None:
    sql = "SELECT {text:String}, {list:Array(String)}, {at:DateTime64(3)}, {id:UUID}, {none:Nullable(String)}"
    at = dt.datetime(2026, 1, 1, 12, 30, tzinfo=UTC)
    parameters = {"text": text, "list": [text, ""], "at": at, "id": uuid.UUID(int=7), "none": None}

    assert client.query(sql, parameters=parameters).result_rows == [(text, [text, ""], at, uuid.UUID(int=7), None)]


def test_very_long_parameters_travel_as_a_form(client: Client) -> None:
    values = list(range(20_000))

    result = client.query("SELECT length({values:Array(UInt32)})", parameters={"values": values})

    assert result.result_rows == [(20_000,)]


def test_settings_are_per_call_and_readonly_is_real(client: Client, numbers: str) -> None:
    with pytest.raises(DatabaseError) as limited:
        client.query("SELECT number FROM numbers(10)", settings={"max_result_rows": 5})
    with pytest.raises(DatabaseError) as readonly:
        client.insert(numbers, [[1, "x"]], column_names=["n", "s"], settings={"readonly": 1})

    assert (limited.value.code, readonly.value.code) == (396, 164)
    assert len(client.query("SELECT number FROM numbers(10)").result_rows) == 10
    assert client.command(f"SELECT count() FROM {numbers}") == 0


def test_a_client_keeps_its_database_and_its_session(database: Database, client: Client) -> None:
    client.command("CREATE DATABASE of_one_client")
    other = _client(database, database="of_one_client")

    other.command("CREATE TABLE t (n UInt8) ENGINE = MergeTree ORDER BY n")
    other.command("SET max_result_rows = 5")
    other.insert("t", [[1]], column_names=["n"])

    assert client.command("SELECT count() FROM of_one_client.t") == 1
    with pytest.raises(DatabaseError):
        other.query("SELECT number FROM numbers(10)")
    client.command("DROP DATABASE of_one_client")
    other.close()


def test_inserts_and_queries_side_by_side_lose_nothing(database: Database, client: Client, numbers: str) -> None:
    writers, batches, size = 4, 15, 500
    failures: list[BaseException] = []

    def work(writer: int) -> None:
        own = _client(database)
        try:
            for batch in range(batches):
                first = (writer * batches + batch) * size
                own.insert(numbers, [[first + row, "x"] for row in range(size)], column_names=["n", "s"])
                own.query(f"SELECT s, count() FROM {numbers} FINAL GROUP BY s")
        except BaseException as failure:
            failures.append(failure)
            raise
        finally:
            own.close()

    client.command(f"RENAME TABLE {numbers} TO plain_numbers")
    client.command(f"CREATE TABLE {numbers} (n UInt64, s String) ENGINE = ReplacingMergeTree ORDER BY n")
    threads = [threading.Thread(target=work, args=(number,)) for number in range(writers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    client.command("DROP TABLE plain_numbers")

    assert failures == []
    expected = writers * batches * size
    assert client.query(f"SELECT count(), uniqExact(n) FROM {numbers} FINAL").result_rows == [(expected, expected)]


def test_the_features_that_the_schema_uses_work(client: Client) -> None:
    latest = "SELECT k, v FROM features.raw FINAL"
    source = "SOURCE(CLICKHOUSE(TABLE 'rollup' DB 'features'))"
    client.command("CREATE DATABASE features")
    for statement in (
        "CREATE TABLE features.raw (k UInt32, v UInt64) ENGINE = ReplacingMergeTree(v) ORDER BY k",
        "INSERT INTO features.raw VALUES (1, 1), (2, 5)",
        "INSERT INTO features.raw VALUES (1, 2)",
        "CREATE TABLE features.rollup (k UInt32, v UInt64) ENGINE = MergeTree ORDER BY k",
        f"CREATE MATERIALIZED VIEW features.v REFRESH EVERY 1 DAY TO features.rollup AS {latest}",
        "SYSTEM REFRESH VIEW features.v",
        "SYSTEM WAIT VIEW features.v",
        "CREATE FUNCTION features_total AS (histogram) -> arraySum(histogram.2)",
        f"CREATE DICTIONARY features.names (k UInt64, v UInt64) PRIMARY KEY k {source} LIFETIME(1) LAYOUT(FLAT())",
    ):
        client.command(statement)

    assert client.command("SELECT count() FROM features.raw") == 3
    assert client.query("SELECT * FROM features.raw FINAL ORDER BY k").result_rows == [(1, 2), (2, 5)]
    assert client.query("SELECT * FROM features.rollup ORDER BY k").result_rows == [(1, 2), (2, 5)]
    assert client.command("SELECT features_total(([1, 2]::Array(Int16), [3, 4]::Array(UInt64)))") == 7
    assert client.command("SELECT dictGet('features.names', 'v', toUInt64(2))") == 5
    client.command("DROP FUNCTION features_total")
    client.command("DROP DATABASE features")
