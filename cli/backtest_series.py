"""Input of ``romashka backtest``: rows with their time and their observation."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta, tzinfo
from itertools import chain, islice, pairwise
from statistics import median
from typing import Any, Final, NamedTuple

from cli.series_csv import CsvRows
from detectors.performance.detector import PerformanceDetector
from detectors.series.backtest import Detector
from detectors.series.detector import ValueDetector
from models.errors import SettingsError
from models.minutes import MinuteCounts

MINUTE: Final = timedelta(minutes=1)
# Number of rows used to estimate the interval.
_LOOKED_AT: Final = 16


class CsvRow(NamedTuple):
    """A row: its line number, its original cells, its time in epoch seconds, and the observation."""

    line: int
    cells: Sequence[str]
    time: float
    x: Mapping[str, Any]


class CsvSeries(NamedTuple):
    """Rows in order, column names, interval, and the matching detector."""

    columns: Sequence[str]
    rows: Iterator[CsvRow]
    interval: timedelta
    detector: Detector


def values(source: CsvRows, time: str | None, value: tuple[str, str], every: timedelta | None) -> CsvSeries:
    """Return a series of numbers; ``value`` is the option that names the column, and its name."""
    at, column = source.time_column(time), source.column(*value)

    def rows() -> Iterator[CsvRow]:
        for line, cells in source:
            moment = source.time(line, cells, at)
            yield CsvRow(line, cells, moment, {"time": moment, "value": source.number(line, cells, column)})

    interval, all_rows = _with_interval(rows(), every)
    return CsvSeries(source.columns, all_rows, interval, ValueDetector(every))


def counts(
    source: CsvRows, time: str | None, count: str, errors: str | None, latency: str | None, every: timedelta | None
) -> CsvSeries:
    """Return a series of counts; ``errors`` and ``latency`` (mean milliseconds) name optional columns."""
    at, column = source.time_column(time), source.column("--count", count)
    failed = None if errors is None else source.column("--errors", errors)
    slow = None if latency is None else source.column("--latency", latency)

    def rows() -> Iterator[CsvRow]:
        for line, cells in source:
            x: dict[str, float | None] = {"count": _counted(source, line, cells, column)}
            if failed is not None:
                x["errors"] = _counted(source, line, cells, failed)
            milliseconds = None if slow is None else source.number(line, cells, slow)
            if milliseconds is not None and milliseconds >= 0.0 and x["count"] is not None:
                # Only the mean is known: assume that every response took that long.
                x["log_latency_sum"] = x["count"] * math.log1p(milliseconds)
            yield CsvRow(line, cells, source.time(line, cells, at), x)

    interval, all_rows = _with_interval(rows(), every)
    return CsvSeries(source.columns, _on_grid(all_rows, interval), interval, PerformanceDetector(interval))


def history(found: Mapping[datetime, MinuteCounts], until: datetime) -> CsvSeries:
    """Return the stored minutes (one at least) up to ``until``; a minute that is not among them has a count of 0."""
    columns = ("time", "count", "errors", "latency_ms")
    return CsvSeries(columns, _minutes(found, until), MINUTE, PerformanceDetector(MINUTE))


def _minutes(minutes: Mapping[datetime, MinuteCounts], until: datetime) -> Iterator[CsvRow]:
    at, line = min(minutes), 1
    while at < until:
        found = minutes.get(at)
        time = at.timestamp()
        if found is None:
            yield CsvRow(line, (at.isoformat(), "0", "0", ""), time, {"time": time, "count": 0, "errors": 0})
        else:
            x = {
                "time": time,
                "count": found.queries,
                "errors": found.errors,
                "log_latency_sum": found.log_latency_sum,
                "log_latency_squares": found.log_latency_squares,
            }
            usual = math.expm1(found.log_latency_sum / found.queries)
            yield CsvRow(line, (at.isoformat(), str(found.queries), str(found.errors), f"{usual:.1f}"), time, x)
        at += MINUTE
        line += 1


def _counted(source: CsvRows, line: int, cells: Sequence[str], position: int) -> float | None:
    number = source.number(line, cells, position)
    if number is not None and number < 0.0:
        raise SettingsError(
            f"{source.path}: line {line}, column '{source.columns[position]}' is '{cells[position]}'; "
            "expected a count of 0 or more (--value takes any number)"
        )
    return number


def _with_interval(rows: Iterator[CsvRow], every: timedelta | None) -> tuple[timedelta, Iterator[CsvRow]]:
    """Return the interval, estimated from the first rows, and all rows."""
    if every is not None:
        return every, rows
    first = list(islice(rows, _LOOKED_AT))
    steps = [later.time - earlier.time for earlier, later in pairwise(first) if later.time > earlier.time]
    return timedelta(seconds=median(steps)) if steps else MINUTE, chain(first, rows)


def _on_grid(rows: Iterator[CsvRow], interval: timedelta) -> Iterator[CsvRow]:
    """Align every row to its interval, counted from the first row, so that clock jitter loses no row."""
    seconds = interval.total_seconds()
    first: float | None = None
    for row in rows:
        first = row.time if first is None else first
        index = first // seconds + round((row.time - first) / seconds)
        # The middle: rounding cannot move it into the previous interval.
        yield row._replace(x={"time": (index + 0.5) * seconds, **row.x})


def parsed_moment(time: float, clocks: tzinfo = UTC) -> datetime:
    """Return epoch seconds as a time in a zone."""
    return datetime.fromtimestamp(time, clocks)
