"""Rows for programs."""

from __future__ import annotations

import csv
import io
import json
from datetime import UTC, datetime
from decimal import Decimal
from uuid import UUID

import pytest

from cli.formats import OutputFormat, format_of_file, print_rows
from models.errors import SettingsError
from reports.export_request import ExportFormat

ROW = {
    "id": UUID(int=7),
    "at": datetime(2026, 1, 2, 3, tzinfo=UTC),
    "amount": Decimal("0.10"),
    "n": 3,
    "none": None,
    "why": ("one", "two"),
}


def test_json_keeps_numbers_and_lists_and_writes_amounts_to_the_cent(capsys: pytest.CaptureFixture[str]) -> None:
    print_rows([ROW], OutputFormat.JSON)
    assert json.loads(capsys.readouterr().out) == [
        {
            "id": str(UUID(int=7)),
            "at": "2026-01-02T03:00:00+00:00",
            "amount": "0.10",
            "n": 3,
            "none": None,
            "why": ["one", "two"],
        }
    ]


def test_csv_has_a_column_for_every_field_and_no_line_is_wrapped(capsys: pytest.CaptureFixture[str]) -> None:
    print_rows([{**ROW, "text": "long " * 100}], OutputFormat.CSV)
    heading, row = csv.reader(io.StringIO(capsys.readouterr().out))
    assert heading == [*ROW, "text"]
    assert row == [str(UUID(int=7)), "2026-01-02T03:00:00+00:00", "0.10", "3", "", "one | two", "long " * 100]


def test_csv_of_nothing_still_has_a_heading(capsys: pytest.CaptureFixture[str]) -> None:
    print_rows([], OutputFormat.CSV, ("id", "value"))
    assert capsys.readouterr().out == "id,value\n"


def test_a_moment_without_an_offset_is_utc(capsys: pytest.CaptureFixture[str]) -> None:
    print_rows([{"at": datetime(2026, 1, 2)}], OutputFormat.JSON)  # noqa: DTZ001 - as ClickHouse answers
    assert json.loads(capsys.readouterr().out) == [{"at": "2026-01-02T00:00:00+00:00"}]


def test_the_format_of_an_export_follows_its_file_and_a_suffix_of_none_is_refused() -> None:
    found = [format_of_file(name, None, ExportFormat.CSV) for name in ("a.JSONL", "a.parquet", "-", "a", ".csv")]
    assert found == [ExportFormat.JSONL, ExportFormat.PARQUET, *[ExportFormat.CSV] * 3]
    with pytest.raises(SettingsError, match=r"--out ends in \.gz.*expected \.csv, \.xlsx, \.jsonl, \.parquet"):
        format_of_file("a.jsonl.gz", ExportFormat.JSONL, ExportFormat.CSV)
