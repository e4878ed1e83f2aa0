"""Every number of a report is the number of ``romashka kpi get``: in pages, in a browser, in Excel, and in data."""

from __future__ import annotations

import csv
import io
import json
import re
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import openpyxl
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from cli import settings as cli_settings
from cli.main import app as romashka
from kpis.display import cell, shown
from kpis.kpi import Unit
from kpis.registry import ALL, get
from reports.compose import compose
from reports.render import render
from reports.render.tables import HEADINGS
from reports.report import Exhibit, Report
from reports.report_definitions import CONTENTS
from reports.request import ReportFormat, ReportRequest, ReportType
from storage.connection import connect
from streams.kafka import KafkaAddress
from tests.simulated_week import Week
from tests.worker_process import environment

pytestmark = pytest.mark.stack

SPAN: Final = timedelta(days=3)
_TENANTS_CURRENCY: Final = "EUR"
DIFFERENCES: Final = {Unit.RATIO, Unit.STARS, Unit.SCORE, Unit.MONEY_RATIO}
DIMENSIONS: Final = ("provider", "query_type", "channel", "country", "segment")
STEPS: Final = {timedelta(minutes=1): "minute", timedelta(hours=1): "hour", timedelta(days=1): "day"}

Row = dict[str, Any]


class Commands:
    """The command line, on the week's database."""

    def __init__(self, week: Week) -> None:
        self.week = week

    def run(self, *arguments: str) -> str:
        """Return what a command printed."""
        done = CliRunner().invoke(romashka, arguments, env={"COLUMNS": "200"})
        assert done.exit_code == 0, f"{arguments}: {done.output} {done.exception}"
        return done.stdout

    def get(self, ids: Sequence[str], start: datetime, end: datetime, *more: str) -> list[Row]:
        """Return what ``romashka kpi get`` says of the tenant's range, with numbers as numbers."""
        range_ = ("--tenant", str(self.week.tenant), "--from", start.isoformat(), "--to", end.isoformat())
        rows = json.loads(self.run("kpi", "get", *ids, *range_, *more, "--format", "json"))
        for row in rows:
            row |= {name: number(row[name]) for name in ("value", "n", "low", "high")}
        return list(rows)


@pytest.fixture(scope="module")
def commands(week: Week) -> Iterator[Commands]:
    with pytest.MonkeyPatch.context() as patch:
        for name, value in environment(KafkaAddress("127.0.0.1:9"), week.address, "none").items():
            if name.startswith("ROMASHKA_"):
                patch.setenv(name, value)
        cli_settings.settings.cache_clear()
        yield Commands(week)
    cli_settings.settings.cache_clear()


@pytest.fixture(scope="module")
def reports(week: Week) -> dict[ReportType, Report]:
    """A report of each type about the last three days of the week, with everything that it can have."""
    made = {}
    with connect(week.address) as client:
        for type_ in ReportType:
            request = ReportRequest(
                f"All about {type_}", type_, ReportFormat.JSON, week.tenant, week.end - SPAN, week.end
            )
            full = replace(request, parts=replace(request.parts, detailed_metrics=True, raw_data=True))
            made[type_] = compose(client, full, datetime.now(UTC))
    return made


@pytest.fixture(scope="module")
def known(commands: Commands) -> dict[ReportType, list[Row]]:
    """The figures of each type as the command line has them, and how they changed, computed here once more."""
    return {type_: expected(commands, type_) for type_ in ReportType}


def number(cell: Any) -> float | None:
    return None if cell is None else float(cell)


def expected(commands: Commands, type_: ReportType) -> list[Row]:
    ids, end = CONTENTS[type_].figures, commands.week.end
    now, before = (commands.get(ids, start, start + SPAN) for start in (end - SPAN, end - 2 * SPAN))
    return [{**one, "before": two["value"], "change": change(one, two)} for one, two in zip(now, before, strict=True)]


def change(now: Row, before: Row) -> float | None:
    if now["value"] is None or before["value"] is None or (before["n"] or 0) < 0.1 * (now["n"] or 0):
        return None
    if Unit(now["unit"]) in DIFFERENCES:
        return float(now["value"] - before["value"])
    return float((now["value"] - before["value"]) / abs(before["value"])) if before["value"] else None


