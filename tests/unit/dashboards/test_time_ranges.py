"""Ranges of the time picker: what Grafana makes of their expressions, beside what commands take for the same range."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta

import pytest

from dashboards.grafana import render
from dashboards.tabs import ALL
from dashboards.time_ranges import quick_ranges, up_to_now
from kpis.scope import ALL_TENANTS, last_days

_UNITS = {"m": "minutes", "h": "hours", "d": "days"}


def _moment(expression: str, now: datetime, *, is_end: bool) -> datetime:
    """As Grafana reads it: "/h" is the first moment of the hour at the start of a range, its last one at the end."""
    found = re.fullmatch(r"now(?:-(\d+)([mhd]))?(/h)?", expression)
    assert found is not None, expression
    moment = now - timedelta(**{_UNITS[found[2]]: int(found[1])}) if found[1] else now
    if found[3] is None:
        return moment
    hour = moment.replace(minute=0, second=0, microsecond=0)
    return hour + timedelta(hours=1, milliseconds=-1) if is_end else hour


def _rounded_up(moment: datetime) -> datetime:
    """As the statements round: the macro drops what is beyond the second, then the next whole minute."""
    seconds = int(moment.timestamp())
    return datetime.fromtimestamp(-(-seconds // 60) * 60, UTC)


@pytest.mark.parametrize("days", [2, 7, 14, 30, 90, 365])
@pytest.mark.parametrize("minute", ["00:00.000", "00:00.500", "00:59.999", "29:30.000", "59:00.000", "59:59.999"])
def test_the_last_days_of_a_dashboard_are_those_of_a_command(days: int, minute: str) -> None:
    now = datetime.fromisoformat(f"2026-03-29T09:{minute}+00:00")
    start, end = up_to_now(f"{days}d")
    scope = last_days(days, now + timedelta(milliseconds=1), ALL_TENANTS)
    told = (_rounded_up(_moment(start, now, is_end=False)), _rounded_up(_moment(end, now, is_end=True)))
    assert told == (scope.start, scope.end)


@pytest.mark.parametrize("length", ["5m", "15m", "24h", "47h", "1d"])
def test_a_range_below_two_days_ends_now(length: str) -> None:
    assert up_to_now(length) == (f"now-{length}", "now")


def test_a_range_of_two_days_in_hours_is_the_one_in_days() -> None:
    assert up_to_now("48h") == up_to_now("2d") == ("now-47h/h", "now/h")


def test_every_dashboard_opens_with_a_range_that_its_time_picker_names() -> None:
    for tab in ALL:
        built = json.loads(render(tab))
        named = {(one["from"], one["to"]): one["display"] for one in built["timepicker"]["quick_ranges"]}
        assert named[built["time"]["from"], built["time"]["to"]].startswith("Last "), tab.uid


def test_the_time_picker_lists_an_unusual_range_of_a_board_in_its_place() -> None:
    names = [one.build().display for one in quick_ranges("100d")]
    assert names[names.index("Last 90 days") + 1] == "Last 100 days"
    assert len(names) == len(set(names))
