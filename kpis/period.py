"""Relative ranges in a time zone: ``7d``, ``1w``, ``1M``, ``1Q``, ``1y``, ``last-month``. Pure."""

from __future__ import annotations

import calendar
import re
from datetime import UTC, date, datetime, timedelta
from typing import Final

from kpis.scope import zone
from models.errors import InvalidRequest
from models.pattern_words import RANGE_PATTERN

YEARS: Final = range(2000, 2100)
"""The supported years: events are not older, and the database's DateTime ends in 2106."""
# A year in which the database's DateTime has begun in every time zone.
_FIRST_YEAR: Final = 1971
_COUNTED: Final = re.compile(r"([1-9][0-9]{0,3})([mhdwMQy])")
_DAY: Final = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_FIXED: Final = {"m": timedelta(minutes=1), "h": timedelta(hours=1)}
_DAYS: Final = {"d": 1, "w": 7}
_MONTHS: Final = {"M": 1, "Q": 3, "y": 12}
_LAST: Final = re.compile(r"last[- ](day|week|month|quarter|year)")
PATTERN: Final = RANGE_PATTERN
"""The same for JSON Schema; minutes are for commands only."""
EXPECTED: Final = (
    "a number and h, d, w, M (months), Q (quarters) or y, for example 30d or 1M, or last-day, last-week (from Monday), "
    "last-month, last-quarter or last-year"
)


def is_day(text: str) -> bool:
    """Whether a text is a date without a time, such as 2026-11-01."""
    return bool(_DAY.fullmatch(text))


def is_period(text: str) -> bool:
    """Whether a text is a range of this kind."""
    return bool(_COUNTED.fullmatch(text) or _LAST.fullmatch(text))


def period(text: str, end: datetime, time_zone: str, name: str = "time_range") -> tuple[datetime, datetime]:
    """Return the range ``[start, end)`` in UTC.

    Parameters
    ----------
    text
        ``24h`` is so many hours. ``7d``, ``1w``, ``1M``, ``1Q`` and ``1y`` begin at the same local time of day, also
        across clock changes; in a month without that day on its last day. ``last-week`` and so on is the last whole
        one: weeks begin on Mondays (ISO 8601), days at midnight.
    end
        The end of a counted range, and the latest end of a ``last-`` range; aware.

    Raises
    ------
    SettingsError
        It is not a range, begins before 1971, or there is no such zone.
    """
    local = end.astimezone(zone(time_zone))
    if found := _LAST.fullmatch(text):
        limit = _begin(found[1], local.date())
        return midnight(_begin(found[1], limit - timedelta(days=1)), time_zone), midnight(limit, time_zone)
    counted = _COUNTED.fullmatch(text)
    if not counted:
        raise InvalidRequest(name, f"'{text}' is no range; expected {EXPECTED}")
    number, unit = int(counted[1]), counted[2]
    too_early = InvalidRequest(name, f"'{text}' begins before {_FIRST_YEAR}: no event is that old")
    if unit in _FIXED:
        return end.astimezone(UTC) - number * _FIXED[unit], end.astimezone(UTC)
    try:
        days = number * _DAYS.get(unit, 0)
        day = local.date() - timedelta(days=days) if days else _months_before(local.date(), number * _MONTHS[unit])
    except (ValueError, OverflowError):
        raise too_early from None
    if day.year < _FIRST_YEAR:
        raise too_early
    if end.astimezone(UTC) == midnight(local.date(), time_zone):
        return midnight(day, time_zone), end.astimezone(UTC)  # also where the day does not begin at 00:00
    start = datetime.combine(day, local.time(), local.tzinfo)
    return start.replace(fold=local.fold).astimezone(UTC), end.astimezone(UTC)


def instant(named: datetime | date, time_zone: str, name: str = "from") -> datetime:
    """Return a time in UTC: without an offset it is local to the zone, a date means its start.

    A repeated hour means the first one; a skipped one the time after the change.

    Raises
    ------
    SettingsError
        There is no such zone, or the year is not in ``YEARS``.
    """
    local = zone(time_zone)
    if named.year not in YEARS:
        raise InvalidRequest(name, f"'{named}' is given; expected a time of the years {YEARS[0]} to {YEARS[-1]}")
    if not isinstance(named, datetime):
        return midnight(named, time_zone)
    return (named if named.tzinfo is not None else named.replace(tzinfo=local)).astimezone(UTC)


def midnight(day: date, time_zone: str) -> datetime:
    """Return the start of a local day in UTC; where midnight is skipped, the time after the change."""
    return datetime(day.year, day.month, day.day, tzinfo=zone(time_zone)).astimezone(UTC)


def _begin(unit: str, day: date) -> date:
    """Return the first day of the week, month and so on that a day is in."""
    if unit == "day":
        return day
    if unit == "week":
        return day - timedelta(days=day.weekday())
    month = {"month": day.month, "quarter": (day.month - 1) // 3 * 3 + 1, "year": 1}[unit]
    return day.replace(month=month, day=1)


def _months_before(day: date, months: int) -> date:
    years, month = divmod(day.year * 12 + day.month - 1 - months, 12)
    return date(years, month + 1, min(day.day, calendar.monthrange(years, month + 1)[1]))
