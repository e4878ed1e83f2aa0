"""Parses times in files: detected where they are unambiguous, otherwise an error that says which option to give."""

from __future__ import annotations

import math
import re
from datetime import UTC, date, datetime, time, timedelta
from typing import Final, NamedTuple

from kpis.scope import zone
from models.errors import SettingsError

# Epoch units: number per second, and the plausible range. Nanoseconds begin
# in 2000: ticks of 100 ns since the year 1 or 1601, which other systems write, fall before.
_UNITS: Final = {
    "s": (1.0, 1e8, 4.2e9),
    "ms": (1e3, 1e11, 4.2e12),
    "us": (1e6, 1e14, 4.2e15),
    "ns": (1e9, 9.4e17, 4.2e18),
}
_COMPACT: Final = {8: "%Y%m%d", 12: "%Y%m%d%H%M", 14: "%Y%m%d%H%M%S"}
_COMPACT_HOUR: Final = "%Y%m%d%H"
_COMPACT_YEARS: Final = range(1900, 2101)
_DAY_OR_MONTH_FIRST: Final = re.compile(r"(\d{1,2})([./-])(\d{1,2})\2(\d{4}|\d{2})(?:[ T]+(\S.*))?", re.ASCII)
_UTC_WORDS: Final = re.compile(r"\s*(?:UTC|GMT)$", re.IGNORECASE)
_SHORT_HOUR: Final = re.compile(r"(?:(?<=^)|(?<=[ T]))(\d):", re.ASCII)
_SPACED_OFFSET: Final = re.compile(r"(?<=\d)\s+(?=[+-]\d{2}:?\d{2}$)", re.ASCII)
# Two-digit years: 69 to 99 are of the last century, as in POSIX.
_CENTURY_BREAK: Final = 69
_SERIAL_ZEROS: Final = {
    "excel": datetime(1899, 12, 30),  # noqa: DTZ001 - on the clocks of the file
    "excel1904": datetime(1904, 1, 1),  # noqa: DTZ001
}
_EXCEL_LAST: Final = 2_958_466  # the day after 9999-12-31
# From the year 1 to 9999, which datetime can show on every clock.
_FIRST_SECOND: Final = -6.2e10
_LAST_SECOND: Final = 2.5e11
_EXPECTED: Final = (
    "expected a time: ISO-8601 such as 2026-11-01T08:00:00Z, a date such as 20261101, or seconds, milli-, micro- or "
    "nanoseconds since 1970; --time-format says another format"
)


class TimeFormat(NamedTuple):
    """The format options of times; empty options mean detection.

    ``pattern`` is ``s``, ``ms``, ``us`` or ``ns`` (since 1970, or elapsed), ``excel`` (days since 1899-12-30),
    ``excel1904`` (days since 1904-01-01, as old workbooks of Macintosh have), or strptime's directives, such as
    ``%d.%m.%Y %H:%M``. ``decimal`` is the decimal sign of numbers, a point where nothing is said. ``time_zone`` is the
    zone of times without an offset.
    """

    pattern: str = ""
    day_first: bool = False
    decimal: str = ""
    time_zone: str = "UTC"


def checked_format(pattern: str, *, day_first: bool, decimal: str, time_zone: str = "UTC") -> TimeFormat:
    """Return the format that the options describe.

    Raises
    ------
    SettingsError
        An option has an unknown value.
    """
    if decimal not in {"", ".", ","}:
        raise SettingsError(f"--decimal is '{decimal}'; expected . or ,")
    if pattern and pattern not in _UNITS and pattern not in _SERIAL_ZEROS:
        _check_directives(pattern)
        if day_first:
            raise SettingsError("--time-format already says where the day stands; leave out --day-first")
    zone(time_zone)
    return TimeFormat(pattern, day_first, decimal, time_zone)


def _check_directives(pattern: str) -> None:
    if "%" not in pattern:
        raise SettingsError(
            f"--time-format is '{pattern}'; expected s, ms, us or ns since 1970, excel, or a pattern such as "
            "'%d.%m.%Y %H:%M'"
        )
    try:
        written = datetime(2026, 11, 29, 13, 14, 15, tzinfo=UTC).strftime(pattern)
        read = datetime.strptime(written, pattern)  # noqa: DTZ007 - only whether it can be read back
    except (ValueError, re.error) as error:
        raise SettingsError(f"--time-format is '{pattern}', which is no pattern of strptime: {error}") from None
    if read.year != 2026:
        raise SettingsError(f"--time-format is '{pattern}', which has no year; times need one")


