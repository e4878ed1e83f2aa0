from __future__ import annotations

import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from cli.series_csv import CsvRows
from cli.series_times import TimeFormat
from models.errors import SettingsError
from tests.unit.cli.commands.test_backtest import complaint, run, scored

START = datetime(2026, 1, 5, tzinfo=UTC)
ROWS, SPIKE = 400, 300


def values() -> list[float]:
    rng = random.Random(4)
    return [50.0 if n == SPIKE else round(rng.gauss(10, 1), 3) for n in range(ROWS)]


def write(
    path: Path,
    time: Callable[[datetime], object],
    *,
    value: Callable[[float], str] = str,
    separator: str = ",",
    before: str = "",
    encoding: str = "utf-8",
    step: timedelta = timedelta(days=1),
) -> Path:
    rows = [f"{time(START + n * step)}{separator}{value(one)}" for n, one in enumerate(values())]
    path.write_text("\n".join([f"{before}time{separator}v", *rows]) + "\n", encoding=encoding)
    return path


def comma(value: float) -> str:
    return str(value).replace(".", ",")


def serial(moment: datetime) -> float:
    return (moment - datetime(1899, 12, 30, tzinfo=UTC)) / timedelta(days=1)


@pytest.mark.parametrize(
    ("time", "options"),
    [
        (lambda moment: f"{moment:%Y%m%d}", ()),
        (serial, ("--time-format", "excel")),
        (lambda moment: f"{moment:%d/%m/%Y}", ("--day-first",)),
        (lambda moment: f"{moment:%m/%d/%Y}", ("--time-format", "%m/%d/%Y")),
        (lambda moment: int(moment.timestamp() * 1000), ()),
        (lambda moment: (moment - START) // timedelta(seconds=1), ()),
    ],
)
def test_a_spike_is_found_at_its_day_however_days_are_written(
    tmp_path: Path, time: Callable[[datetime], object], options: tuple[str, ...]
) -> None:
    result = run(write(tmp_path / "s.csv", time), "--value", "v", *options, "--out", tmp_path / "o.csv")
    assert result.exit_code == 0, result.output
    assert "over 399.0 days" in result.output
    assert next(n for n, row in enumerate(scored(tmp_path / "o.csv")) if row["is_anomaly"] == "1") == SPIKE


@pytest.mark.parametrize(
    ("time", "said"),
    [
        (lambda moment: moment.year, "--time-format s"),
        (serial, "excel (serial days)"),
        (lambda moment: f"{moment:%d/%m/%Y}", "add --day-first"),
        (lambda moment: f"{moment:%Y%m%d%H}", "--time-format %Y%m%d%H"),
    ],
)
def test_times_that_may_be_several_are_refused_by_line_and_column(
    tmp_path: Path, time: Callable[[datetime], object], said: str
) -> None:
    message = complaint(write(tmp_path / "s.csv", time), "--value", "v", "--out", tmp_path / "o.csv")
    assert "line 2, column 'time' is '" in message
    assert said in message
    assert not (tmp_path / "o.csv").exists()


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-8-sig", "cp1252"])
def test_what_a_spreadsheet_saves_is_read_when_told(tmp_path: Path, encoding: str) -> None:
    file = write(
        tmp_path / "s.csv",
        lambda moment: f"{moment:%d.%m.%Y %H:%M}",
        value=comma,
        separator=";",
        before="sep=;\n",
        encoding=encoding,
    )
    result = run(file, "--value", "v", "--day-first", "--decimal", ",", "--encoding", encoding, "--out", tmp_path / "o")
    assert result.exit_code == 0, result.output
    assert next(n for n, row in enumerate(scored(tmp_path / "o")) if row["is_anomaly"] == "1") == SPIKE


def test_what_is_not_told_is_refused_with_the_option_that_tells_it(tmp_path: Path) -> None:
    iso = datetime.isoformat
    commas = write(tmp_path / "commas.csv", iso, value=comma, separator=";", before="sep=;\n")
    assert "line 3, column 'v' is '10,041'" in complaint(commas, "--value", "v")
    assert "--decimal , reads decimal commas" in complaint(commas, "--value", "v")
    wide = write(tmp_path / "wide.csv", iso, encoding="utf-16")
    assert "is not text in UTF-8; expected a CSV file (--encoding says another" in complaint(wide, "--value", "v")
    bare = write(tmp_path / "bare.csv", iso, encoding="utf-16-le")
    assert "--encoding says another" in complaint(bare, "--value", "v")
    narrow = write(tmp_path / "narrow.csv", iso, encoding="utf-8")
    assert "is not text in utf-16" in complaint(narrow, "--value", "v", "--encoding", "utf-16")
    assert "--encoding is 'base64'" in complaint(narrow, "--value", "v", "--encoding", "base64")
    assert "--encoding is 'klingon'" in complaint(narrow, "--value", "v", "--encoding", "klingon")


def test_a_decimal_comma_that_cuts_a_number_in_two_is_no_smaller_number(tmp_path: Path) -> None:
    file = write(tmp_path / "s.csv", datetime.isoformat, value=comma)
    assert "line 2 has 3 cells, the header 2" in complaint(file, "--value", "v", "--decimal", ",")


@pytest.mark.parametrize(
    ("text", "decimal", "number"),
    [
        ("1.234,5", ",", 1234.5),
        ("1.234.567", ",", 1_234_567.0),
        ("1.234", ",", 1234.0),
        ("1,234.5", ".", 1234.5),
        ("1,234", ".", 1234.0),
        ("1,234.5", "", 1234.5),
        ("-1,234,567", "", -1_234_567.0),
        ("1.234", "", 1.234),
        ("1\u202f234,5", ",", 1234.5),
        ("1\u00a0234\u00a0567", "", 1_234_567.0),
        ("1'234.5", "", 1234.5),
        ("1\u2019234", ".", 1234.0),
        ("12,5e3", ",", 12_500.0),
        ("1,234", "", None),
        ("1,5", "", None),
        ("12,34", ".", None),
        ("1,23,456", ".", None),
        ("12.34,5", ",", None),
        ("12.5", ",", None),
        ("1.234.567", "", None),
        ("1 23", "", None),
        ("1,234.567.890", ".", None),
        ("1_000", "", None),
        ("inf", "", None),
        ("12 %", "", None),
    ],
)
def test_signs_between_thousands_are_read_where_they_can_be_nothing_else(
    tmp_path: Path, text: str, decimal: str, number: float | None
) -> None:
    file = tmp_path / "s.csv"
    file.write_text(f"time;v\n2026-01-05;{text}\n", encoding="utf-8")
    with CsvRows(str(file), TimeFormat(decimal=decimal)) as rows:
        ((line, cells),) = rows
        if number is not None:
            assert rows.number(line, cells, 1) == number
            return
        with pytest.raises(SettingsError, match=r"line 2, column 'v' is .* expected a number"):
            rows.number(line, cells, 1)


def test_labels_are_read_in_the_same_format_or_recognised(tmp_path: Path) -> None:
    file = write(tmp_path / "s.csv", serial)
    for start, end in ((serial(START) + SPIKE - 1, serial(START) + SPIKE + 1), ("2026-10-31", "2026-11-02")):
        (tmp_path / "l.csv").write_text(f"start,end\n{start},{end}\n")
        printed = run(file, "--value", "v", "--time-format", "excel", "--labels", tmp_path / "l.csv").output
        assert "1 of 1" in printed
