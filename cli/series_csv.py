"""Series in CSV files: parses times and numbers; errors name line and column."""

from __future__ import annotations

import codecs
import csv
import io
import math
import re
import sys
from collections.abc import Iterator, Sequence
from datetime import timedelta
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Final, Self

from cli.series_times import TimeFormat, TimeReader
from models.counting import counted
from models.errors import SettingsError

_GAPS: Final = frozenset({"", "nan", "null", "none", "na", "n/a", "nil", "-"})
_TIME_NAMES: Final = ("time", "timestamp", "datetime", "date", "ts")
# The first line of a file for spreadsheets may name its separator.
_SEPARATOR_LINE: Final = re.compile(r"\"?sep=([,;\t|])\"?", re.IGNORECASE)
# A number with one thousands separator: `1.234.567,8`, `1,234.5`, `12 345` with any blank, `1'234`.
_GROUPED: Final = re.compile(
    r"[-+]?\d{1,3}(?:(?P<group>[.,'\u2019 \u00a0\u2009\u202f])\d{3})(?:(?P=group)\d{3})*"
    r"(?:(?P<decimal>[.,])\d*)?(?:e[-+]?\d+)?",
    re.IGNORECASE | re.ASCII,
)
_UTF_8: Final = "utf-8-sig"
_UNITS: Final = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0}


class CsvRows:
    """The rows of a CSV file, read lazily; use it in a ``with`` statement.

    The separator is what a line ``sep=;`` before the header says, else a comma, a semicolon or a tab, whichever the
    header has most of. ``-`` is standard input.

    Parameters
    ----------
    path
        The file.
    format_
        Format of times and numbers; detected if not given.
    encoding
        Python's name of the encoding; UTF-8, with or without a byte order mark, if empty.

    Raises
    ------
    SettingsError
        The file is missing, unreadable or empty, or there is no such encoding.
    """

    def __init__(self, path: str, format_: TimeFormat | None = None, encoding: str = "") -> None:
        self.path = path
        told = TimeFormat() if format_ is None else format_
        self.times = TimeReader(told)
        self._decimal = told.decimal
        self._encoding = _checked_encoding(encoding)
        self._file = _opened(path)
        self._text = io.TextIOWrapper(self._file, encoding=self._encoding, newline="")
        self._lines_before = 1
        try:
            header = self._header()
            named = _SEPARATOR_LINE.fullmatch(header.strip("\r\n"))
            if named is not None:
                self._lines_before = 2
                header = self._header()
        except SettingsError:
            self._text.close()
            raise
        self.delimiter = named[1] if named else max(",;\t", key=header.count)
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
        except UnicodeError:
            raise self._undecodable("") from None
        if "\0" in header:
            raise self._undecodable("")
        if not header.strip():
            raise SettingsError(f"{self.path} is empty; expected a header line, then rows")
        return header

    def __iter__(self) -> Iterator[tuple[int, list[str]]]:
        """Yield line number and cells of every row; blank lines are skipped."""
        reader = csv.reader(self._text, delimiter=self.delimiter)
        try:
            for cells in reader:
                if cells:
                    line = reader.line_num + self._lines_before
                    self._check_width(line, cells)
                    yield line, cells
        except UnicodeError:
            raise self._undecodable(f": line {reader.line_num + self._lines_before + 1}") from None
        except csv.Error as error:
            line = reader.line_num + self._lines_before
            raise SettingsError(f"{self.path}: line {line} is not CSV: {error}") from None

    def _check_width(self, line: int, cells: Sequence[str]) -> None:
        """Reject a row with more cells than columns, for example because of a decimal comma."""
        if len(cells) > len(self.columns) and any(cell.strip() for cell in cells[len(self.columns) :]):
            raise SettingsError(
                f"{self.path}: line {line} has {counted(len(cells), 'cell')}, the header {len(self.columns)}; a cell "
                f"with the separator '{self.delimiter}' in it needs quotes"
            )

    def _undecodable(self, where: str) -> SettingsError:
        told = "UTF-8" if self._encoding == _UTF_8 else self._encoding
        return SettingsError(
            f"{self.path}{where} is not text in {told}; expected a CSV file (--encoding says another encoding, such "
            "as utf-16 or cp1252)"
        )

    @property
    def size(self) -> int | None:
        """Bytes of the file, ``None`` where it is standard input."""
        return None if self.path == "-" else Path(self.path).stat().st_size

    def position(self) -> int:
        """Return the number of bytes read."""
        return 0 if self.path == "-" else self._file.tell()

    def column(self, option: str, name: str) -> int:
        """Return the index of a column."""
        if name not in self.columns:
            raise SettingsError(f"{option}: {self.path} has no column '{name}'; it has {', '.join(self.columns)}")
        return self.columns.index(name)

    def time_column(self, name: str | None) -> int:
        """Return the index of the time column: the named one, or the first with a typical name."""
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
            return self.times.read(text)
        except ValueError as error:
            raise SettingsError(
                f"{self.path}: line {line}, column '{self.columns[position]}' is '{text[:40]}'; {error}"
            ) from None

    def number(self, line: int, cells: Sequence[str], position: int) -> float | None:
        """Return a number, or ``None`` where the cell is a gap."""
        text = cells[position].strip() if position < len(cells) else ""
        if text.lower() in _GAPS:
            return None
        try:
            number = _number(text, self._decimal)
        except ValueError as error:
            raise SettingsError(
                f"{self.path}: line {line}, column '{self.columns[position]}' is '{text[:40]}'; {error}"
            ) from None
        return number


