"""Which part of the data a question is about."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import Enum, StrEnum
from functools import cache, lru_cache
from typing import Final
from uuid import UUID
from zoneinfo import ZoneInfo, available_timezones

from models.errors import InvalidRequest

# From this length on, a range is read to the hour.
LONG_HOURS: Final = 48
# A look at every day of the longest range that is kept; clock changes are weeks apart.
_MAX_LOOKS: Final = 1_000
# In the system's list, but no zone of the database of time zones.
_NOT_IN_CLICKHOUSE: Final = frozenset({"localtime", "posixrules", "Factory"})
FILTERS: Final = ("provider", "query_type", "channel", "country", "segment")


class AllTenants(Enum):
    """The type of ``ALL_TENANTS``: asking across tenants is said aloud, never an omission."""

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
    """A range of one tenant, or of all, narrowed by filters: to a value, or to any of several (``None``: not narrowed).

    Parameters
    ----------
    start, end
        Aware. The range is ``[start, end)``, to the minute: both ends move up to the next whole minute, each by itself,
        so ranges that touch neither overlap nor leave a gap, however long each is.
    time_zone
        Whose days and weeks a time series has; a name of the IANA database.
    durable_days
        For how many days after its end a conversation must not come back to count as durably resolved.
    as_of
        The moment at which that is judged; ``None``: the database's now.

    Raises
    ------
    SettingsError
        The range ends before it begins, a time without an offset, or an unknown time zone.
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
        """Refuse what cannot be asked."""
        if self.start.tzinfo is None or self.end.tzinfo is None:
            raise InvalidRequest("from", "a range needs times with an offset, for example 2026-11-01T08:00+01:00")
        if self.end < self.start:
            raise InvalidRequest("from", f"the range ends before it begins: {self.end} is before {self.start}")
        if not 1 <= self.durable_days <= 90:
            raise InvalidRequest("durable_days", f"{self.durable_days} is given; expected 1 to 90")
        zone(self.time_zone)

    @property
    def first(self) -> datetime:
        """The first moment of the range as it is read, in UTC."""
        return _up(self.start, 60)

    @property
    def limit(self) -> datetime:
        """The first moment after the range as it is read, in UTC."""
        return _up(self.end, 60)

    @property
    def zone(self) -> ZoneInfo:
        """The time zone."""
        return zone(self.time_zone)

    @property
    def filters(self) -> dict[str, str | tuple[str, ...]]:
        """What the scope is narrowed to, by dimension."""
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
        There is none of that name.
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
    """Return the end that stands for now in a range that nobody gave an end: the next whole minute.

    From two days on it is the next whole hour, where the zone's hours are UTC's: what is kept by the hour answers then,
    and the same question has the same answer until the hour is over.
    """
    hours = int(now.timestamp()) // 3600 - int(start.timestamp()) // 3600
    long = hours >= LONG_HOURS and _whole_hours(time_zone, start.astimezone(UTC), now.astimezone(UTC))
    return _up(now, 3600 if long else 60)


@lru_cache(maxsize=4096)
def _whole_hours(name: str, start: datetime, end: datetime) -> bool:
    local, whole = zone(name), timedelta(hours=1)
    # Lord Howe Island's clocks change by half an hour: both ends may fit where the summer between them does not.
    days = min((end - start) // timedelta(days=1) + 1, _MAX_LOOKS)
    looks = [start + (end - start) * step / days for step in range(days + 1)]
    return all(not (moment.astimezone(local).utcoffset() or timedelta()) % whole for moment in looks)


def last_days(days: int, now: datetime, tenant: UUID | AllTenants) -> Scope:
    """Return the scope of the last ``days`` days (see ``up_to_now``)."""
    end = up_to_now(now, now - timedelta(days=days))
    return Scope(end - timedelta(days=days), end, tenant)
