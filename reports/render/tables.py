"""A report as data: numbers stay numbers, and no text cell becomes a formula."""

from __future__ import annotations

import csv as csv_writer
import io
import json as json_writer
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

import pyarrow as pa
import pyarrow.parquet as pq
import xlsxwriter

from kpis.kpi import Unit
from reports.neutral import neutral
from reports.render import drawn
from reports.report import Exhibit, Report

_FORMATS: Final = {
    Unit.COUNT: "#,##0",
    Unit.RATIO: "0.0%",
    Unit.MONEY_RATIO: "0.00",
    Unit.SCORE: "0.00",
    Unit.MILLISECONDS: "#,##0",
    Unit.MINUTES: "0.0",
    Unit.HOURS: "0.0",
    Unit.STARS: "0.00",
    Unit.MONEY: "#,##0.00",
}
_LONGEST_NAME: Final = 31


def figure_records(report: Report) -> list[dict[str, Any]]:
    """Return the key figures as records, in the order of reading."""
    return [
        {
            "id": one.id,
            "title": one.title,
            "value": one.value,
            "unit": one.unit.value,
            "n": one.n,
            "low": one.low,
            "high": one.high,
            "before": one.before,
            "change": one.change,
            "state": one.state,
            "version": one.version,
            "notes": "; ".join(one.notes),
        }
        for one in report.figures
    ]


def json(report: Report) -> bytes:
    """Return the whole report as JSON."""
    request, origin = report.request, report.provenance
    document = {
        "id": report.id,
        "name": request.name,
        "type": request.type,
        "tenant": report.tenant,
        "period_start": request.start,
        "period_end": request.end,
        "integrations": list(request.integrations),
        "summary": list(report.summary),
        "figures": figure_records(report),
        "recommendations": list(report.recommendations),
        "by_integration": report.breakdown.rows,
        "exhibits": [{"title": one.title, "description": one.description, "rows": one.rows} for one in report.exhibits],
        "findings": [one._asdict() for one in report.findings],
        "raw_data": report.raw.rows if report.raw is not None else None,
        "provenance": origin._asdict(),
    }
    return json_writer.dumps(document, indent=2, ensure_ascii=False, default=_plain).encode()


def csv(report: Report) -> bytes:
    """Return the key figures as CSV (UTF-8, a header line); after an empty line the rows by integration."""
    text = io.StringIO(newline="")
    writer = csv_writer.writer(text, lineterminator="\r\n")
    for block in (
        figure_records(report),
        report.breakdown.rows,
        *([report.raw.rows] if report.raw is not None else []),
    ):
        if not block:
            continue
        writer.writerow(list(block[0]))
        writer.writerows([[neutral(_plain(cell)) for cell in row.values()] for row in block])
        writer.writerow([])
    return text.getvalue().encode()


def parquet(report: Report) -> bytes:
    """Return the key figures as Parquet; the raw rows instead, where they were asked for."""
    records: Sequence[Mapping[str, Any]] = report.raw.rows if report.raw is not None else figure_records(report)
    table = pa.Table.from_pylist([dict(record) for record in records])
    origin = {"romashka.report": report.request.name, "romashka.made_at": report.provenance.made_at.isoformat()}
    buffer = io.BytesIO()
    pq.write_table(table.replace_schema_metadata(origin), buffer)
    return buffer.getvalue()


def xlsx(report: Report) -> bytes:
    """Return a workbook: a sheet of figures, one for each table, one that says where the numbers come from."""
    buffer = io.BytesIO()
    options = {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False, "remove_timezone": True}
    with xlsxwriter.Workbook(buffer, options) as book:
        sheets = _Sheets(book)
        sheets.figures(report)
        sheets.exhibit("By integration", report.breakdown)
        for exhibit in report.exhibits:
            sheets.exhibit(exhibit.title, exhibit)
        sheets.pairs(
            "Findings",
            [(f"{one.severity}: {one.title}", one.summary) for one in report.findings] or [("None", "nothing unusual")],
        )
        if report.raw is not None:
            sheets.exhibit("Raw data", report.raw)
        sheets.pairs("Provenance", [*drawn.provenance(report), *report.provenance.hashes.items()])
    return buffer.getvalue()


