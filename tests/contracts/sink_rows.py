"""Sinks as their readers see them, and example rows of every table."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Protocol

import pyarrow as pa

from models.rows import HISTOGRAM, LABEL, LABELS, MONEY, SCORE, TIME, UUID, UUIDS, WRITTEN
from sinks.clickhouse import ClickHouseSink
from sinks.memory import MemorySink
from sinks.sink import Sink
from storage.connection import ClickHouseAddress, connect

# Tables forget what is older than their TTL, so rows are of now; whole seconds, because windows have no finer ones.
NOW = datetime.now(UTC).replace(microsecond=0)
QUERIES = "integration_query_metrics"
HEALTH = "integration_health_metrics"
WINDOWS = "query_windows"
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


def row_of(table: str, number: int = 1, **values: Any) -> Row:
    """A row with something in every column; rows of different numbers have different keys."""
    return {field.name: _value(field, number) for field in WRITTEN[table]} | values


def _value(field: pa.Field[Any], number: int) -> Any:
    examples = {
        UUID: bytes([number]) * 16,
        LABEL: f"größe 📇 {number}",
        LABELS: ["контакты", "", "a'b\"c"],
        UUIDS: [bytes([number]) * 16, bytes(16)],
        TIME: NOW + timedelta(milliseconds=number),
        SCORE: Decimal("-0.1234"),
        MONEY: Decimal("99999999999.9999"),
        HISTOGRAM: {"buckets": [-1, 0, 2160], "counts": [2**63, 1, 3]},
        pa.bool_(): True,
        pa.binary(): b"\x00\xff\xfe\n" + bytes([number]),
        _SECONDS: NOW.replace(second=0),
        pa.uint8(): number,
        pa.float64(): 0.1 + 0.2,
        pa.uint32(): 2**32 - 1,
        pa.uint64(): 2**64 - 1,
    }
    return examples.get(field.type, number)


def sparse_row(table: str, number: int) -> Row:
    """A row with nothing in every column that may be empty."""
    row = row_of(table, number)
    for field in WRITTEN[table]:
        if field.name in _MAYBE or (field.type in (SCORE, MONEY) and table != WINDOWS):
            row[field.name] = None
        elif field.type in (LABELS, UUIDS):
            row[field.name] = []
        elif field.type == LABEL or field.type == pa.binary():
            row[field.name] = type(row[field.name])() if field.name not in ("integration_provider", "topic") else "x"
    return row


def batch_of(table: str, *rows: Row) -> pa.RecordBatch:
    return pa.RecordBatch.from_pylist(list(rows), schema=WRITTEN[table])


def query_row(offset: int, **values: Any) -> Row:
    event_id = offset.to_bytes(16, "big")
    return row_of(QUERIES, event_id=event_id, topic_epoch=7, kafka_partition=2, kafka_offset=offset, **values)


def by_key(rows: list[Row]) -> list[Row]:
    names = ("event_id", "offset", "user_id", "id")
    return sorted(rows, key=lambda row: [row.get(name, 0 if name == "offset" else b"") for name in names])