def _number(text: str, decimal: str) -> float:
    """Return a finite number with the decimal sign ``decimal``, or a point where that is empty."""
    sign = decimal or "."
    plain, hint = _ungrouped(text, decimal), ""
    try:
        number = float(plain.replace(",", ".") if sign == "," and "." not in plain else plain)
    except ValueError:
        number = math.inf
        if not decimal and re.fullmatch(r"[-+]?\d*,\d+", text):
            hint = " (--decimal , reads decimal commas, --decimal . takes commas for thousands)"
    if not math.isfinite(number) or "_" in text or (sign == "," and "." in plain):
        raise ValueError(f"expected a number such as 12{sign}5{hint}, or an empty cell for a gap")
    return number


def _ungrouped(text: str, decimal: str) -> str:
    """Return a number without thousands separators; unchanged where one could be the decimal sign."""
    found = _GROUPED.fullmatch(text)
    if found is None:
        return text
    group, shown = found["group"], found["decimal"]
    wrong = shown is not None and shown != (decimal or ".")
    # 1,234 may be 1234 or 1.234: ambiguous.
    unknown = not decimal and group in ".," and (group == "." or (shown is None and text.count(group) == 1))
    return text if wrong or unknown or group in {decimal, shown} else text.replace(group, "")


def parsed_interval(option: str, text: str) -> timedelta:
    """Return the duration of ``5m``, ``30s``, ``1h``, ``1d`` or a number of seconds."""
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([smhd]?)", text.strip().lower())
    seconds = float(found[1]) * _UNITS[found[2] or "s"] if found else 0.0
    if not 0.0 < seconds <= 366 * _UNITS["d"]:
        raise SettingsError(f"{option} is '{text}'; expected a length of time such as 30s, 5m, 1h or 1d")
    return timedelta(seconds=seconds)


def _checked_encoding(name: str) -> str:
    try:
        found = codecs.lookup(name or _UTF_8).name
        io.TextIOWrapper(io.BytesIO(), encoding=found)  # codecs such as base64 are not text encodings
    except (LookupError, ValueError):
        raise SettingsError(f"--encoding is '{name}', which is unknown; expected utf-8, utf-16, cp1252 ...") from None
    return _UTF_8 if found == "utf-8" else found


def _opened(path: str) -> BinaryIO:
    if path == "-":
        return sys.stdin.buffer
    try:
        return Path(path).open("rb")
    except OSError as error:
        raise SettingsError(f"{path} cannot be read: {error.strerror}") from error