class _Sheets:
    """The sheets of a workbook."""

    def __init__(self, book: xlsxwriter.Workbook) -> None:
        self._book = book
        self._bold = book.add_format({"bold": True, "bottom": 1})
        self._time = book.add_format({"num_format": "yyyy-mm-dd hh:mm"})
        self._day = book.add_format({"num_format": "yyyy-mm-dd"})
        self._units = {unit: book.add_format({"num_format": shape}) for unit, shape in _FORMATS.items()}
        self._names: set[str] = set()

    def figures(self, report: Report) -> None:
        """Add the key figures, each cell in its own unit."""
        sheet = self._sheet("Key figures")
        records = figure_records(report)
        sheet.write_row(0, 0, list(records[0]), self._bold)
        for line, (figure, record) in enumerate(zip(report.figures, records, strict=True), start=1):
            for place, (name, cell) in enumerate(record.items()):
                unit = figure.unit if name in {"value", "low", "high", "before"} else None
                self._write(sheet, line, place, cell, unit)
        sheet.set_column(0, 1, 28)
        sheet.set_column(2, len(records[0]), 14)
        sheet.freeze_panes(1, 2)

    def exhibit(self, name: str, exhibit: Exhibit) -> None:
        """Add a table."""
        sheet = self._sheet(name)
        titles = {column.name: column.title for column in exhibit.columns}
        units = {column.name: column.unit for column in exhibit.columns}
        names = list(exhibit.rows[0]) if exhibit.rows else []
        if not names:
            sheet.write_string(0, 0, exhibit.no_data)
            return
        sheet.write_row(0, 0, [titles.get(one, one) for one in names], self._bold)
        for line, row in enumerate(exhibit.rows, start=1):
            for place, one in enumerate(names):
                self._write(sheet, line, place, row[one], units.get(one))
        sheet.set_column(0, len(names), 18)
        sheet.freeze_panes(1, 0)
        sheet.autofilter(0, 0, len(exhibit.rows), len(names) - 1)

    def pairs(self, name: str, pairs: Sequence[tuple[str, str]]) -> None:
        """Add a table of two text columns."""
        sheet = self._sheet(name)
        for line, (what, text) in enumerate(pairs):
            sheet.write_string(line, 0, what)
            sheet.write_string(line, 1, text)
        sheet.set_column(0, 1, 60)

    def _write(self, sheet: Any, line: int, place: int, cell: Any, unit: Unit | None) -> None:
        if cell is None:
            sheet.write_blank(line, place, None)
        elif isinstance(cell, bool):
            sheet.write_boolean(line, place, cell)
        elif isinstance(cell, int | float | Decimal):
            sheet.write_number(line, place, float(cell), self._units[unit] if unit is not None else None)
        elif isinstance(cell, datetime):
            sheet.write_datetime(line, place, cell, self._time)
        elif isinstance(cell, date):
            sheet.write_datetime(line, place, cell, self._day)
        else:
            sheet.write_string(line, place, str(_plain(cell)))

    def _sheet(self, name: str) -> Any:
        return self._book.add_worksheet(next(one for one in _names(name) if self._take(one)))

    def _take(self, name: str) -> bool:
        fresh = name.lower() not in self._names
        self._names.add(name.lower())
        return fresh


def _names(title: str) -> Iterator[str]:
    """Yield names that Excel takes for a sheet, the plain one first."""
    plain = "".join(letter for letter in title if letter not in "[]:*?/\\'").strip()
    yield plain[:_LONGEST_NAME]
    for number in range(2, 100):
        yield f"{plain[: _LONGEST_NAME - 3]} {number}"


def _plain(cell: Any) -> Any:
    if isinstance(cell, Decimal):
        return float(cell)
    if isinstance(cell, UUID):
        return str(cell)
    if isinstance(cell, datetime):
        return cell.astimezone(UTC).isoformat()
    if isinstance(cell, date):
        return cell.isoformat()
    if isinstance(cell, list | tuple):
        return ", ".join(str(one) for one in cell)
    return cell
