from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from typing import Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kpis.period import instant, is_period, midnight, period
from kpis.scope import time_zones, zone
from models.errors import InvalidRequest, SettingsError


def shown(text: str, end: str, zone: str = "Europe/Berlin") -> str:
    return " to ".join(f"{one:%Y-%m-%d %H:%M}" for one in period(text, datetime.fromisoformat(end), zone))


@pytest.mark.parametrize(
    ("text", "end", "expected"),
    [
        ("24h", "2026-10-25T12:00+01:00", "2026-10-24 11:00 to 2026-10-25 11:00"),
        ("1d", "2026-10-25T12:00+01:00", "2026-10-24 10:00 to 2026-10-25 11:00"),
        ("7d", "2026-03-30T07:00+02:00", "2026-03-23 06:00 to 2026-03-30 05:00"),
        ("1w", "2026-03-30T07:00+02:00", "2026-03-23 06:00 to 2026-03-30 05:00"),
        ("1M", "2026-03-31T00:00+02:00", "2026-02-27 23:00 to 2026-03-30 22:00"),
        ("1Q", "2026-01-01T00:00+01:00", "2025-09-30 22:00 to 2025-12-31 23:00"),
        ("1y", "2028-02-29T00:00+01:00", "2027-02-27 23:00 to 2028-02-28 23:00"),
        ("last-day", "2026-10-26T07:00+01:00", "2026-10-24 22:00 to 2026-10-25 23:00"),
        ("last-week", "2026-01-01T07:00+01:00", "2025-12-21 23:00 to 2025-12-28 23:00"),
        ("last month", "2026-03-01T07:00+01:00", "2026-01-31 23:00 to 2026-02-28 23:00"),
        ("last-quarter", "2026-05-05T07:00+02:00", "2025-12-31 23:00 to 2026-03-31 22:00"),
        ("last-year", "2026-05-05T07:00+02:00", "2024-12-31 23:00 to 2025-12-31 23:00"),
    ],
)
def test_a_range_follows_the_calendar_of_its_zone(text: str, end: str, expected: str) -> None:
    assert is_period(text)
    assert shown(text, end) == expected


@pytest.mark.parametrize(
    "text",
    ["", "soon", "0d", "1", "d", "7d\n", "\u0667d", "\uff17d", "1.5d", "-1d", "last", "last-decade", "1D"],
)
def test_anything_else_is_refused_with_what_was_expected(text: str) -> None:
    with pytest.raises(SettingsError, match="expected a number and"):
        period(text, datetime(2026, 1, 1, tzinfo=UTC), "UTC")


@pytest.mark.parametrize("text", ["9999y", "1999y", "200y", "60y", "8000w"])
def test_a_range_that_begins_before_all_events_is_refused(text: str) -> None:
    """The database's times begin in 1970: an earlier start was another one, or no time at all."""
    with pytest.raises(InvalidRequest, match="begins before 1971"):
        period(text, datetime(2026, 1, 1, tzinfo=UTC), "UTC")


ZONES: Final = sorted(time_zones())
DAYS: Final = st.dates(date(2000, 1, 2), date(2099, 12, 30))
COUNTED: Final = st.sampled_from(["1d", "7d", "30d", "1w", "4w", "1M", "3M", "1Q", "1y"])
LAST: Final = st.sampled_from(["day", "week", "month", "quarter", "year"])


def changes(name: str) -> list[date]:
    """Return the days of two years on which a zone's clocks change; the first where none is."""
    days = [date(2026, 1, 1) + timedelta(days=number) for number in range(731)]
    offsets = [datetime(day.year, day.month, day.day, tzinfo=zone(name)).utcoffset() for day in days]
    return [day for day, pair in zip(days, pairwise(offsets), strict=False) if pair[0] != pair[1]] or days[:1]


def test_days_touch_in_every_zone_around_every_clock_change() -> None:
    """By their own names, and counted back from where the next begins."""
    assert len(ZONES) > 590
    wrong = []
    for name in ZONES:
        for change in changes(name):
            days = [change + timedelta(days=number) for number in range(-1, 3)]
            begins = [midnight(day, name) for day in days]
            counted = [period("1d", begin, name) for begin in begins]
            last = [period("last-day", begin, name) for begin in begins]
            named = list(pairwise(begins))
            if counted[1:] != named or last[1:] != named:
                wrong.append((name, change))
            if [begin.astimezone(zone(name)).date() for begin in begins] != days:
                wrong.append((name, change))
    assert wrong == []


@settings(max_examples=300, deadline=None, derandomize=True)
@given(name=st.sampled_from(ZONES), day=DAYS, text=COUNTED)
def test_whole_days_counted_back_end_where_the_ones_after_begin(name: str, day: date, text: str) -> None:
    end = instant(day, name)
    start, limit = period(text, end, name)
    assert limit == end
    local = start.astimezone(zone(name))
    assert start == midnight(local.date(), name)
    earlier, until = period(text, start, name)
    assert earlier < until == start


@settings(max_examples=300, deadline=None, derandomize=True)
@given(name=st.sampled_from(ZONES), day=DAYS, seconds=st.integers(0, 86_399), unit=LAST)
def test_the_last_ones_tile_the_calendar(name: str, day: date, seconds: int, unit: str) -> None:
    """Asked at any moment, the last one is whole, over, and begins where the last one of its beginning ended."""
    moment = midnight(day, name) + timedelta(seconds=seconds)
    start, end = period(f"last-{unit}", moment, name)
    assert start < end <= moment
    assert period(f"last-{unit}", start, name)[1] == start
    assert period(f"last-{unit}", end, name) == (start, end)


@settings(max_examples=300, deadline=None, derandomize=True)
@given(name=st.sampled_from(ZONES), day=DAYS, at=st.times(), later=st.integers(0, 86_400))
def test_named_moments_keep_their_order(name: str, day: date, at: time, later: int) -> None:
    """Whatever clocks do, two days apart is later: a range that is named by local times never ends before it begins."""
    local = datetime.combine(day, at)
    assert instant(local, name) < instant(local + timedelta(days=2, seconds=later), name)
