"""Firing times of a cron expression in a time zone, with defined behaviour at clock changes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError

from models.errors import InvalidRequest

# Largest change of a zone's offset within a day.
_AROUND: Final = timedelta(hours=26)
_LOOK_AHEAD: Final = (timedelta(hours=2), timedelta(days=2), timedelta(days=40), timedelta(days=366 * 9))
_FIELDS: Final = 5
_ANY: Final = datetime(2026, 1, 1)  # noqa: DTZ001 - for validation only
# Allowed characters: digits, names of months and days, and * , - / L #. Random or hashed fields are excluded, so that
# firing times depend only on expression, zone and time.
_FIELD: Final = re.compile(
    r"(?:[0-9*,/L#-]|(?<![A-Z])(?:JAN|FEB|MAR|APR|MAY|JUN|JUL|AUG|SEP|OCT|NOV|DEC|SUN|MON|TUE|WED|THU|FRI|SAT))+",
    re.IGNORECASE | re.ASCII,
)
# The longest step of each field; a longer one would be none.
_STEP: Final = re.compile(r"/([0-9]+)")
_MAX_VALUES: Final = (59, 23, 31, 12, 7)


def check_cron(cron: str) -> None:
    """Check a cron expression of five fields.

    Raises
    ------
    SettingsError
        Says what was expected.
    """
    wrong = InvalidRequest(
        "cron",
        f"'{cron}' is no cron expression; expected minute, hour, day of the month, month and day of the week, for "
        "example '0 7 * * 1' for Mondays at seven",
    )
    fields = cron.split()
    if len(fields) != _FIELDS or not all(_FIELD.fullmatch(one) for one in fields) or cron.splitlines() != [cron]:
        raise wrong
    for field, most in zip(fields, _MAX_VALUES, strict=True):
        if any(int(step) > most for step in _STEP.findall(field)):
            raise wrong
    try:
        CronSim(" ".join([*fields[:3], "*", fields[4]]), _ANY)
    except (CronSimError, ValueError):
        raise wrong from None
    try:
        next(CronSim(cron, _ANY))
    except (CronSimError, StopIteration):
        raise InvalidRequest("cron", f"'{cron}' never comes; check its day and month") from None


def firings(cron: str, zone: ZoneInfo, after: datetime, until: datetime) -> list[datetime]:
    """Return the firing times in ``(after, until]``, ascending, in UTC.

    The expression is local to the zone. In an hour that is skipped in spring, times move by the length of the gap
    (02:30 becomes 03:30). In an hour that is repeated in autumn, a fixed time fires once, the first time; where the
    hour is ``*`` or ``*/n`` it fires both times, so that "every quarter of an hour" has no gap.
    """
    every_hour = cron.split()[1].startswith("*")
    found: set[datetime] = set()
    for local in _local(cron, zone, after - _AROUND, until + _AROUND):
        found.update(moment for moment in _moments(local, zone, every_hour) if after < moment <= until)
    return sorted(found)


def next_firing(cron: str, zone: ZoneInfo, after: datetime) -> datetime | None:
    """Return the next firing time; ``None``: none in the next years."""
    for span in _LOOK_AHEAD:
        if found := firings(cron, zone, after, after + span):
            return found[0]
    return None


def _local(cron: str, zone: ZoneInfo, start: datetime, end: datetime) -> Iterator[datetime]:
    """Yield the matching local times, without an offset."""
    first, last = (moment.astimezone(zone).replace(tzinfo=None) for moment in (start, end))
    for tick in CronSim(cron, first):
        if tick > last:
            return
        yield tick


def _moments(local: datetime, zone: ZoneInfo, every_hour: bool) -> Iterator[datetime]:
    first, second = (local.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1))
    yield first  # in a skipped hour: use the offset before the change
    twice = second > first
    if twice and every_hour:
        yield second
