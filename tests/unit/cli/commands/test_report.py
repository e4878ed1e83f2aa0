"""``romashka report generate``: what it writes."""

from __future__ import annotations

import resource
from contextlib import nullcontext
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from unittest.mock import Mock
from uuid import UUID

import pytest
from typer.testing import CliRunner

from cli.commands import report
from models.errors import SettingsError


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[Path]:
    """The files of the reports that are noted; each report has the next id."""
    files: list[Path] = []
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(report, "settings", Mock())
    monkeypatch.setattr(report, "connect", lambda _: nullcontext(Mock()))
    monkeypatch.setattr(report, "compose", lambda *_: Mock(id=UUID(int=(len(files) + 1) << 120)))
    monkeypatch.setattr(report, "render", lambda composed: composed.id.bytes)

    def save(_: Any, __: Any, path: Path, **___: Any) -> None:
        files.append(path)

    monkeypatch.setattr(report, "save", save)
    return files


def test_two_reports_of_a_type_and_day_are_two_files(made: list[Path]) -> None:
    """Their rows named one file: opening the first report showed the second, maybe another tenant's."""
    for tenant in (UUID(int=5), UUID(int=6)):
        result = CliRunner().invoke(
            report.app, ["generate", "executive", "--tenant", str(tenant), "--to", "2026-11-30"]
        )
        assert result.exit_code == 0, result.output
    assert [path.name for path in made] == ["executive-2026-11-30-01000000.pdf", "executive-2026-11-30-02000000.pdf"]
    assert [path.read_bytes()[0] for path in made] == [1, 2]


@pytest.mark.parametrize("zone", ["Asia/Kathmandu", "America/New_York", "Pacific/Kiritimati", "Australia/Lord_Howe"])
def test_a_file_is_named_after_the_day_on_which_its_range_ends_there(made: list[Path], zone: str) -> None:
    """It was the day in UTC: of November in Kathmandu the file said 2026-11-30."""
    arguments = ["generate", "executive", "--to", "2026-12-01", "--time-zone", zone]
    assert CliRunner().invoke(report.app, arguments).exit_code == 0
    assert [path.name for path in made] == ["executive-2026-12-01-01000000.pdf"]


def test_a_report_that_cannot_be_written_leaves_the_one_before(
    made: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    target = Path("monthly.pdf")
    target.write_bytes(b"last month")
    monkeypatch.setattr(report, "render", lambda _: b"x" * 100_000)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, before[1]))  # half of it fits, as on a disk that gets full
    try:
        result = CliRunner().invoke(report.app, ["generate", "executive", "--out", str(target)])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert isinstance(result.exception, SettingsError)
    assert target.read_bytes() == b"last month"
    assert [path.name for path in Path().iterdir()] == ["monthly.pdf"]
    assert made == []


@pytest.mark.parametrize("name", ["monthly.docx", "monthly.pdfx", "monthly.PNG", "monthly.pdf.gz"])
@pytest.mark.parametrize("given", [[], ["--format", "pdf"]], ids=["suffix alone", "with --format"])
def test_a_suffix_of_no_format_is_refused_by_name(made: list[Path], name: str, given: list[str]) -> None:
    """``--out x.docx`` wrote a PDF into it and said nothing."""
    result = CliRunner().invoke(report.app, ["generate", "executive", "--out", name, *given])
    assert isinstance(result.exception, SettingsError)
    assert str(result.exception).startswith("--out ends in .")
    assert ".pdf, .html, .xlsx, .csv, .zip, .json, .parquet" in str(result.exception)
    assert made == []
    assert list(Path.cwd().iterdir()) == []


def test_a_suffix_in_capitals_is_that_format_and_one_of_another_format_is_refused(made: list[Path]) -> None:
    assert CliRunner().invoke(report.app, ["generate", "executive", "--out", "A.XLSX"]).exit_code == 0
    result = CliRunner().invoke(report.app, ["generate", "executive", "--out", "a.xlsx", "--format", "csv"])
    assert "the format is csv; make them the same" in str(result.exception)
    assert [path.name for path in made] == ["A.XLSX"]


def test_the_list_shows_where_periods_of_other_time_zones_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """A week of Kathmandu from Monday to Sunday was "2026-11-22 to 2026-11-29" in it, without a word on the zone."""
    row = {"id": UUID(int=1 << 120), "title": "Weekly", "type": "executive", "format": "pdf", "file_size_bytes": 1_024}
    made_at = datetime(2026, 11, 30, 1, 2, tzinfo=UTC)
    week = (datetime(2026, 11, 22, 18, 15, tzinfo=UTC), datetime(2026, 11, 29, 18, 15, tzinfo=UTC))
    month = (datetime(2026, 11, 1, tzinfo=UTC), datetime(2026, 12, 1, tzinfo=UTC))
    rows = [
        {**row, "data_period_start": start, "data_period_end": end, "created_at": made_at}
        for start, end in (week, month)
    ]
    monkeypatch.setattr(report, "settings", Mock())
    monkeypatch.setattr(report, "connect", lambda _: nullcontext(Mock()))
    monkeypatch.setattr(report, "made", lambda *_: (rows, None))
    result = CliRunner().invoke(report.app, ["list"], env={"COLUMNS": "200"})
    assert "period (UTC)" in result.output, result.output
    assert "2026-11-22 18:15 to 2026-11-29 18:15" in result.output
    assert "2026-11-01 to 2026-12-01" in result.output
