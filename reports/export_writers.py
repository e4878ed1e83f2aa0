"""Streaming file writers, one class for each format; memory is bounded by a batch or a row group."""

from __future__ import annotations

import codecs
import json
from collections.abc import Callable
from datetime import date, datetime
from decimal import Decimal
from typing import Any, BinaryIO, Final, Protocol

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq
import xlsxwriter

from kpis.registry import get
from kpis.text import printable
from reports import sheets
from reports.export_columns import flat, for_excel
from reports.export_request import PLAIN, ExportFormat, ExportRequest

_GROUP_ROWS: Final = 50_000
_PIECE_ROWS: Final = 10_000
# Number of rows for the column widths.
_MEASURED: Final = 1_000
_SHARES: Final = frozenset(
    {
        *("probability", "prior", "confidence_score", "data_freshness_score"),
        *("ai_confidence_score", "ai_confidence_with_data", "ai_confidence_without_data"),
    }
)
_MAX_LETTERS: Final = 32_767  # Excel's limit for a cell


class Writer(Protocol):
    """The interface of a writer: receives the rows of an export in order."""

    def write(self, batch: pa.RecordBatch) -> None:
        """Add rows; every batch has the same columns."""

    def close(self) -> None:
        """Finish the file."""


class _Csv:
    """UTF-8 with a heading according to RFC 4180, or in Excel's style (``CsvStyle``)."""

    def __init__(self, target: BinaryIO, schema: pa.Schema, request: ExportRequest) -> None:
        self._style = request.csv
        if self._style.excel:
            target.write(codecs.BOM_UTF8)
        empty = self._flat(pa.RecordBatch.from_pylist([], schema=schema))
        options = pa_csv.WriteOptions(delimiter=self._style.separator)
        self._writer = pa_csv.CSVWriter(target, empty.schema, write_options=options)

    def write(self, batch: pa.RecordBatch) -> None:
        self._writer.write_batch(self._flat(batch))

    def close(self) -> None:
        self._writer.close()

    def _flat(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        made = flat(batch)
        return made if self._style == PLAIN else for_excel(made, self._style.decimal)


class _JsonLines:
    """One object a line; numbers are numbers, times are ISO-8601."""

    def __init__(self, target: BinaryIO, _: pa.Schema, __: ExportRequest) -> None:
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
        """Do nothing: every row is already written."""


class _Parquet:
    """Row groups of at least 50,000 rows, Zstandard."""

    def __init__(self, target: BinaryIO, schema: pa.Schema, _: ExportRequest) -> None:
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

    def __init__(self, target: BinaryIO, schema: pa.Schema, request: ExportRequest) -> None:
        options = {
            "constant_memory": True,
            "strings_to_formulas": False,
            "strings_to_urls": False,
            "remove_timezone": True,
        }
        self._book = xlsxwriter.Workbook(target, options)
        self._sheet = self._book.add_worksheet(next(sheets.names(_title(request))))
        self._names = list(schema.names)
        self._sheet.write_row(0, 0, self._names, self._book.add_format({"bold": True, "bottom": 1}))
        self._rooms = [0] * len(self._names)
        self._truth = self._book.add_format(sheets.TRUTH_LAYOUT)
        self._text = self._book.add_format(sheets.TEXT_LAYOUT)
        self._time = self._book.add_format({"num_format": sheets.TIME, **sheets.TIME_LAYOUT})
        self._day = self._book.add_format({"num_format": sheets.DAY, **sheets.TIME_LAYOUT})
        self._numbers = [
            self._book.add_format({"num_format": form or "General", **sheets.NUMBER_LAYOUT})
            for form in _formats(request, schema)
        ]
        self._row = 0

    def write(self, batch: pa.RecordBatch) -> None:
        for row in zip(*(batch.column(name).to_pylist() for name in batch.schema.names), strict=True):
            self._row += 1
            cells = [", ".join(map(str, cell)) if isinstance(cell, list) else cell for cell in row]
            if (points := sheets.height(cells)) is not None:
                self._sheet.set_row(self._row, points)
            for place, cell in enumerate(cells):
                self._cell(place, cell)

    def close(self) -> None:
        sheets.lay_out(self._sheet, self._names, self._rooms, self._row)
        self._book.close()

    def _cell(self, place: int, cell: Any) -> None:
        if cell is None:
            return
        if isinstance(cell, str):
            cell = printable(cell)
        if self._row <= _MEASURED:
            self._rooms[place] = max(self._rooms[place], sheets.room(cell))
        if isinstance(cell, str):
            self._sheet.write_string(self._row, place, cell[:_MAX_LETTERS], self._text)
        elif isinstance(cell, datetime):
            self._sheet.write_datetime(self._row, place, cell, self._time)
        elif isinstance(cell, date):
            midnight = datetime(cell.year, cell.month, cell.day)  # noqa: DTZ001 - a day has no zone
            self._sheet.write_datetime(self._row, place, midnight, self._day)
        elif isinstance(cell, bool):
            self._sheet.write_boolean(self._row, place, cell, self._truth)
        else:
            self._sheet.write_number(self._row, place, float(cell), self._numbers[place])


def _title(request: ExportRequest) -> str:
    return get(request.what).title if request.table is None else request.table.title


def _formats(request: ExportRequest, schema: pa.Schema) -> list[str | None]:
    """Return the number format of each column: shares as percentages, a key figure in its own unit."""
    unit = get(request.what).unit if request.table is None else None
    figure = {request.what, f"{request.what}_low", f"{request.what}_high"} if unit else set()
    return [
        sheets.FORMATS[unit]
        if unit and name in figure
        else "0.0%"
        if name in _SHARES or name.endswith(("_rate", "_usage", "_probability"))
        else None
        for name in schema.names
    ]


WRITERS: Final[dict[ExportFormat, Callable[[BinaryIO, pa.Schema, ExportRequest], Writer]]] = {
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
    """Return a JSON value: a time in ISO-8601, a decimal as a number."""
    if isinstance(cell, datetime):
        return cell.isoformat(timespec="milliseconds")
    if isinstance(cell, Decimal):
        return float(cell)
    return str(cell)