def moved(row: Row) -> str:
    """Return a change as a reader expects it: points of a share, a difference of stars, else per cent."""
    unit, by = Unit(row["unit"]), row["change"]
    if by is None:
        return "-"
    ending = " points" if unit in {Unit.RATIO, Unit.MONEY_RATIO} else "" if unit in DIFFERENCES else " %"
    number_ = f"{by * 100:+.1f}" if ending else f"{by:+.2f}"
    return (number_ if float(number_) else number_[1:]) + ending


@pytest.mark.parametrize("type_", ReportType)
def test_every_figure_of_a_report_and_its_change_are_those_of_kpi_get(
    known: dict[ReportType, list[Row]], reports: dict[ReportType, Report], type_: ReportType
) -> None:
    document = json.loads(render(reports[type_]))
    compared = ("id", "value", "n", "low", "high", "before", "change", "version")
    found = [{name: figure[name] for name in compared} for figure in document["figures"]]
    assert found == [{name: row[name] for name in compared} for row in known[type_]]
    assert [one["value"] is not None for one in found].count(True) > len(found) / 2, "there is something to compare"
    assert any(one["change"] for one in found)


@pytest.mark.parametrize("type_", ReportType)
def test_every_exhibit_of_figures_has_the_rows_of_kpi_get(
    commands: Commands, reports: dict[ReportType, Report], type_: ReportType
) -> None:
    report = reports[type_]
    checked = 0
    for exhibit in (report.breakdown, *report.exhibits):
        ids = [name for name in (exhibit.rows[0] if exhibit.rows else ()) if name in ALL]
        if not ids or set(exhibit.rows[0]) - {"time", *DIMENSIONS, *ids}:
            continue
        keys = [name for name in exhibit.rows[0] if name in DIMENSIONS]
        more = [argument for key in keys for argument in ("--by", key)] + step(exhibit)
        keys += ["time"] if "time" in exhibit.rows[0] else []
        rows = commands.get(ids, report.request.start, report.request.end, *more)
        known = {(row["id"], *(text(row[key]) for key in keys)): row["value"] for row in rows}
        for row in exhibit.rows:
            for id_ in ids:
                assert number(row[id_]) == known[id_, *(text(row[key]) for key in keys)], (exhibit.title, row)
                checked += 1
    assert checked > 10


def step(exhibit: Exhibit) -> list[str]:
    """Return the option for the steps of a series."""
    times = sorted({row["time"] for row in exhibit.rows if "time" in row})
    gaps = [later - earlier for earlier, later in pairwise(times)]
    return ["--every", STEPS[min(gaps)]] if gaps else []


def text(value: Any) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)


@pytest.mark.skipif(shutil.which("pdftotext") is None, reason="pdftotext (poppler) reads the pages")
@pytest.mark.parametrize("type_", ReportType)
def test_the_pages_of_a_pdf_show_the_figures_of_kpi_get(
    known: dict[ReportType, list[Row]], reports: dict[ReportType, Report], type_: ReportType, tmp_path: Path
) -> None:
    report = reports[type_]
    file = tmp_path / "report.pdf"
    file.write_bytes(render(of_format(report, ReportFormat.PDF)))
    read = subprocess.run(["pdftotext", "-raw", file, "-"], capture_output=True, text=True, check=True).stdout
    pages = re.sub(r"\s", "", read)
    for row in known[type_]:
        assert re.sub(r"\s", "", "".join(line(row))) in pages, row["id"]
    for words in cells(report.breakdown):
        assert re.sub(r"\s", "", "".join(words)) in pages, words


@pytest.mark.parametrize("type_", ReportType)
def test_a_page_for_browsers_shows_the_figures_of_kpi_get(
    known: dict[ReportType, list[Row]], reports: dict[ReportType, Report], type_: ReportType
) -> None:
    report = reports[type_]
    tables = Tables()
    tables.feed(render(of_format(report, ReportFormat.HTML)).decode())
    figures = ["".join(row) for row in tables.found[0][1:]]
    assert figures == ["".join(line(row)) for row in known[type_]]
    assert tables.found[1][1:] == cells(report.breakdown)


def line(row: Row) -> tuple[str, ...]:
    """Return the texts of a figure's line: title and notes, value and bounds, before, change."""
    kpi = get(row["id"])
    low, high, value, before = (
        shown(kpi.unit, row[name], _TENANTS_CURRENCY) for name in ("low", "high", "value", "before")
    )
    bounds = "" if row["low"] is None else f"{low} to {high}"
    return (kpi.title, row["note"], value, bounds, before, moved(row))


def cells(exhibit: Exhibit) -> list[list[str]]:
    units = {column.name: column.unit for column in exhibit.columns}
    return [[cell(value, units[name]) for name, value in row.items()] for row in exhibit.rows]


