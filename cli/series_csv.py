"""Series in CSV files: cells as times and numbers; whatever cannot be read is one line that says where it is."""

from __future__ import annotations

import csv
import io
import math
import re
import sys
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Final, Self

from models.errors import SettingsError

_GAPS: Final = frozenset({"", "nan", "null", "none", "na", "n/a", "nil", "-"})
_TIME_NAMES: Final = ("time", "timestamp", "datetime", "date", "ts")
# Epoch times by size: from the given value on they are in milli-, micro- or nanoseconds.
_EPOCH_UNITS: Final = ((1e17, 1e9), (1e14, 1e6), (1e11, 1e3))
_LATEST: Final = 2.5e11  # the year 9892; also what is not a number fails here
_UNITS: Final = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0}


class CsvRows:
    """The rows of a CSV file, read as they are asked for; use it in a ``with`` statement.

    The separator is a comma, a semicolon or a tab, whichever the header has most of. ``-`` is standard input.

    Raises
    ------
    SettingsError
        The file is missing, unreadable or empty.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        self._file = _opened(path)
        self._text = io.TextIOWrapper(self._file, encoding="utf-8-sig", newline="")
        try:
            header = self._header()
        except SettingsError:
            self._text.close()
            raise
        self.delimiter = max(",;\t", key=header.count)
        self.columns = [name.strip() for name in next(csv.reader([header], delimiter=self.delimiter))]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._text.close()

    def _header(self) -> str:
        try:
            header = self._text.readline()
        except UnicodeDecodeError:
            raise SettingsError(f"{self.path} is not text in UTF-8; expected a CSV file") from None
        if not header.strip():
            raise SettingsError(f"{self.path} is empty; expected a header line, then rows")
        return header

    def __iter__(self) -> Iterator[tuple[int, list[str]]]:
        """Yield the number of the line and the cells of every row; blank lines are none."""
        reader = csv.reader(self._text, delimiter=self.delimiter)
        try:
            for cells in reader:
                if cells:
                    yield reader.line_num + 1, cells
        except UnicodeDecodeError:
            raise SettingsError(f"{self.path}: line {reader.line_num + 2} is not text in UTF-8") from None
        except csv.Error as error:
            raise SettingsError(f"{self.path}: line {reader.line_num + 1} is not CSV: {error}") from None

    @property
    def size(self) -> int | None:
        """Bytes of the file, ``None`` where it is standard input."""
        return None if self.path == "-" else Path(self.path).stat().st_size

    def position(self) -> int:
        """Return how many bytes were read."""
        return 0 if self.path == "-" else self._file.tell()

    def column(self, option: str, name: str) -> int:
        """Return where a column is."""
        if name not in self.columns:
            raise SettingsError(f"{option}: {self.path} has no column '{name}'; it has {', '.join(self.columns)}")
        return self.columns.index(name)

    def time_column(self, name: str | None) -> int:
        """Return where the times are: the named column, or the first with a name that says so."""
        if name is not None:
            return self.column("--time", name)
        for position, column in enumerate(self.columns):
            if column.lower() in _TIME_NAMES:
                return position
        raise SettingsError(f"--time is missing: name the column with the times, one of {', '.join(self.columns)}")

    def time(self, line: int, cells: Sequence[str], position: int) -> float:
        """Return a time in epoch seconds."""
        text = cells[position].strip() if position < len(cells) else ""
        try:
            return parsed_time(text)
        except ValueError:
            raise SettingsError(
                f"{self.path}: line {line}, column '{self.columns[position]}' is '{text[:40]}'; expected a time: "
                "ISO-8601 such as 2026-11-01T08:00:00Z, or seconds or milliseconds since 1970"
            ) from None

    def number(self, line: int, cells: Sequence[str], position: int) -> float | None:
        """Return a number, or ``None`` where the cell is a gap."""
        text = cells[position].strip() if position < len(cells) else ""
        if text.lower() in _GAPS:
            return None
        try:
            number = float(text)
        except ValueError:
            number = math.inf
        if not math.isfinite(number) or "_" in text:
            raise SettingsError(
                f"{self.path}: line {line}, column '{self.columns[position]}' is '{text[:40]}'; expected a number "
                "such as 12.5, or an empty cell for a gap"
            )
        return number


def parsed_time(text: str) -> float:
    """Return epoch seconds of ISO-8601 (without an offset it is UTC) or of an epoch time in s, ms, µs or ns.

    Raises
    ------
    ValueError
        It is neither.
    """
    try:
        number = float(text)
    except ValueError:
        moment = datetime.fromisoformat(text.replace("/", "-"))
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    for least, unit in _EPOCH_UNITS:
        if abs(number) >= least:
            number /= unit
            break
    if not -_LATEST <= number <= _LATEST:
        raise ValueError(text)
    return number


def parsed_interval(option: str, text: str) -> timedelta:
    """Return the length that ``5m``, ``30s``, ``1h``, ``1d`` or a number of seconds says."""
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([smhd]?)", text.strip().lower())
    seconds = float(found[1]) * _UNITS[found[2] or "s"] if found else 0.0
    if not 0.0 < seconds <= 366 * _UNITS["d"]:
        raise SettingsError(f"{option} is '{text}'; expected a length of time such as 30s, 5m, 1h or 1d")
    return timedelta(seconds=seconds)


def _opened(path: str) -> BinaryIO:
    if path == "-":
        return sys.stdin.buffer
    try:
        return Path(path).open("rb")
    except OSError as error:
        raise SettingsError(f"{path} cannot be read: {error.strerror}") from error
