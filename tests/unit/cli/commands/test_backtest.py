from __future__ import annotations

import csv
import io
import math
import random
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from typer.testing import CliRunner, Result

from cli.backtest_series import history
from cli.main import app
from models.errors import SettingsError
from models.minutes import MinuteCounts

START = datetime(2026, 1, 5, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, ["backtest", *map(str, arguments)], env={"COLUMNS": "200"})


def complaint(*arguments: str | Path) -> str:
    """Return what the command says when it gives up: one plain line."""
    result = run(*arguments)
    assert isinstance(result.exception, SettingsError), result.output
    message = str(result.exception)
    assert "\n" not in message
    return message


def write(path: Path, header: str, rows: Sequence[Sequence[object]]) -> Path:
    path.write_text("\n".join([header, *(",".join(map(str, row)) for row in rows)]) + "\n")
    return path


def scored(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def values(rows: int = 400, spike: int | None = 300) -> list[float]:
    rng = random.Random(4)
    return [50.0 if n == spike else round(rng.gauss(10, 1), 3) for n in range(rows)]


@pytest.fixture
def cpu(tmp_path: Path) -> Path:
    rows = [((START + n * 5 * MINUTE).isoformat(), value, "web-1") for n, value in enumerate(values())]
    return write(tmp_path / "cpu.csv", "timestamp,value,host", rows)


def test_every_row_comes_back_in_order_with_its_columns_and_a_judgement(cpu: Path, tmp_path: Path) -> None:
    result = run(cpu, "--time", "timestamp", "--value", "value", "--out", tmp_path / "scored.csv")
    assert result.exit_code == 0, result.output
    rows = scored(tmp_path / "scored.csv")
    assert list(rows[0]) == ["timestamp", "value", "host", "score", "threshold", "is_anomaly", "episode"]
    with cpu.open() as file:
        assert [{name: row[name] for name in ("timestamp", "value", "host")} for row in rows] == list(
            csv.DictReader(file)
        )
    assert next(n for n, row in enumerate(rows) if row["is_anomaly"] == "1") == 300
    assert rows[300]["episode"] == "1"
    assert rows[299]["episode"] == ""
    assert float(rows[300]["score"]) > float(rows[300]["threshold"])
    assert "spike" in result.output
    assert "1 episode" in result.output


def test_a_prefix_is_judged_as_in_the_whole(cpu: Path, tmp_path: Path) -> None:
    run(cpu, "--value", "value", "--out", tmp_path / "whole.csv")
    lines = cpu.read_text().splitlines(keepends=True)
    for size in (5, 120, 305):
        (tmp_path / "part.csv").write_text("".join(lines[: size + 1]))
        run(tmp_path / "part.csv", "--value", "value", "--out", tmp_path / "scored.csv")
        assert scored(tmp_path / "scored.csv") == scored(tmp_path / "whole.csv")[:size]


def test_rows_go_to_standard_output_and_only_they(cpu: Path) -> None:
    result = run(cpu, "--value", "value", "--out", "-")
    assert len(list(csv.DictReader(io.StringIO(result.stdout)))) == 400
    assert "Episodes" not in result.stdout
    assert "Episodes" in result.stderr


def test_labels_of_a_file_are_compared_with_what_was_found(cpu: Path, tmp_path: Path) -> None:
    span = ((START + 299 * 5 * MINUTE).isoformat(), (START + 310 * 5 * MINUTE).isoformat())
    labels = write(tmp_path / "labels.csv", "start,end", [span])
    printed = run(cpu, "--value", "value", "--labels", labels).output
    assert "1 of 1" in printed
    assert "0:05:00" in printed
    assert "100%" in printed


def test_labels_of_a_column_are_compared_too(tmp_path: Path) -> None:
    rows = [(300 * n, value, "true" if 299 <= n < 305 else "") for n, value in enumerate(values())]
    file = write(tmp_path / "s.csv", "ts,v,is_incident", rows)
    assert "1 of 1" in run(file, "--value", "v", "--label", "is_incident").output


@pytest.mark.parametrize(
    "shown",
    [
        lambda time: time.isoformat(),
        lambda time: time.strftime("%Y-%m-%d %H:%M:%S"),
        lambda time: time.strftime("%Y/%m/%d %H:%M"),
        lambda time: (time + timedelta(hours=3)).strftime("%Y-%m-%dT%H:%M:%S+03:00"),
        lambda time: int(time.timestamp()),
        lambda time: int(time.timestamp() * 1000),
    ],
)
def test_times_are_understood_however_they_are_written(tmp_path: Path, shown: object) -> None:
    assert callable(shown)
    rows = [(shown(START + 5 * n * MINUTE), value) for n, value in enumerate(values())]
    printed = run(write(tmp_path / "s.csv", "time,v", rows), "--value", "v").output
    assert "2026-01-06 01:00:00" in printed


def test_gaps_are_kept_and_no_error(tmp_path: Path) -> None:
    cells: list[object] = list(values())
    for n, gap in zip(range(100, 140, 5), ("", "NaN", "null", "NULL", "None", "n/a", "nan", " "), strict=True):
        cells[n] = gap
    file = write(tmp_path / "s.csv", "time,v", [(300 * n, cell) for n, cell in enumerate(cells)])
    assert run(file, "--value", "v", "--out", tmp_path / "o.csv").exit_code == 0
    rows = scored(tmp_path / "o.csv")
    assert len(rows) == 400
    assert {rows[n]["score"] for n in range(100, 140, 5)} == {"0"}
    assert rows[300]["is_anomaly"] == "1"


def test_counts_with_errors_and_latency_are_judged_by_the_performance_detector(tmp_path: Path) -> None:
    rng = random.Random(2)
    rows = []
    for n in range(1000):
        count = rng.randint(40, 60)
        failed = round(count * (0.5 if n >= 900 else 0.02))
        rows.append(((START + n * MINUTE).isoformat(), count, failed, round(200 * math.exp(rng.gauss(0, 0.05)))))
    file = write(tmp_path / "calls.csv", "time,n,e,ms", rows)
    result = run(file, "--count", "n", "--errors", "e", "--latency", "ms", "--out", tmp_path / "o.csv")
    assert result.exit_code == 0, result.output
    found = [n for n, row in enumerate(scored(tmp_path / "o.csv")) if row["is_anomaly"] == "1"]
    assert found[0] in range(900, 905)
    assert "errors" in result.output
    assert "%" in result.output


def test_latency_alone_is_judged_as_a_value(tmp_path: Path) -> None:
    file = write(tmp_path / "s.csv", "time,ms", [(300 * n, value) for n, value in enumerate(values())])
    assert "spike" in run(file, "--latency", "ms").output


def test_repeated_times_are_kept_unjudged_and_told(tmp_path: Path) -> None:
    rows = [(300 * n, value) for n, value in enumerate(values())]
    rows[200:200] = rows[190:200]
    result = run(write(tmp_path / "s.csv", "time,v", rows), "--value", "v", "--out", tmp_path / "o.csv")
    assert "10 of 410 rows are not later than the row before them" in result.stderr
    assert len(scored(tmp_path / "o.csv")) == 410


def test_without_out_nothing_is_written(cpu: Path) -> None:
    before = sorted(cpu.parent.iterdir())
    assert run(cpu, "--value", "value").exit_code == 0
    assert sorted(cpu.parent.iterdir()) == before


def test_a_cell_that_is_no_number_is_named_and_leaves_no_file(tmp_path: Path) -> None:
    file = write(tmp_path / "s.csv", "time,v", [(0, 1), (60, "many"), (120, 3)])
    message = complaint(file, "--value", "v", "--out", tmp_path / "o.csv")
    assert "line 3, column 'v' is 'many'; expected a number" in message
    assert sorted(tmp_path.iterdir()) == [file]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--value", "speed"], "--value: "),
        (["--value", "speed"], "has no column 'speed'; it has timestamp, value, host"),
        (["--time", "when", "--value", "value"], "has no column 'when'"),
        (["--time", "host", "--value", "value"], "column 'host' is 'web-1'; expected a time"),
        ([], "--value or --count is missing"),
        (["--errors", "value"], "--errors needs --count"),
        (["--value", "value", "--count", "value"], "--value stands alone"),
        (["--value", "value", "--every", "soon"], "--every is 'soon'; expected a length of time"),
        (["--value", "value", "--label", "bad"], "--label: "),
        (["--value", "value", "--labels", "/nowhere/labels.csv"], "/nowhere/labels.csv cannot be read"),
        (["--value", "value", "--out", "/nowhere/o.csv"], "--out /nowhere/o.csv cannot be written"),
    ],
)
def test_what_cannot_be_done_is_one_plain_line(cpu: Path, arguments: list[str], said: str) -> None:
    assert said in complaint(cpu, *arguments)


