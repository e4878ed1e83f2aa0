"""The scope of a query: tenant, time range and filters."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import Enum, StrEnum
from functools import cache, lru_cache
from typing import Final
from uuid import UUID
from zoneinfo import ZoneInfo, available_timezones

from models.errors import InvalidRequest

# Ranges of at least this length end on a whole hour.
LONG_HOURS: Final = 48
# Number of days checked for clock changes: the longest range that is kept.
_MAX_LOOKS: Final = 1_000
# In the system's list, but not in the IANA database.
_NOT_IN_CLICKHOUSE: Final = frozenset({"localtime", "posixrules", "Factory"})
# What the database's DateTime holds; beyond, it wraps around or is refused.
_FIRST: Final = datetime(1970, 1, 1, tzinfo=UTC)
_LAST: Final = datetime(2106, 1, 1, tzinfo=UTC)
FILTERS: Final = ("provider", "query_type", "channel", "country", "segment")


class AllTenants(Enum):
    """The type of ``ALL_TENANTS``: a query over all tenants must be explicit."""

    TENANTS = "all"


ALL_TENANTS: Final = AllTenants.TENANTS


class Interval(StrEnum):
    """The length of a step of a time series."""

    MINUTE = "minute"
    HOUR = "hour"
    DAY = "day"
    WEEK = "week"


@dataclass(frozen=True)
class Scope:
    """A range of one tenant, or of all, with filters on one or several values (``None``: no filter).

    Parameters
    ----------
    start, end
        Aware. The range is ``[start, end)``, to the minute: both ends are rounded up to the next whole minute, so
        adjacent ranges neither overlap nor leave a gap.
    time_zone
        The time zone of the days and weeks of a series; an IANA name.
    durable_days
        Days after its end without a return that make a resolution durable.
    as_of
        The time at which durability is evaluated; ``None``: the database's current time.

    Raises
    ------
    SettingsError
        The range ends before it begins or is not in the years 1970 to 2106, a time without an offset, or an unknown
        time zone.
    """

    start: datetime
    end: datetime
    tenant: UUID | AllTenants
    provider: str | tuple[str, ...] | None = None
    query_type: str | tuple[str, ...] | None = None
    channel: str | tuple[str, ...] | None = None
    country: str | tuple[str, ...] | None = None
    segment: str | tuple[str, ...] | None = None
    time_zone: str = "UTC"
    durable_days: int = 7
    as_of: datetime | None = None

    def __post_init__(self) -> None:
        """Reject an invalid scope."""
        if self.start.tzinfo is None or self.end.tzinfo is None:
            raise InvalidRequest("from", "a range needs times with an offset, for example 2026-11-01T08:00+01:00")
        if self.end < self.start:
            raise InvalidRequest("from", f"the range ends before it begins: {self.end} is before {self.start}")
        if self.start < _FIRST or self.end > _LAST:
            raise InvalidRequest("from", f"the range is {self.start} to {self.end}; expected {_FIRST:%Y} to {_LAST:%Y}")
        if not 1 <= self.durable_days <= 90:
            raise InvalidRequest("durable_days", f"{self.durable_days} is given; expected 1 to 90")
        zone(self.time_zone)

    @property
    def first(self) -> datetime:
        """The rounded start of the range, in UTC."""
        return _up(self.start, 60)

    @property
    def limit(self) -> datetime:
        """The rounded end of the range, in UTC."""
        return _up(self.end, 60)

    @property
    def zone(self) -> ZoneInfo:
        """The time zone."""
        return zone(self.time_zone)

    @property
    def filters(self) -> dict[str, str | tuple[str, ...]]:
        """The filters by dimension."""
        given = {name: getattr(self, name) for name in FILTERS}
        return {name: value for name, value in given.items() if value is not None}


def _up(moment: datetime, seconds: int) -> datetime:
    past = moment.astimezone(UTC) - datetime.fromtimestamp(0, UTC)
    return datetime.fromtimestamp(-(-past // timedelta(seconds=seconds)) * seconds, UTC)


def zone(name: str) -> ZoneInfo:
    """Return a time zone by its IANA name.

    Raises
    ------
    SettingsError
        There is no zone of that name.
    """
    if name not in time_zones():
        raise InvalidRequest("time_zone", f"there is no time zone '{name}'; expected a name such as Europe/Berlin")
    return ZoneInfo(name)


@cache
def time_zones() -> frozenset[str]:
    """Return the names of time zones that both the program and ClickHouse know."""
    return frozenset(available_timezones()) - _NOT_IN_CLICKHOUSE


def whole_hours(scope: Scope) -> bool:
    """Return whether every hour of UTC in the scope lies in one hour of its time zone (not so in India)."""
    return _whole_hours(scope.time_zone, scope.start.astimezone(UTC), scope.end.astimezone(UTC))


def up_to_now(now: datetime, start: datetime, time_zone: str = "UTC") -> datetime:
    """Return the end of a range up to now: the next whole minute.

    From two days on it is the next whole hour, where the zone's hours are those of UTC: hourly roll-ups suffice then,
    and the result is stable until the hour is over.
    """
    hours = int(now.timestamp()) // 3600 - int(start.timestamp()) // 3600
    long = hours >= LONG_HOURS and _whole_hours(time_zone, start.astimezone(UTC), now.astimezone(UTC))
    return _up(now, 3600 if long else 60)


@lru_cache(maxsize=4096)
def _whole_hours(name: str, start: datetime, end: datetime) -> bool:
    local, whole = zone(name), timedelta(hours=1)
    # Lord Howe Island's clocks change by half an hour: both ends may be aligned when a time between them is not.
    days = min((end - start) // timedelta(days=1) + 1, _MAX_LOOKS)
    looks = [start + (end - start) * step / days for step in range(days + 1)]
    return all(not (moment.astimezone(local).utcoffset() or timedelta()) % whole for moment in looks)


def last_days(days: int, now: datetime, tenant: UUID | AllTenants) -> Scope:
    """Return the scope of the last ``days`` days (see ``up_to_now``)."""
    end = up_to_now(now, now - timedelta(days=days))
    return Scope(end - timedelta(days=days), end, tenant)
