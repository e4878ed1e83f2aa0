"""Native blocks for clients of a later protocol revision, made from blocks of the real engine."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from embedded.binding import Connection, open_connection
from embedded.errors import QueryFailed
from embedded.native import with_revision

BLOCK_HEADER = b"\x01\x00\x02\xff\xff\xff\xff\x00"
EXPRESSIONS = [
    "number",
    "toInt128(number)",
    "toUInt256(number)",
    "toFloat32(number)",
    "toString(number)",
    "toFixedString('ab', 5)",
    "generateUUIDv4()",
    "toIPv4('1.2.3.4')",
    "toIPv6('::1')",
    "toDate('2026-01-01')",
    "toDate32('1930-01-01')",
    "now()",
    "now64(6)",
    "toDecimal32(number, 2)",
    "toDecimal128(number, 3)",
    "toDecimal256(number, 3)",
    "true",
    "CAST('a', 'Enum8(\\'a\\' = 1)')",
    "toIntervalDay(number)",
    "NULL",
    "if(number % 2 = 0, NULL, toString(number))",
    "toLowCardinality(toString(number % 3))",
    "toLowCardinality(if(number % 2 = 0, NULL, toString(number)))",
    "range(number)",
    "[]",
    "arrayMap(x -> arrayMap(y -> toString(y), range(x)), range(number))",
    "arrayMap(x -> toLowCardinality(toString(x)), range(number))",
    "(arrayMap(x -> toInt16(x), range(number)), range(number))",
    "(number, toLowCardinality('a'), toNullable(1))",
    "tuple()",
    "map('a', number, 'b', 2)",
    "map(toLowCardinality('a'), [number])",
    "CAST([(1, 'a')], 'Nested(x Int8, y String)')",
    "CAST(1, 'SimpleAggregateFunction(sum, UInt64)')",
]


@pytest.fixture(scope="module")
def connection(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Connection]:
    opened = open_connection(str(tmp_path_factory.mktemp("engine")))
    yield opened
    opened.close()


def _blocks(connection: Connection, sql: str) -> bytes:
    return connection.query(sql.encode(), "Native").bytes()


@pytest.mark.parametrize("rows", [1, 7])
@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_a_column_of_any_fixed_layout_is_passed_over_exactly(
    connection: Connection, expression: str, rows: int
) -> None:
    original = _blocks(connection, f"SELECT {expression} AS x, number AS tail FROM numbers({rows})")

    rewritten = with_revision(original)

    # The second column is where the first one ends, so it shows whether that was found.
    numbers = b"".join(number.to_bytes(8, "little") for number in range(rows))
    assert rewritten.endswith(b"\x04tail\x06UInt64" + b"\x00" + numbers)
    assert rewritten.startswith(BLOCK_HEADER)
    assert len(rewritten) == len(original) + len(BLOCK_HEADER) + 2


def test_each_of_several_blocks_gets_a_header(connection: Connection) -> None:
    block = _blocks(connection, "SELECT 1 AS x")

    assert with_revision(block * 3) == (BLOCK_HEADER + b"\x01\x01\x01x\x05UInt8\x00\x01") * 3


def test_nothing_stays_nothing() -> None:
    assert with_revision(b"") == b""


@pytest.mark.parametrize("expression", ["1::Dynamic", "'{}'::JSON", "1::Variant(UInt8, String)", "sumState(1)"])
def test_a_type_without_a_fixed_layout_is_refused_by_name(connection: Connection, expression: str) -> None:
    with pytest.raises(QueryFailed, match="cannot send a column of type") as refused:
        with_revision(_blocks(connection, f"SELECT {expression} AS x"))

    assert refused.value.status == 501
