"""Native blocks in the form that clients of a later protocol revision expect.

ClickHouse's Go client, and with it Grafana's data source, asks for ``client_protocol_version`` and then takes for
granted that every Native block begins with a block header and every column says whether its serialization is a
custom one. chDB always writes revision 0, without either, so both are put in here. That takes finding where each
column ends: clickhouse-connect parses the types, and the layout of each is walked below.
"""

from __future__ import annotations

from clickhouse_connect.datatypes.base import ClickHouseType
from clickhouse_connect.datatypes.container import Array, Map, Nested, Tuple
from clickhouse_connect.datatypes.registry import get_from_name
from clickhouse_connect.datatypes.special import SimpleAggregateFunction
from clickhouse_connect.datatypes.string import String
from clickhouse_connect.driver.exceptions import ClickHouseError

from embedded.errors import NOT_IMPLEMENTED, QueryFailed, refusal

# Field 1, "is overflows": no. Field 2, "bucket number": -1. No more fields.
_BLOCK_HEADER = b"\x01\x00\x02\xff\xff\xff\xff\x00"
_NOT_CUSTOM = b"\x00"


class _Cursor:
    """A position in bytes that only moves forward."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self.position = 0

    def skip(self, size: int) -> None:
        self.position += size

    def varint(self) -> int:
        value = shift = 0
        while True:
            byte = self._data[self.position]
            self.position += 1
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value
            shift += 7

    def text(self) -> str:
        size = self.varint()
        self.skip(size)
        return self._data[self.position - size : self.position].decode()

    def uint64(self) -> int:
        self.skip(8)
        return int.from_bytes(self._data[self.position - 8 : self.position], "little")


def with_revision(blocks: bytes) -> bytes:
    """Rewrite whole Native blocks of revision 0 for a client of revision 54454 or later.

    Raises
    ------
    QueryFailed
        A column has a type without a fixed layout (Variant, Dynamic, JSON, states of aggregate functions).
    """
    cursor = _Cursor(blocks)
    parts: list[bytes] = []
    while (begin := cursor.position) < len(blocks):
        columns, rows = cursor.varint(), cursor.varint()
        parts += [_BLOCK_HEADER, blocks[begin : cursor.position]]
        for _ in range(columns):
            begin = cursor.position
            cursor.text()
            type_name = cursor.text()
            parts += [blocks[begin : cursor.position], _NOT_CUSTOM]
            begin = cursor.position
            if rows:
                kind = _type(type_name)
                _skip_prefix(cursor, kind)
                _skip_values(cursor, kind, rows)
            parts.append(blocks[begin : cursor.position])
    return b"".join(parts)


def _type(name: str) -> ClickHouseType:
    try:
        return get_from_name(name)
    except ClickHouseError as error:
        raise _unknown_layout(name) from error


def _elements(kind: ClickHouseType) -> list[ClickHouseType]:
    """Return the types inside a container, in the order in which they are written; empty for any other."""
    if isinstance(kind, Array | SimpleAggregateFunction):
        return [kind.element_type]
    if isinstance(kind, Tuple | Nested):
        return list(kind.element_types)
    return [kind.key_type, kind.value_type] if isinstance(kind, Map) else []


def _skip_prefix(cursor: _Cursor, kind: ClickHouseType) -> None:
    """Skip the versions of the dictionaries, which come before any value of the column."""
    if kind.low_card:
        cursor.skip(8)
    for element in _elements(kind):
        _skip_prefix(cursor, element)


def _skip_values(cursor: _Cursor, kind: ClickHouseType, rows: int) -> None:
    if kind.low_card:
        _skip_low_cardinality(cursor, kind, rows)
        return
    if kind.nullable:
        cursor.skip(rows)
    _skip_plain_values(cursor, kind, rows)


def _skip_plain_values(cursor: _Cursor, kind: ClickHouseType, rows: int) -> None:
    if isinstance(kind, String):
        for _ in range(rows):
            cursor.skip(cursor.varint())
    elif elements := _elements(kind):
        inner = rows
        if isinstance(kind, Array | Map | Nested) and rows:
            cursor.skip(8 * (rows - 1))
            inner = cursor.uint64()  # the last offset is the number of all elements
        for element in elements:
            _skip_values(cursor, element, inner)
    elif kind.byte_size or isinstance(kind, Tuple):  # an empty tuple takes a byte
        cursor.skip(rows * (kind.byte_size or 1))
    else:
        raise _unknown_layout(kind.name)


def _skip_low_cardinality(cursor: _Cursor, kind: ClickHouseType, rows: int) -> None:
    if rows:
        key_size = 2 ** (cursor.uint64() & 0xFF)
        _skip_plain_values(cursor, kind, cursor.uint64())
        cursor.skip(key_size * cursor.uint64())


def _unknown_layout(type_name: str) -> QueryFailed:
    reason = f"The embedded database cannot send a column of type {type_name} to this client; cast or finalize it"
    return refusal(NOT_IMPLEMENTED, "NOT_IMPLEMENTED", reason)