class Tables(HTMLParser):
    """The tables of a page: rows of the texts of their cells."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[list[list[str]]] = []
        self._in_cell = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "table":
            self.found.append([])
        elif tag == "tr":
            self.found[-1].append([])
        elif tag in {"td", "th"}:
            self.found[-1][-1].append("")
            self._in_cell = True

    def handle_endtag(self, tag: str) -> None:
        self._in_cell = self._in_cell and tag not in {"td", "th"}

    def handle_data(self, data: str) -> None:
        if self._in_cell:
            self.found[-1][-1][-1] += data


@pytest.mark.parametrize("type_", ReportType)
def test_the_numbers_of_a_workbook_are_numbers_and_those_of_kpi_get(
    known: dict[ReportType, list[Row]], reports: dict[ReportType, Report], type_: ReportType
) -> None:
    report = reports[type_]
    book = openpyxl.load_workbook(io.BytesIO(render(of_format(report, ReportFormat.XLSX))))
    rows = sheet_rows(book, "Key figures")
    names = ("value", "n", "low", "high", "before", "change")
    for row, right in zip(rows, known[type_], strict=True):
        assert row[HEADINGS["id"]] == right["id"]
        for name in names:
            assert_same(row[HEADINGS[name]], right[name])
    titles = {column.name: column.title for column in report.breakdown.columns}
    for row, source in zip(sheet_rows(book, "By integration"), report.breakdown.rows, strict=True):
        for name, value in source.items():
            assert_same(row[titles[name]], value)
    kinds = {one.data_type for sheet in book.worksheets for cells_ in sheet.iter_rows() for one in cells_}
    assert "f" not in kinds, "no cell is a formula"


def assert_same(found: Any, right: Any) -> None:
    """Compare a cell of a workbook, which keeps 16 digits of a number."""
    if right is None or isinstance(right, str):
        assert found == right
    else:
        assert isinstance(found, int | float)
        assert found == pytest.approx(float(right), rel=1e-15)


def sheet_rows(book: openpyxl.Workbook, name: str) -> list[Row]:
    head, *lines = book[name].iter_rows(values_only=True)
    names = [str(name) for name in head]
    return [dict(zip(names, one, strict=True)) for one in lines]


def test_data_files_hold_the_figures_of_kpi_get(
    known: dict[ReportType, list[Row]], reports: dict[ReportType, Report]
) -> None:
    report, right = reports[ReportType.EXECUTIVE], known[ReportType.EXECUTIVE]
    names = ("value", "n", "low", "high", "before", "change")
    lines = render(of_format(report, ReportFormat.CSV)).decode()
    for row, one in zip(csv.DictReader(io.StringIO(lines)), right, strict=True):
        assert [float(row[name]) if row[name] else None for name in names] == [one[name] for name in names]
    table = pq.read_table(io.BytesIO(render(of_format(replace(report, raw=None), ReportFormat.PARQUET))))
    assert table.select(list(names)).to_pylist() == [{name: one[name] for name in names} for one in right]


def test_raw_data_are_the_first_queries_of_the_range(commands: Commands, reports: dict[ReportType, Report]) -> None:
    report = reports[ReportType.EXECUTIVE]
    raw = pq.read_table(io.BytesIO(render(of_format(report, ReportFormat.PARQUET))))
    (counted,) = commands.get(["query_count"], report.request.start, report.request.end)
    assert raw.num_rows == min(5_000, counted["value"])


def test_the_command_makes_the_same_report(
    commands: Commands, reports: dict[ReportType, Report], tmp_path: Path
) -> None:
    target = tmp_path / "monthly.json"
    end = commands.week.end.isoformat()
    arguments = ("--tenant", str(commands.week.tenant), "--range", "3d", "--to", end, "--out", str(target))
    commands.run("report", "generate", "executive", *arguments)
    made = json.loads(target.read_text())
    composed = json.loads(render(reports[ReportType.EXECUTIVE]))
    assert made["figures"] == composed["figures"]
    assert made["summary"] == composed["summary"]
    (listed,) = [
        row for row in json.loads(commands.run("report", "list", "--format", "json")) if row["id"] == made["id"]
    ]
    assert (listed["type"], listed["format"], listed["title"]) == ("executive", "json", "Executive report")


def of_format(report: Report, format_: ReportFormat) -> Report:
    return replace(report, request=replace(report.request, format=format_))
