from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from kpis.scope import ALL_TENANTS, Scope, last_days, up_to_now, whole_hours
from models.errors import SettingsError

NOW = datetime(2026, 11, 22, 10, 30, 15, tzinfo=UTC)


def test_a_range_that_ends_before_it_begins_is_refused() -> None:
    with pytest.raises(SettingsError, match="ends before it begins"):
        Scope(NOW, NOW - timedelta(minutes=1), ALL_TENANTS)


@pytest.mark.parametrize("start", [datetime(1969, 12, 31, tzinfo=UTC), datetime(27, 1, 1, tzinfo=UTC)])
def test_a_range_that_the_database_cannot_hold_is_refused(start: datetime) -> None:
    """Where it was not, an earlier start was another one."""
    with pytest.raises(SettingsError, match="expected 1970 to 2106"):
        Scope(start, NOW, ALL_TENANTS)


def test_a_time_without_an_offset_is_refused() -> None:
    with pytest.raises(SettingsError, match="with an offset"):
        Scope(NOW.replace(tzinfo=None), NOW, ALL_TENANTS)


def test_an_unknown_time_zone_is_named() -> None:
    with pytest.raises(SettingsError, match="no time zone 'Mars/Olympus'"):
        Scope(NOW, NOW, ALL_TENANTS, time_zone="Mars/Olympus")


@pytest.mark.parametrize("days", [0, 91])
def test_durable_days_have_bounds(days: int) -> None:
    with pytest.raises(SettingsError, match="expected 1 to 90"):
        Scope(NOW, NOW, ALL_TENANTS, durable_days=days)


@pytest.mark.parametrize(("zone", "whole"), [("UTC", True), ("Europe/Berlin", True), ("Asia/Kolkata", False)])
def test_hours_fit_where_the_offset_is_of_whole_hours(zone: str, whole: bool) -> None:
    assert whole_hours(Scope(NOW - timedelta(days=300), NOW, ALL_TENANTS, time_zone=zone)) is whole


def test_the_last_days_end_now_on_a_whole_hour() -> None:
    scope = last_days(7, NOW, ALL_TENANTS)
    assert (scope.start, scope.end) == (utc("2026-11-15T11:00:00"), utc("2026-11-22T11:00:00"))


@pytest.mark.parametrize(
    ("hours", "zone", "expected"),
    [
        (24, "UTC", "2026-11-22T10:31:00"),
        (48, "Europe/Berlin", "2026-11-22T11:00:00"),
        (48, "Asia/Kolkata", "2026-11-22T10:31:00"),
    ],
)
def test_now_is_the_next_minute_and_from_two_days_on_the_next_hour(hours: int, zone: str, expected: str) -> None:
    assert up_to_now(NOW, NOW - timedelta(hours=hours), zone) == utc(expected)


def test_a_long_range_and_a_short_one_that_touch_leave_no_gap() -> None:
    middle = utc("2026-11-20T10:30:00")
    long, short = Scope(middle - timedelta(days=9), middle, ALL_TENANTS), Scope(middle, NOW, ALL_TENANTS)
    assert long.limit == short.first == middle


@pytest.mark.parametrize(
    ("start", "end", "first", "limit"),
    [
        ("2026-11-22T10:30:00", "2026-11-22T11:00:00", "2026-11-22T10:30:00", "2026-11-22T11:00:00"),
        ("2026-11-22T10:30:00.001", "2026-11-22T11:00:15", "2026-11-22T10:31:00", "2026-11-22T11:01:00"),
        ("2026-11-20T10:00:00", "2026-11-22T10:00:00", "2026-11-20T10:00:00", "2026-11-22T10:00:00"),
        ("2026-10-22T10:30:00", "2026-11-22T10:30:15", "2026-10-22T10:30:00", "2026-11-22T10:31:00"),
    ],
)
def test_both_ends_move_up_so_that_ranges_that_touch_never_overlap(
    start: str, end: str, first: str, limit: str
) -> None:
    scope = Scope(utc(start), utc(end), ALL_TENANTS)
    assert (scope.first, scope.limit) == (utc(first), utc(limit))


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)
