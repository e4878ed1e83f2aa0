from __future__ import annotations

import csv
import io
import json
import re
from dataclasses import replace
from datetime import date, datetime
from decimal import Decimal
from zipfile import ZipFile

import openpyxl
import pyarrow.parquet as pq
import pytest

from dashboards.panel import Column
from kpis.kpi import Unit
from reports.csv_injection import neutral
from reports.render import common, render
from reports.report import Exhibit
from reports.request import ReportFormat
from reports.sheets import names
from tests.unit.reports.sample import FORMULA, NOW, figure, finding, report


def test_a_pdf_is_a_pdf_and_the_same_report_is_the_same_file() -> None:
    first = render(report())
    assert first.startswith(b"%PDF-")
    assert first == render(report())


def test_html_shows_texts_as_texts_and_fetches_nothing() -> None:
    page = render(report(ReportFormat.HTML)).decode()
    assert "Monthly &lt;b&gt;report&lt;/b&gt;" in page
    assert "<b>report" not in page
    assert "<svg" in page
    references = page.replace("http://www.w3.org/2000/svg", "").replace("http://www.w3.org/1999/xlink", "")
    assert "http://" not in references
    assert "https://" not in references
    assert "4.10" in page
    assert "2.1%" in page


def test_numbers_of_a_workbook_are_numbers_and_no_cell_is_a_formula() -> None:
    book = openpyxl.load_workbook(io.BytesIO(render(report(ReportFormat.XLSX, raw=True))))
    assert book.sheetnames == [
        "Key figures",
        "By integration",
        "How many",
        "Findings",
        "Raw data",
        "Provenance",
    ]
    sheet = book["Key figures"]
    header = [cell.value for cell in sheet[1]]
    row = dict(zip(header, [cell.value for cell in sheet[2]], strict=True))
    assert row["Value"] == 4.1
    assert sheet.cell(3, header.index("Value") + 1).number_format == "0.0%"
    assert book["How many"]["A2"].value == NOW.replace(tzinfo=None)
    kinds = {cell.data_type for one in book.worksheets for line in one.iter_rows() for cell in line}
    assert "f" not in kinds
    assert book["By integration"]["A3"].value == FORMULA


def test_csv_neutralises_formulas_and_reads_back() -> None:
    text = render(report(ReportFormat.CSV)).decode()
    rows = list(csv.reader(io.StringIO(text)))
    assert rows[0][:3] == ["id", "title", "value"]
    assert rows[1][:3] == ["csat", "Csat", "4.1"]
    assert len({len(row) for row in rows}) == 1, "one table"


def test_a_zip_has_a_csv_of_one_table_for_each_and_neutralises_formulas() -> None:
    with ZipFile(io.BytesIO(render(report(ReportFormat.ZIP, raw=True)))) as archive:
        tables = {name: list(csv.reader(io.TextIOWrapper(archive.open(name)))) for name in archive.namelist()}
    assert [*tables] == ["key-figures.csv", "by-integration.csv", "how-many.csv", "findings.csv"]
    assert all(len({len(row) for row in rows}) == 1 for rows in tables.values())
    assert ["'" + FORMULA, "7"] in tables["by-integration.csv"]
    assert render(report(ReportFormat.ZIP)) == render(report(ReportFormat.ZIP))


def test_every_sheet_has_a_heading_that_stays_a_filter_and_fits_a_page() -> None:
    book = openpyxl.load_workbook(io.BytesIO(render(report(ReportFormat.XLSX, raw=True))))
    for sheet in book.worksheets:
        assert sheet.freeze_panes == "A2"
        assert sheet.auto_filter.ref
        assert (sheet.page_setup.orientation, sheet.page_setup.fitToHeight) == ("landscape", 0)
        assert sheet.sheet_properties.pageSetUpPr is not None
        assert sheet.sheet_properties.pageSetUpPr.fitToPage
        assert sheet.print_title_rows == "$1:$1"
        assert all(cell.font.bold for cell in sheet[1])
    assert [cell.value for cell in book["Findings"][1]][:2] == ["Severity", "Finding"]
    made = {row[0].value: row[1].value for row in book["Provenance"].iter_rows(min_row=2)}
    assert made["Made"] == NOW.replace(tzinfo=None)
    assert made["Hours that late events changed a day after they ended"] == 2