class TimeReader:
    """Parses the times of one column; all numbers have the unit of the first one.

    Without a format, a number is taken where only one reading is likely: an epoch time since 1973, or a date written
    without separators. A column that begins at 0 is elapsed seconds. Years, months, spreadsheet serial numbers and
    dates that begin with the day or the month are refused without a format.
    """

    def __init__(self, format_: TimeFormat) -> None:
        self._format = format_
        self._zone = zone(format_.time_zone)
        self._last = -math.inf
        self._unit = ""
        self._otherwise: TimeReader | None = None

    def follow(self, other: TimeReader | None) -> None:
        """Parse numbers like another column's reader, and detect values that are not in the given format."""
        self._unit = "" if other is None else other._unit
        self._otherwise = TimeReader(self._format._replace(pattern=""))

    def read(self, text: str) -> float:
        """Return epoch seconds; a time without an offset is on the clocks of the format's zone.

        In a repeated hour it is the first time; the second where the first is not after the last value.

        Raises
        ------
        ValueError
            It is not a time, or is ambiguous; the message says what is expected.
        """
        try:
            found = self._read(text)
        except ValueError:
            if self._otherwise is None:
                raise
            return self._otherwise.read(text)
        self._last = found if isinstance(found, float) else self._seconds(found)
        return self._last

    def _seconds(self, moment: datetime) -> float:
        if moment.tzinfo is None:
            first, second = (moment.replace(tzinfo=self._zone, fold=fold).timestamp() for fold in (0, 1))
            found = second if first <= self._last < second else first
        else:
            found = moment.timestamp()
        if not _FIRST_SECOND <= found <= _LAST_SECOND:
            raise ValueError(_EXPECTED)
        return found

    def _read(self, text: str) -> float | datetime:
        pattern = self._format.pattern
        if "%" in pattern:
            return _by_pattern(text, pattern)
        number = self._number(text)
        if pattern in _SERIAL_ZEROS:
            return _serial(number, pattern)
        if pattern:
            return _scaled(number, pattern)
        if number is None:
            return _written(text, day_first=self._format.day_first)
        return self._recognised(text, number)

    def _number(self, text: str) -> float | None:
        plain = text.replace(",", ".") if self._format.decimal == "," else text
        try:
            return None if "_" in plain else float(plain)
        except ValueError:
            return None

    def _recognised(self, text: str, number: float) -> float | datetime:
        if self._unit == "":
            self._unit = _unit_of(text, number)
        if self._unit in _UNITS:
            scale, least, most = _UNITS[self._unit]
            if not least <= number <= most:
                raise ValueError(f"the times above are {self._unit} since 1970, and this is none; {_EXPECTED}")
            return number / scale
        if self._unit == "elapsed":
            return _scaled(number, "s")
        moment = _compact(text, self._unit)
        if moment is None:
            raise ValueError("expected a date like those above, without separators")
        return moment


def _by_pattern(text: str, pattern: str) -> datetime:
    try:
        return datetime.strptime(text, pattern)  # noqa: DTZ007 - on the file's clocks where the pattern has no offset
    except ValueError:
        raise ValueError(f"expected a time such as --time-format '{pattern}' says") from None


def _unit_of(text: str, number: float) -> str:
    """Return the format implied by the first number of a column: a unit, ``elapsed`` or a pattern."""
    if number == 0.0:
        return "elapsed"
    if text.isascii() and text.isdigit():
        compact = _COMPACT.get(len(text), "")
        if compact and _compact(text, compact) is not None:
            return compact
        if len(text) == 10 and _compact(text, _COMPACT_HOUR) is not None:
            raise ValueError(f"that may be seconds (--time-format s) or a date (--time-format {_COMPACT_HOUR})")
    for unit, (_, least, most) in _UNITS.items():
        if least <= number <= most:
            return unit
    raise ValueError(
        "which number is no likely time since 1970; say what it is: --time-format s (also ms, us, ns; since 1970 or "
        "elapsed), excel (serial days), %Y (years), %Y%m (months), or another pattern"
    )


def _compact(text: str, pattern: str) -> datetime | None:
    if not (text.isascii() and text.isdigit()):
        return None
    try:
        moment = datetime.strptime(text, pattern)  # noqa: DTZ007 - on the file's clocks
    except ValueError:
        return None
    # strptime reads fewer digits, too.
    return moment if moment.year in _COMPACT_YEARS and moment.strftime(pattern) == text else None


def _scaled(number: float | None, unit: str) -> float:
    if number is not None:
        seconds = number / _UNITS[unit][0]
        if _FIRST_SECOND <= seconds <= _LAST_SECOND:
            return seconds
    raise ValueError(f"expected a number, as --time-format {unit} says")


def _serial(number: float | None, pattern: str) -> datetime:
    zero = _SERIAL_ZEROS[pattern]
    last = _EXCEL_LAST - (zero - _SERIAL_ZEROS["excel"]).days
    if number is None or not 0.0 <= number < last:
        raise ValueError(f"expected a serial number of days from 0 to {last}, as --time-format {pattern} says")
    # Serial numbers have a precision of about a millisecond.
    return zero + timedelta(milliseconds=round(number * 86_400_000))


def _written(text: str, *, day_first: bool) -> datetime:
    found = _DAY_OR_MONTH_FIRST.fullmatch(text)
    if found is None:
        try:
            return datetime.fromisoformat(_with_offset(text).replace("/", "-"))
        except ValueError:
            raise ValueError(_EXPECTED) from None
    if not day_first:
        raise ValueError(
            "which may begin with the day or the month; add --day-first, or --time-format with a pattern such as "
            "'%m/%d/%Y %H:%M'"
        )
    day, _, month, year, clock = found.groups()
    try:
        on = date(_century(year), int(month), int(day))
        at = time.fromisoformat(_with_offset(clock.strip())) if clock else time()
        return datetime.combine(on, at)
    except ValueError:
        raise ValueError("expected a day, a month and a year, then a time of 24 hours, as --day-first says") from None


def _with_offset(text: str) -> str:
    """Return a time with hour and offset in ISO-8601 notation."""
    padded = _SHORT_HOUR.sub(r"0\1:", text)
    return _SPACED_OFFSET.sub("", _UTC_WORDS.sub("+00:00", padded))


def _century(year: str) -> int:
    number = int(year)
    if len(year) == 4:
        return number
    return number + (1900 if number >= _CENTURY_BREAK else 2000)
