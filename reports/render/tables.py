"""A report as data files: numbers stay numbers, and texts are protected against CSV injection."""

from __future__ import annotations

import csv as csv_writer
import io
import json as json_writer
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from itertools import count
from typing import Any, Final
from uuid import UUID
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo
from zoneinfo import ZoneInfo

import pyarrow as pa
import pyarrow.parquet as pq
import xlsxwriter

from kpis.currency import prefix
from kpis.kpi import Unit
from kpis.text import printable
from reports.csv_injection import neutral
from reports.render import common
from reports.report import Exhibit, Figure, Report
from reports.series import side_by_side
from reports.sheets import (
    DAY,
    FORMATS,
    NUMBER_LAYOUT,
    TEXT_LAYOUT,
    TIME,
    TIME_LAYOUT,
    TRUTH_LAYOUT,
    height,
    lay_out,
    money_format,
    names,
    room,
)

HEADINGS: Final = {
    "id": "ID",
    "title": "Figure",
    "value": "Value",
    "unit": "Unit",
    "currency": "Currency",
    "n": "Number (n)",
    "low": "Low (95 %)",
    "high": "High (95 %)",
    "before": "Period before",
    "change": "Change",
    "state": "State",
    "version": "Version",
    "notes": "Notes",
}
"""Headings of the sheet of key figures, by field name."""
_OTHER: Final = {"n": Unit.COUNT, "change": Unit.RATIO, "version": Unit.COUNT}


