"""When a cron expression fires, in a time zone, also on the days when its clocks change."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError

from models.errors import InvalidRequest

# No zone's clock is further than this from where it was a day before.
_AROUND: Final = timedelta(hours=26)
_LOOK_AHEAD: Final = (timedelta(hours=2), timedelta(days=2), timedelta(days=40), timedelta(days=366 * 9))
_FIELDS: Final = 5
_ANY: Final = datetime(2026, 1, 1)  # noqa: DTZ001 - only whether it can be read
# Digits, names of months and days, and * , - / L #. Whatever else a library may know, a firing depends on nothing but
# expression, zone and time: no field is drawn at random.
_FIELD: Final = re.compile(
    r"(?:[0-9*,/L#-]|(?<![A-Z])(?:JAN|FEB|MAR|APR|MAY|JUN|JUL|AUG|SEP|OCT|NOV|DEC|SUN|MON|TUE|WED|THU|FRI|SAT))+",
    re.IGNORECASE | re.ASCII,
)


def check_cron(cron: str) -> None:
    """Refuse what is not a cron expression of five fields, or never fires.

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
    if len(fields) != _FIELDS or not all(_FIELD.fullmatch(one) for one in fields):
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
    """Return the moments in ``(after, until]`` at which it fires, ascending, in UTC.

    The expression is read on the clocks of the zone. An hour that is left out in spring moves what is due in it to as
    much later (02:30 becomes 03:30). An hour that comes twice in autumn fires a fixed time once, at its first coming;
    where the hour is ``*`` or ``*/n``, each coming counts, so that "every quarter of an hour" has no gap.
    """
    every_hour = cron.split()[1].startswith("*")
    found: set[datetime] = set()
    for local in _local(cron, zone, after - _AROUND, until + _AROUND):
        found.update(moment for moment in _moments(local, zone, every_hour) if after < moment <= until)
    return sorted(found)


def next_firing(cron: str, zone: ZoneInfo, after: datetime) -> datetime | None:
    """Return when it fires next; ``None``: not in the next years."""
    for span in _LOOK_AHEAD:
        if found := firings(cron, zone, after, after + span):
            return found[0]
    return None


def _local(cron: str, zone: ZoneInfo, start: datetime, end: datetime) -> Iterator[datetime]:
    """Yield the matching times on the zone's clocks, without an offset."""
    first, last = (moment.astimezone(zone).replace(tzinfo=None) for moment in (start, end))
    for tick in CronSim(cron, first):
        if tick > last:
            return
        yield tick


def _moments(local: datetime, zone: ZoneInfo, every_hour: bool) -> Iterator[datetime]:
    first, second = (local.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1))
    yield first  # in an hour that is left out: by the offset before, which is as much later by the one after
    twice = second > first
    if twice and every_hour:
        yield second
