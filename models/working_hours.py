"""The hours and days on which people are told of warnings, as settings give them."""

from __future__ import annotations

import re
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

WEEK: Final = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_HOURS: Final = re.compile(r"((?:[01]\d|2[0-3]):[0-5]\d)-((?:[01]\d|2[0-3]):[0-5]\d|24:00)")


class WorkingHours(NamedTuple):
    """Hours from ``begin`` to ``end`` (HH:MM, at most 24:00) of some days (of ``WEEK``) in a time zone (IANA)."""

    time_zone: str
    days: frozenset[str]
    begin: str
    end: str


def read_time_zone(name: str) -> str:
    """Return the name of a time zone; raises ``ValueError``."""
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError("a time zone such as Asia/Riyadh") from None
    return name


def read_days(text: str) -> frozenset[str]:
    """Return the days of a text such as ``sunday:thursday`` or ``monday,wednesday:friday``; raises ``ValueError``.

    A range may go over the end of the week.
    """
    days: set[str] = set()
    for part in text.lower().replace(" ", "").split(","):
        first, _, last = part.partition(":")
        if first not in WEEK or (last or first) not in WEEK:
            raise ValueError("days of the week, such as monday:friday or sunday:thursday")
        begin, length = WEEK.index(first), (WEEK.index(last or first) - WEEK.index(first)) % len(WEEK)
        days |= {WEEK[(begin + place) % len(WEEK)] for place in range(length + 1)}
    return frozenset(days)


def read_hours(text: str) -> tuple[str, str]:
    """Return begin and end of a text such as ``07:00-19:00``; raises ``ValueError``."""
    found = _HOURS.fullmatch(text.replace(" ", ""))
    if found is None or found[1] >= found[2]:
        raise ValueError("hours of one day, such as 07:00-19:00")
    return found[1], found[2]


def working_hours(time_zone: str, days: str, hours: str) -> WorkingHours:
    """Return the working hours of settings; raises ``ValueError``."""
    return WorkingHours(read_time_zone(time_zone), read_days(days), *read_hours(hours))


TIME_ZONE: Final = "UTC"
DAYS: Final = "monday:friday"
HOURS: Final = "07:00-19:00"
"""Settings that nobody has changed."""
DEFAULT: Final = working_hours(TIME_ZONE, DAYS, HOURS)