@pytest.mark.parametrize(
    "title",
    [
        "Which integrations answer too late, and how much?",
        "Incidents of the last days by kind",
        "History",
        "'",
        "a" * 50,
        "😀" * 30,
    ],
)
def test_sheets_are_named_in_whole_words_and_apart(title: str) -> None:
    tables = tuple(Exhibit(title, "", (), [{"n": n}], None, "Nothing") for n in range(12))
    names = openpyxl.load_workbook(io.BytesIO(render(replace(report(ReportFormat.XLSX), exhibits=tables)))).sheetnames[
        2:-2
    ]
    assert len(set(names)) == 12
    assert all(len(name.encode("utf-16-le")) <= 62 for name in names)
    if " " in title:
        assert set(re.findall(r"[A-Za-z]+", names[0])) <= set(re.findall(r"[A-Za-z]+", title))


def test_a_name_that_is_cut_does_not_end_in_a_joining_word() -> None:
    assert next(names("Conversion rate with and without data")) == "Conversion rate"
    assert next(names("Response time p95 by integration and day")) == "Response time p95"
    assert next(names("CSAT with and without data")) == "CSAT with and without data"
    assert next(names("by and by and by and by and by and by")) == "by"


def test_rows_are_as_high_as_their_longest_text_takes_lines() -> None:
    long = "Look at the status page of Shopify; if nothing is reported there, open a ticket with their support."
    found = finding()._replace(actions=(long,))
    book = openpyxl.load_workbook(io.BytesIO(render(replace(report(ReportFormat.XLSX), findings=(finding(), found)))))
    sheet = book["Findings"]
    assert sheet.row_dimensions[2].height is None
    assert sheet.row_dimensions[3].height == 45
    assert sheet["G3"].alignment.wrap_text
    assert sheet.column_dimensions["G"].width < 46


def test_headings_begin_with_a_capital_letter_and_are_words() -> None:
    table = Exhibit("Any", "", (), [{"time": NOW, "provider": "hubspot", "mean_time": 1.5}], None, "Nothing")
    book = openpyxl.load_workbook(io.BytesIO(render(replace(report(ReportFormat.XLSX), exhibits=(table,)))))
    assert [cell.value for cell in book["Any"][1]] == ["Time", "Integration", "Mean time"]


def test_json_holds_everything_with_where_it_comes_from() -> None:
    document = json.loads(render(report(ReportFormat.JSON)))
    assert document["figures"][0] | {"value": 4.1, "version": 1} == document["figures"][0]
    assert document["provenance"]["dead_letters"] == 3
    assert document["provenance"]["hashes"] == {"csat": "0123456789ab"}
    assert document["raw_data"] is None


@pytest.mark.parametrize(("minutes", "said"), [(0, "to the last minute"), (7, "but for the last 7 minutes")])
def test_a_report_says_how_far_conversations_are_counted(minutes: int, said: str) -> None:
    made = report(ReportFormat.HTML)
    made = replace(made, provenance=made.provenance._replace(uncounted_minutes=minutes))
    assert ("Conversations counted", said) in common.provenance(made)
    assert said in render(made).decode()


def test_parquet_holds_the_figures_or_the_raw_rows() -> None:
    figures = pq.read_table(io.BytesIO(render(report(ReportFormat.PARQUET))))
    assert figures.column("value").to_pylist() == [4.1, 0.021]
    raw = pq.read_table(io.BytesIO(render(report(ReportFormat.PARQUET, raw=True))))
    assert raw.num_rows == 2


