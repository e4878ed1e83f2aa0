"""Exports: rows of a table or a key figure, streamed from ClickHouse into a file that is created atomically."""

from __future__ import annotations

import contextlib
import io
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO, Final, NamedTuple, cast

import pyarrow as pa
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError
from urllib3.exceptions import HTTPError

from kpis.figures_query import figures_query
from models.errors import InvalidRequest, SettingsError, Unreachable
from models.query import Query
from reports import export_query
from reports.export_columns import unnamed
from reports.export_request import MAX_BYTES, ExportRequest, check_rows
from reports.export_tables import Exportable
from reports.export_writers import WRITERS, Writer
from reports.files import complete_file
from storage.reading import query_rows

# Called with the number of written rows and the total.
Progress = Callable[[int, int], None]
_SETTINGS: Final = {
    "max_block_size": 65_409,
    # A cancelled export also stops in the database.
    "readonly": 2,
    "cancel_http_readonly_queries_on_client_close": 1,
}


_WRAPPED: Final = re.compile(r"^(?:LowCardinality|Nullable)\((.*)\)$")


class Exported(NamedTuple):
    """The result of an export; ``withheld`` counts rows that were anonymised or left out."""

    rows: int
    size: int
    withheld: int


def export_to_file(client: Client, request: ExportRequest, path: Path, progress: Progress) -> Exported:
    """Export into a file, which gets its name when it is complete.

    Raises
    ------
    SettingsError
        It is too large, or the file cannot be written.
    Unreachable
        ClickHouse does not answer; no file is left.
    """
    try:
        with complete_file(path) as target:
            return export(client, request, target, progress)
    except OSError as error:
        raise InvalidRequest("out", f"cannot write {path} ({error.strerror or error})") from error


def export(client: Client, request: ExportRequest, target: BinaryIO, progress: Progress) -> Exported:
    """Export into a stream; see ``export_to_file``."""
    return _Export(client, request, target, progress).run()


class _Export:
    """An export in progress."""

    def __init__(self, client: Client, request: ExportRequest, target: BinaryIO, progress: Progress) -> None:
        self._client = client
        self._request = request
        self._target = _Counted(target)
        self._progress = progress
        self._rows = 0
        self._withheld = 0

    def run(self) -> Exported:
        table = self._request.table
        if table is None:
            self._write_figures()
        else:
            self._write_table(table)
        return Exported(self._rows, self._target.written, self._withheld)

    def _write_figures(self) -> None:
        request = self._request
        query = figures_query([request.what], request.scope, request.by, request.every)
        found = self._whole(self._typed(query, self._conversions(query)))
        check_rows(request, found.num_rows)
        with self._writer(found.schema) as writer:
            for batch in found.to_batches():
                self._add(writer, batch, found.num_rows)

    def _write_table(self, table: Exportable) -> None:
        request, scope = self._request, self._request.scope
        buckets = query_rows(self._client, *export_query.counts(table, scope, request.customers))
        total = sum(int(row["rows"]) for row in buckets)
        check_rows(request, total)
        parts = list(export_query.slices([(int(row["bucket"]), int(row["rows"])) for row in buckets], scope))
        small = self._small_groups(table) if request.customers else []
        first = export_query.rows(table, scope, parts[0], request.customers)
        conversions = self._conversions(first)
        typed = self._typed(first, conversions)
        schema = self._whole(Query(f"SELECT * FROM ({typed.sql}) LIMIT 0", typed.parameters)).schema  # noqa: S608
        with self._writer(schema) as writer:
            self._progress(0, total)
            for part in parts:
                query = self._typed(export_query.rows(table, scope, part, request.customers), conversions)
                for batch in self._batches(query):
                    kept, withheld = unnamed(batch, table, small) if small else (batch, 0)
                    self._withheld += withheld
                    self._add(writer, kept, total)

    def _conversions(self, query: Query) -> list[str]:
        """Return the conversions of columns that Arrow would represent as numbers or bytes: times, days and UUIDs."""
        found = []
        for column in query_rows(self._client, f"DESCRIBE TABLE ({query.sql})", query.parameters):
            kind = _WRAPPED.sub(r"\1", column["type"])
            name = f"`{column['name']}`"
            if kind.startswith("DateTime") and not kind.startswith("DateTime64"):
                found.append(f"toDateTime64({name}, 0, 'UTC') AS {name}")
            elif kind == "Date":
                found.append(f"toDate32({name}) AS {name}")
            elif kind == "UUID":
                found.append(f"toString({name}) AS {name}")
            elif kind.startswith("DateTime64") and "UTC" not in kind:
                found.append(f"toTimeZone({name}, 'UTC') AS {name}")
        return found

    @staticmethod
    def _typed(query: Query, conversions: list[str]) -> Query:
        if not conversions:
            return query
        return Query(f"SELECT * REPLACE ({', '.join(conversions)}) FROM ({query.sql})", query.parameters)  # noqa: S608

    def _small_groups(self, table: Exportable) -> list[tuple[str, ...]]:
        rows = query_rows(self._client, *export_query.small_groups(table, self._request.scope))
        return [tuple(str(cell) for cell in row.values()) for row in rows]

    def _add(self, writer: Writer, batch: pa.RecordBatch, total: int) -> None:
        writer.write(batch)
        self._rows += batch.num_rows
        check_rows(self._request, self._rows)  # events that arrived since they were counted
        if self._target.written > MAX_BYTES:
            raise SettingsError(f"an export has at most {MAX_BYTES / 1024**3:.0f} GiB; take a shorter range or parquet")
        self._progress(self._rows, max(total, self._rows))

    @contextlib.contextmanager
    def _writer(self, schema: pa.Schema) -> Iterator[Writer]:
        writer = WRITERS[self._request.format](cast(BinaryIO, self._target), schema, self._request)
        try:
            yield writer
        finally:
            writer.close()  # also for a discarded file: it refers to the stream

    def _whole(self, query: Query) -> pa.Table:
        with _failures():
            return self._client.query_arrow(query.sql, query.parameters, _SETTINGS, use_strings=True)

    def _batches(self, query: Query) -> Iterator[pa.RecordBatch]:
        with (
            _failures(),
            self._client.query_arrow_stream(query.sql, query.parameters, _SETTINGS, use_strings=True) as stream,
        ):
            yield from stream


class _Counted(io.RawIOBase):
    """Passes bytes on and counts them; closing it does not close the underlying stream."""

    def __init__(self, target: BinaryIO) -> None:
        self._target = target
        self.written = 0

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        size = memoryview(data).nbytes
        self._target.write(data)
        self.written += size
        return size

    def tell(self) -> int:
        return self.written

    def flush(self) -> None:
        # Also called when this is collected, which may be after the underlying stream was closed.
        if not (self.closed or self._target.closed):
            self._target.flush()


@contextlib.contextmanager
def _failures() -> Iterator[None]:
    try:
        yield
    except (ClickHouseError, HTTPError, pa.ArrowInvalid) as error:  # the last two: a truncated response
        raise Unreachable(f"ClickHouse does not answer the export: {' '.join(str(error).split())[:300]}") from error
