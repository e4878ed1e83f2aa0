"""What LibreOffice makes of our workbooks and CSV files: the same cells, of the same types."""

from __future__ import annotations

import shutil
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import openpyxl
import pyarrow as pa
import pytest

from kpis.scope import ALL_TENANTS, Scope
from reports.export_request import CsvStyle, ExportFormat, ExportRequest
from reports.export_writers import WRITERS
from reports.render import render
from reports.request import ReportFormat
from tests.unit.reports.sample import NOW, report

OFFICE: Final = shutil.which("soffice")
pytestmark = pytest.mark.skipif(OFFICE is None, reason="LibreOffice is not here (Debian: apt install libreoffice-calc)")

AT: Final = datetime(2026, 11, 1, 7, 30, 15, tzinfo=UTC)
FORMULA: Final = "\uff1d1+1"
BATCH: Final = pa.RecordBatch.from_pydict(
    {
        "created_at": pa.array([AT], pa.timestamp("ms", "UTC")),
        "query_type": [FORMULA],
        "response_time_ms": [1250],
        "sync_success_rate": [0.975],
        "customer_segment": ["Straße; 中文 \U0001f600"],
    }
)
SCOPE: Final = Scope(datetime(2026, 11, 1, tzinfo=UTC), datetime(2026, 11, 2, tzinfo=UTC), ALL_TENANTS)


def export(path: Path, format_: ExportFormat, style: CsvStyle) -> Path:
    request = ExportRequest("queries", SCOPE, format_, csv=style)
    with path.open("wb") as target:
        writer = WRITERS[format_](target, BATCH.schema, request)
        writer.write(BATCH)
        writer.close()
    return path


def opened(folder: Path, *files: Path, filter_: str = "") -> list[openpyxl.Workbook]:
    """Return workbooks as LibreOffice saves them after opening the files."""
    assert OFFICE is not None
    home = f"-env:UserInstallation=file://{folder}/profile"
    wanted = [f"--infilter={filter_}"] if filter_ else []
    out = folder / f"saved{len(list(folder.iterdir()))}"
    command = [OFFICE, home, "--headless", *wanted, "--convert-to", "xlsx", "--outdir", str(out), *map(str, files)]
    subprocess.run(command, check=True, capture_output=True, timeout=120)
    return [openpyxl.load_workbook(out / f"{file.stem}.xlsx") for file in files]


@pytest.mark.long
def test_workbooks_and_csv_files_open_with_the_cells_and_types_that_they_were_given(tmp_path: Path) -> None:
    workbook = export(tmp_path / "export.xlsx", ExportFormat.XLSX, CsvStyle())
    paper = tmp_path / "report.xlsx"
    paper.write_bytes(render(report(ReportFormat.XLSX, raw=True)))
    saved, made = opened(tmp_path, workbook, paper)
    assert values(saved) == [AT.replace(tzinfo=None), FORMULA, 1250, 0.975, "Straße; 中文 \U0001f600"]
    sheet = saved.worksheets[0]
    assert sheet["A2"].is_date
    assert sheet.column_dimensions["A"].width >= 19
    assert [one.title for one in made.worksheets] == openpyxl.load_workbook(paper).sheetnames
    assert made["How many"]["A2"].value == NOW.replace(tzinfo=None)

    # UTF-8; German: decimal commas; quoted fields are looked at like others.
    german = export(tmp_path / "excel.csv", ExportFormat.CSV, CsvStyle(excel=True, separator=";", decimal=","))
    (read,) = opened(tmp_path, german, filter_="CSV:59,34,76,1,,1031,false,true")
    assert values(read) == [AT.replace(tzinfo=None), "'" + FORMULA, 1250, 0.975, "Straße; 中文 \U0001f600"]


def values(book: openpyxl.Workbook) -> list[Any]:
    return [cell.value for cell in book.worksheets[0][2]]