def test_an_empty_file_a_header_alone_and_no_file_are_plain_errors(tmp_path: Path) -> None:
    (tmp_path / "empty.csv").write_text("")
    (tmp_path / "header.csv").write_text("time,v\n")
    assert "is empty; expected a header" in complaint(tmp_path / "empty.csv", "--value", "v")
    assert "has no rows" in complaint(tmp_path / "header.csv", "--value", "v")
    assert "cannot be read: No such file" in complaint(tmp_path / "none.csv", "--value", "v")
    assert "give a CSV file, or --tenant and --provider" in complaint()


def test_the_input_is_not_written_over_and_its_columns_are_not_doubled(cpu: Path, tmp_path: Path) -> None:
    assert "--out is the input file" in complaint(cpu, "--value", "value", "--out", cpu)
    file = write(tmp_path / "s.csv", "time,v,score", [(0, 1, 2)])
    assert "a column 'score' already" in complaint(file, "--value", "v", "--out", tmp_path / "o.csv")


def test_stored_minutes_without_a_query_are_minutes_with_none() -> None:
    counts = MinuteCounts(4, 1, 4 * math.log1p(99.0), 4 * math.log1p(99.0) ** 2)
    series = history({START: counts, START + 3 * MINUTE: counts}, START + 5 * MINUTE)
    rows = list(series.rows)
    assert [row.cells[1:] for row in rows] == [
        ("4", "1", "99.0"),
        *[("0", "0", "")] * 2,
        ("4", "1", "99.0"),
        ("0", "0", ""),
    ]
    assert [row.time - START.timestamp() for row in rows] == [0.0, 60.0, 120.0, 180.0, 240.0]
    assert rows[3].x["log_latency_squares"] == counts.log_latency_squares


