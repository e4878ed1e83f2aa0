from __future__ import annotations

from datetime import UTC, datetime

import pytest

from kpis.period import is_period, period
from models.errors import SettingsError


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
    "text", ["", "soon", "0d", "1", "d", "7d\n", "1.5d", "-1d", "last", "last-decade", "1D", "9999y"]
)
def test_anything_else_is_refused_with_what_was_expected(text: str) -> None:
    with pytest.raises(SettingsError, match=r"expected a number and|before any calendar"):
        period(text, datetime(2026, 1, 1, tzinfo=UTC), "UTC")
