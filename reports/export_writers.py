"""Files that grow batch by batch, one class for each format; none holds more than a batch or a row group."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from typing import Any, BinaryIO, Final, Protocol

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq
import xlsxwriter

from reports.export_columns import flat
from reports.export_request import ExportFormat

_GROUP_ROWS: Final = 50_000
_PIECE_ROWS: Final = 10_000
_MOST_LETTERS: Final = 32_767  # of a cell, says Excel


class Writer(Protocol):
    """Takes the rows of an export in order."""

    def write(self, batch: pa.RecordBatch) -> None:
        """Add rows; every batch has the same columns."""

    def close(self) -> None:
        """Finish the file."""


class _Csv:
    """UTF-8 with a heading, as RFC 4180 has it."""

    def __init__(self, target: BinaryIO, schema: pa.Schema) -> None:
        self._writer = pa_csv.CSVWriter(target, flat(pa.RecordBatch.from_pylist([], schema=schema)).schema)

    def write(self, batch: pa.RecordBatch) -> None:
        self._writer.write_batch(flat(batch))

    def close(self) -> None:
        self._writer.close()


class _JsonLines:
    """One object a line; numbers are numbers, times are ISO-8601."""

    def __init__(self, target: BinaryIO, _: pa.Schema) -> None:
        self._target = target

    def write(self, batch: pa.RecordBatch) -> None:
        for first in range(0, batch.num_rows, _PIECE_ROWS):
            piece = batch.slice(first, _PIECE_ROWS)
            parts: list[Any] = []
            for name in piece.schema.names:
                parts += [f"{', ' if parts else '{'}{json.dumps(name)}: ", _texts(piece.column(name))]
            lines = pc.binary_join_element_wise(*parts, "}", "")
            self._target.write(("\n".join(lines.to_pylist()) + "\n").encode())

    def close(self) -> None:
        """Nothing is left to write."""


class _Parquet:
    """Row groups of at least 50,000 rows, Zstandard."""

    def __init__(self, target: BinaryIO, schema: pa.Schema) -> None:
        self._schema = schema
        self._writer = pq.ParquetWriter(target, schema, compression="zstd")
        self._waiting: list[pa.RecordBatch] = []
        self._held = 0

    def write(self, batch: pa.RecordBatch) -> None:
        self._waiting.append(batch)
        self._held += batch.num_rows
        if self._held >= _GROUP_ROWS:
            self._flush()

    def close(self) -> None:
        self._flush()
        self._writer.close()

    def _flush(self) -> None:
        if self._waiting:
            self._writer.write_table(pa.Table.from_batches(self._waiting, self._schema))
        self._waiting, self._held = [], 0


class _Xlsx:
    """One sheet, written row by row into a temporary file; text is text, never a formula or a link."""

    def __init__(self, target: BinaryIO, schema: pa.Schema) -> None:
        options = {
            "constant_memory": True,
            "strings_to_formulas": False,
            "strings_to_urls": False,
            "remove_timezone": True,
            "default_date_format": "yyyy-mm-dd hh:mm:ss",
        }
        self._book = xlsxwriter.Workbook(target, options)
        self._sheet = self._book.add_worksheet("Export")
        self._sheet.freeze_panes(1, 0)
        self._sheet.write_row(0, 0, schema.names, self._book.add_format({"bold": True, "bottom": 1}))
        self._row = 0

    def write(self, batch: pa.RecordBatch) -> None:
        for row in zip(*(batch.column(name).to_pylist() for name in batch.schema.names), strict=True):
            self._row += 1
            for place, cell in enumerate(row):
                self._cell(place, cell)

    def close(self) -> None:
        self._book.close()

    def _cell(self, place: int, cell: Any) -> None:
        if cell is None:
            return
        if isinstance(cell, str):
            self._sheet.write_string(self._row, place, cell[:_MOST_LETTERS])
        elif isinstance(cell, list):
            self._sheet.write_string(self._row, place, ", ".join(map(str, cell)))
        elif isinstance(cell, datetime):
            self._sheet.write_datetime(self._row, place, cell)
        elif isinstance(cell, bool):
            self._sheet.write_boolean(self._row, place, cell)
        else:
            self._sheet.write_number(self._row, place, float(cell))


WRITERS: Final[dict[ExportFormat, Callable[[BinaryIO, pa.Schema], Writer]]] = {
    ExportFormat.CSV: _Csv,
    ExportFormat.JSONL: _JsonLines,
    ExportFormat.PARQUET: _Parquet,
    ExportFormat.XLSX: _Xlsx,
}


def _texts(column: Any) -> Any:
    """Return a column's cells as JSON; each distinct value is written once."""
    if pa.types.is_list(column.type):
        return pa.array([json.dumps(cell, ensure_ascii=False) for cell in column.to_pylist()])
    coded = column.dictionary_encode()
    distinct: Any = pa.array(
        [json.dumps(cell, default=_plain, ensure_ascii=False) for cell in coded.dictionary.to_pylist()], pa.string()
    )
    return distinct.take(coded.indices).fill_null("null")


def _plain(cell: Any) -> Any:
    """Return what JSON knows: a time in ISO-8601, a decimal as a number."""
    if isinstance(cell, datetime):
        return cell.isoformat(timespec="milliseconds")
    if isinstance(cell, Decimal):
        return float(cell)
    return str(cell)