@pytest.mark.parametrize(
    ("zone", "start"),
    [
        ("Europe/Berlin", datetime(2026, 10, 23, tzinfo=UTC)),
        ("Australia/Lord_Howe", datetime(2026, 4, 3, tzinfo=UTC)),
        ("Asia/Kathmandu", datetime(2026, 10, 1, tzinfo=UTC)),
    ],
)
def test_times_without_an_offset_are_on_the_clocks_of_the_zone_over_their_change(
    tmp_path: Path, zone: str, start: datetime
) -> None:
    """Quarter hours as a local clock shows them, over a night when it is set back: none is late."""
    clock, at = ZoneInfo(zone), [start + n * timedelta(minutes=15) for n in range(385)]
    rows = [(f"{one.astimezone(clock):%Y-%m-%d %H:%M}", value) for one, value in zip(at, values(385), strict=True)]
    result = run(write(tmp_path / "local.csv", "time,value", rows), "--value", "value", "--time-zone", zone)
    assert result.exit_code == 0, result.output
    assert "not judged" not in result.output
    assert "over 4.0 days" in result.output
    assert f"Episodes ({zone})" in result.output
    assert f"{at[300].astimezone(clock):%Y-%m-%d %H:%M:%S}" in result.output


def test_a_zone_that_does_not_exist_is_refused(cpu: Path) -> None:
    assert "no time zone 'Mars/Base'" in complaint(cpu, "--value", "value", "--time-zone", "Mars/Base")


@pytest.mark.parametrize("order", ["newest first", "shuffled"])
def test_a_file_that_is_not_sorted_by_time_is_refused_and_not_called_quiet(tmp_path: Path, order: str) -> None:
    rows = [((START + n * MINUTE).isoformat(), value) for n, value in enumerate(values())]
    rows.reverse() if order == "newest first" else random.Random(5).shuffle(rows)
    file = write(tmp_path / "unsorted.csv", "time,value", rows)
    assert "sort the file by time, the oldest first" in complaint(file, "--value", "value")