def figure_records(report: Report) -> list[dict[str, Any]]:
    """Return the key figures as records, in display order."""
    return [
        {
            "id": one.id,
            "title": one.title,
            "value": one.value,
            "unit": one.unit.value,
            "currency": one.currency,
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
    """Return the key figures as CSV (UTF-8, a heading): one table for every parser; ``zip`` has all."""
    return _csv(figure_records(report))


def zip_(report: Report) -> bytes:
    """Return an archive with a CSV file for each table of the report."""
    tables = {"key-figures": figure_records(report)}
    for exhibit in (report.breakdown, *report.exhibits, *([report.raw] if report.raw is not None else [])):
        name = "-".join(re.findall(r"[a-z0-9]+", exhibit.title.lower())) or "table"
        if exhibit.rows and exhibit.rows not in tables.values():
            tables[next(one for one in _numbered(name) if one not in tables)] = exhibit.rows
    tables["findings"] = [one._asdict() for one in report.findings]
    buffer = io.BytesIO()
    with ZipFile(buffer, "w", ZIP_DEFLATED) as archive:
        for name, rows in tables.items():
            if rows:  # with a fixed date, so that the same report gives the same file
                archive.writestr(ZipInfo(f"{name}.csv", (2000, 1, 1, 0, 0, 0)), _csv(rows), ZIP_DEFLATED)
    return buffer.getvalue()


def _numbered(name: str) -> Iterator[str]:
    yield name
    yield from (f"{name}-{number}" for number in count(2))


def _csv(rows: Sequence[Mapping[str, Any]]) -> bytes:
    text = io.StringIO(newline="")
    writer = csv_writer.writer(text, lineterminator="\r\n")
    writer.writerow(list(rows[0]))
    writer.writerows([[neutral(_plain(cell)) for cell in row.values()] for row in rows])
    return text.getvalue().encode()


def parquet(report: Report) -> bytes:
    """Return the key figures as Parquet, or the raw rows if requested."""
    records: Sequence[Mapping[str, Any]] = report.raw.rows if report.raw is not None else figure_records(report)
    table = pa.Table.from_pylist([dict(record) for record in records])
    origin = {"romashka.report": report.request.name, "romashka.made_at": report.provenance.made_at.isoformat()}
    buffer = io.BytesIO()
    pq.write_table(table.replace_schema_metadata(origin), buffer)
    return buffer.getvalue()


def xlsx(report: Report) -> bytes:
    """Return a workbook: a sheet of figures, one for each table, and one with the provenance."""
    buffer = io.BytesIO()
    options = {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False, "remove_timezone": True}
    with xlsxwriter.Workbook(buffer, options) as book:
        sheets = _Sheets(book, report.currency)
        sheets.figures(report)
        sheets.exhibit("By integration", report.breakdown)
        shown = [report.breakdown.rows]
        for exhibit in report.exhibits:
            if exhibit.rows not in shown or not exhibit.rows:  # identical rows under another title are included once
                sheets.exhibit(exhibit.title, side_by_side(exhibit))
                shown.append(exhibit.rows)
        sheets.findings(report)
        if report.raw is not None:
            sheets.exhibit("Raw data", report.raw)
        sheets.provenance(report)
    return buffer.getvalue()


class _Sheets:
    """The sheets of a workbook."""

    def __init__(self, book: xlsxwriter.Workbook, currency: str) -> None:
        self._book = book
        self._bold = book.add_format({"bold": True, "bottom": 1, "text_wrap": True, "valign": "top"})
        self._text = book.add_format(TEXT_LAYOUT)
        self._time = book.add_format({"num_format": TIME, **TIME_LAYOUT})
        self._day = book.add_format({"num_format": DAY, **TIME_LAYOUT})
        self._truth = book.add_format(TRUTH_LAYOUT)
        self._number = book.add_format(NUMBER_LAYOUT)
        forms = {**FORMATS, **({Unit.MONEY: money_format(currency)} if currency else {})}
        self._units = {unit: book.add_format({"num_format": form, **NUMBER_LAYOUT}) for unit, form in forms.items()}
        self._sign = prefix(currency) if currency else ""
        self._names: set[str] = set()

    def figures(self, report: Report) -> None:
        """Add the key figures, each cell in its own unit."""
        records = figure_records(report)
        in_unit = {"value", "low", "high", "before"}
        lines = [
            [
                (
                    cell,
                    figure.unit
                    if name in in_unit or (name == "change" and _is_difference(figure))
                    else _OTHER.get(name),
                )
                for name, cell in record.items()
            ]
            for figure, record in zip(report.figures, records, strict=True)
        ]
        self._table("Key figures", [HEADINGS[name] for name in records[0]], lines)

    def exhibit(self, name: str, exhibit: Exhibit) -> None:
        """Add a table; a table without rows has a note."""
        columns = {column.name: column for column in exhibit.columns}
        hidden = {column.name for column in exhibit.columns if column.hidden}
        shown = [one for one in (exhibit.rows[0] if exhibit.rows else ()) if one not in hidden]
        if not shown:
            self._table(name, [exhibit.no_data], [])
            return
        units = [columns[one].unit if one in columns else None for one in shown]
        lines = [[(row[one], unit) for one, unit in zip(shown, units, strict=True)] for row in exhibit.rows]
        self._table(name, [common.heading(columns.get(one), one) for one in shown], lines)

    def findings(self, report: Report) -> None:
        """Add the findings of the detectors."""
        zone = ZoneInfo(report.request.time_zone)
        lines = [
            (
                one.severity,
                one.title,
                one.summary,
                one.provider,
                one.started_at.astimezone(zone),
                one.ended_at and one.ended_at.astimezone(zone),
                "; ".join(one.actions),
            )
            for one in report.findings
        ]
        head = ["Severity", "Finding", "Summary", "Integration", "Began", "Ended", "What to do"]
        self._table("Findings", head, [[(cell, None) for cell in line] for line in lines])

    def provenance(self, report: Report) -> None:
        """Add the provenance, with numbers and times as such."""
        pairs = [*common.origin(report), *report.provenance.hashes.items()]
        lines: list[list[tuple[Any, Unit | None]]] = [[(what, None), (cell, Unit.COUNT)] for what, cell in pairs]
        self._table("Provenance", ["What", "Value"], lines)

    def _table(self, name: str, head: Sequence[str], lines: Sequence[Sequence[tuple[Any, Unit | None]]]) -> None:
        sheet = self._sheet(name)
        sheet.write_row(0, 0, [printable(one) for one in head], self._bold)
        rooms = [0] * len(head)
        for number, line in enumerate(lines, start=1):
            if (points := height(_plain(cell) for cell, _ in line)) is not None:
                sheet.set_row(number, points)
            for place, (cell, unit) in enumerate(line):
                self._write(sheet, number, place, cell, unit)
                wide = room(_plain(cell) if isinstance(cell, list | tuple) else cell)
                rooms[place] = max(rooms[place], wide + (len(self._sign) if unit is Unit.MONEY else 0))
        lay_out(sheet, head, rooms, len(lines))

    def _write(self, sheet: Any, line: int, place: int, cell: Any, unit: Unit | None) -> None:
        if cell is None:
            sheet.write_blank(line, place, None)
        elif isinstance(cell, bool):
            sheet.write_boolean(line, place, cell, self._truth)
        elif isinstance(cell, int | float | Decimal):
            sheet.write_number(line, place, float(cell), self._units[unit] if unit is not None else self._number)
        elif isinstance(cell, datetime):
            sheet.write_datetime(line, place, cell, self._time)
        elif isinstance(cell, date):
            sheet.write_datetime(line, place, cell, self._day)
        else:
            sheet.write_string(line, place, printable(str(_plain(cell))), self._text)

    def _sheet(self, name: str) -> Any:
        return self._book.add_worksheet(next(one for one in names(name) if self._take(one)))

    def _take(self, name: str) -> bool:
        fresh = name.lower() not in self._names
        self._names.add(name.lower())
        return fresh


def _is_difference(figure: Figure) -> bool:
    """Whether a figure's change is in its own unit; otherwise it is relative."""
    return figure.unit in {Unit.RATIO, Unit.STARS, Unit.SCORE, Unit.MONEY_RATIO}


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