def test_days_and_amounts_of_a_table_are_what_they_are_in_every_format() -> None:
    rows = [{"period_start": date(2026, 11, 16), "saved": Decimal("12.50")}]
    table = Exhibit("Savings", "", (), rows, None, "Nothing")

    def made(format_: ReportFormat) -> bytes:
        return render(replace(report(format_), exhibits=(table,)))

    assert json.loads(made(ReportFormat.JSON))["exhibits"][0]["rows"] == [{"period_start": "2026-11-16", "saved": 12.5}]
    sheet = openpyxl.load_workbook(io.BytesIO(made(ReportFormat.XLSX)))["Savings"]
    assert [cell.value for cell in sheet[2]] == [datetime(2026, 11, 16), 12.5]  # noqa: DTZ001 - Excel knows no zones
    assert "<td>2026-11-16</td><td class=r>12.50</td>" in made(ReportFormat.HTML).decode()


@pytest.mark.parametrize(
    ("code", "form", "text"),
    [
        ("", "#,##0.00##", "1,234.57"),
        ("EUR", '"€"#,##0.00', "€1,234.57"),
        ("JPY", '"¥"#,##0', "¥1,235"),
        ("KWD", '"KWD "#,##0.000', "KWD 1,234.568"),
        ("CLF", '"CLF "#,##0.0000', "CLF 1,234.5678"),
    ],
)
def test_amounts_have_their_currency_and_its_digits_in_every_format(code: str, form: str, text: str) -> None:
    table = Exhibit("Value", "", (Column("value", "Value", Unit.MONEY),), [{"value": 1234.5678}], None, "Nothing")
    one = figure("gross_savings", unit=Unit.MONEY, value=1234.5678)._replace(currency=code)

    def made(format_: ReportFormat) -> bytes:
        return render(replace(report(format_, figures=(one,)), exhibits=(table,), currency=code))

    book = openpyxl.load_workbook(io.BytesIO(made(ReportFormat.XLSX)))
    assert {(book["Value"]["A2"].value, book["Value"]["A2"].number_format)} == {(1234.5678, form)}
    headings = [cell.value for cell in book["Key figures"][1]]
    assert book["Key figures"][2][headings.index("Value")].number_format == form
    assert book["Key figures"][2][headings.index("Currency")].value == code
    page = made(ReportFormat.HTML).decode()
    assert page.count(f">{text}<") == 2, "the figure, and the table's cell"
    assert next(csv.DictReader(io.StringIO(made(ReportFormat.CSV).decode())))["currency"] == code
    assert json.loads(made(ReportFormat.JSON))["figures"][0]["currency"] == code


def test_a_chart_of_amounts_names_their_currency() -> None:
    chart = {"data": {"values": [{"a": 1}]}, "mark": "bar", "encoding": {"x": {"field": "a", "type": "quantitative"}}}
    exhibit = Exhibit("Value by day", "", (Column("value", "Value", Unit.MONEY),), [{"a": 1}], chart, "Nothing")
    assert common.title_of(exhibit, "KWD") == "Value by day, in KWD"
    assert common.title_of(exhibit, "") == "Value by day"
    assert common.title_of(exhibit._replace(chart=None), "KWD") == "Value by day", "its cells name it"
    assert common.title_of(exhibit._replace(columns=()), "KWD") == "Value by day"
    page = render(replace(report(ReportFormat.HTML), exhibits=(exhibit,), currency="KWD")).decode()
    assert "<h2>Value by day, in KWD</h2>" in page


def test_a_column_is_as_wide_as_its_longest_word_and_a_long_text_wraps() -> None:
    rows = [{"metric": "customer_retention", "why": "a text of many words that goes on and on", "n": 1}]
    assert common.table(Exhibit("Wide", "", (), rows, None, ""), "")["widths"] == [18, 30, 5]


@pytest.mark.parametrize(
    "text",
    [
        "=1+1",
        "+1",
        "-1",
        "@SUM(A1)",
        "\t=1",
        "\r=1",
        "\n=1",
        "\uff1d1",
        "\uff0b1",
        "\uff0d1",
        "\uff20A",
        " =1",
        "\u3000\u200b\uff1d1",
        "\xa0+1",
    ],
)
def test_what_a_spreadsheet_would_compute_is_made_a_text(text: str) -> None:
    assert neutral(text) == "'" + text


@pytest.mark.parametrize("cell", ["plain", "", "1=1", -1, -1.5, None])
def test_everything_else_stays_as_it_is(cell: object) -> None:
    assert neutral(cell) == cell
