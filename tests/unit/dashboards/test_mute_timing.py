"""When warnings are not told: outside of the installation's own working hours."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from cli.installation import installation
from cli.settings import Settings, settings
from dashboards.alerts import mute_timing
from dashboards.files import generated
from models.working_hours import WEEK, WorkingHours, working_hours

MONDAY = datetime(2026, 11, 30)  # noqa: DTZ001 - on any clock


def intervals(hours: WorkingHours) -> list[dict[str, Any]]:
    (timing,) = json.loads(mute_timing.render(hours))["muteTimes"]
    assert timing["name"] == "romashka-out-of-hours"
    found: list[dict[str, Any]] = timing["time_intervals"]
    return found


def is_muted(hours: WorkingHours, at: datetime) -> bool:
    """Whether a time is within an interval, as Alertmanager decides it; its end is not."""
    for interval in intervals(hours):
        here = at.astimezone(ZoneInfo(interval.get("location", "UTC")))
        times = interval.get("times", [{"start_time": "00:00", "end_time": "24:00"}])
        in_days = WEEK[here.weekday()] in interval.get("weekdays", WEEK)
        in_times = any(one["start_time"] <= f"{here:%H:%M}" < one["end_time"] for one in times)
        if in_days and in_times and str(here.year) in interval.get("years", [str(here.year)]):
            return True
    return False


def told(hours: WorkingHours) -> dict[str, tuple[str, str]]:
    """Return from when until when each day of a week is told of warnings, by the zone's own clock."""
    found = {}
    for day in range(7):
        clock = [MONDAY.replace(tzinfo=ZoneInfo(hours.time_zone)) + timedelta(days=day, minutes=m) for m in range(1440)]
        if open_ := [at for at in clock if not is_muted(hours, at)]:
            found[WEEK[day]] = (f"{open_[0]:%H:%M}", f"{open_[-1]:%H:%M}")
    return found


@pytest.mark.parametrize(
    ("given", "days", "span"),
    [
        (("UTC", "monday:friday", "07:00-19:00"), WEEK[:5], ("07:00", "18:59")),
        (("Asia/Riyadh", "sunday:thursday", "08:00-17:00"), (*WEEK[:4], "sunday"), ("08:00", "16:59")),
        (("Pacific/Auckland", "Monday, wednesday:friday", "00:00-24:00"), (WEEK[0], *WEEK[2:5]), ("00:00", "23:59")),
        (("Asia/Kathmandu", "saturday:friday", "09:30-24:00"), WEEK, ("09:30", "23:59")),
        (("UTC", "monday:sunday", "00:00-24:00"), WEEK, ("00:00", "23:59")),
    ],
)
def test_warnings_are_told_in_the_hours_and_days_that_were_set(
    given: tuple[str, str, str], days: tuple[str, ...], span: tuple[str, str]
) -> None:
    assert told(working_hours(*given)) == dict.fromkeys(days, span)


def test_a_timing_always_has_an_interval_because_grafana_refuses_one_without() -> None:
    assert intervals(working_hours("UTC", "monday:sunday", "00:00-24:00")) == [{"years": ["1970"]}]


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("time_zone", "Arabia/Riyadh", "a time zone such as Asia/Riyadh"),
        ("time_zone", "../etc/passwd", "a time zone such as Asia/Riyadh"),
        ("time_zone", "", "a time zone such as Asia/Riyadh"),
        ("days", "mon-fri", "days of the week"),
        ("days", "", "days of the week"),
        ("days", "monday:friday:sunday", "days of the week"),
        ("hours", "7-19", "hours of one day"),
        ("hours", "19:00-07:00", "hours of one day"),
        ("hours", "07:00-24:30", "hours of one day"),
    ],
)
def test_a_wrong_setting_is_refused_with_what_was_expected(name: str, value: str, expected: str) -> None:
    with pytest.raises(ValueError, match=expected):
        Settings(**{f"working_{name}": value})  # type: ignore[arg-type]  # a text, as every setting here


def test_the_settings_of_the_installation_are_those_of_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (("TIME_ZONE", "Asia/Riyadh"), ("DAYS", "sunday:thursday"), ("HOURS", "08:00-17:00")):
        monkeypatch.setenv(f"ROMASHKA_WORKING_{name}", value)
    settings.cache_clear()
    try:
        found = installation()
    finally:
        settings.cache_clear()
    assert "Asia/Riyadh" in generated(found)[mute_timing.FILE]
    assert found.hours == working_hours("Asia/Riyadh", "sunday:thursday", "08:00-17:00")
