from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from models.errors import SettingsError
from reports.cron import check_cron, firings, next_firing

BERLIN = ZoneInfo("Europe/Berlin")


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def fired(cron: str, after: str, until: str, zone: ZoneInfo = BERLIN) -> list[str]:
    return [f"{moment:%d %H:%M}" for moment in firings(cron, zone, utc(after), utc(until))]


def test_it_fires_on_the_clocks_of_its_zone() -> None:
    assert fired("0 7 * * 1", "2026-11-01", "2026-11-17") == ["02 06:00", "09 06:00", "16 06:00"]
    assert fired("0 7 * * 1", "2026-07-01", "2026-07-14") == ["06 05:00", "13 05:00"]


def test_the_first_moment_is_left_out_and_the_last_is_taken() -> None:
    assert fired("0 7 * * *", "2026-11-02 06:00", "2026-11-03 06:00") == ["03 06:00"]


def test_a_time_that_spring_leaves_out_comes_as_much_later_and_once() -> None:
    # On 29 March 2026 the clocks go from 02:00 to 03:00.
    assert fired("30 2 * * *", "2026-03-28 12:00", "2026-03-30 12:00") == ["29 01:30", "30 00:30"]
    assert fired("30 2,3 * * *", "2026-03-28 12:00", "2026-03-29 12:00") == ["29 01:30"]


def test_a_fixed_time_that_autumn_has_twice_fires_at_its_first_coming() -> None:
    # On 25 October 2026 the clocks go from 03:00 back to 02:00.
    assert fired("30 2 * * *", "2026-10-24 12:00", "2026-10-25 12:00") == ["25 00:30"]


def test_every_hour_and_every_quarter_have_neither_gap_nor_repeat_when_clocks_change() -> None:
    for after, until in (("2026-03-28 20:00", "2026-03-29 08:00"), ("2026-10-24 20:00", "2026-10-25 08:00")):
        quarters = firings("*/15 * * * *", BERLIN, utc(after), utc(until))
        assert len(quarters) == 48
        assert {later - earlier for earlier, later in itertools.pairwise(quarters)} == {timedelta(minutes=15)}
        assert len(firings("0 * * * *", BERLIN, utc(after), utc(until))) == 12


def test_a_zone_with_a_change_of_half_an_hour_is_right_too() -> None:
    # Lord Howe Island, 5 April 2026: from 02:00 back to 01:30.
    found = firings("45 1 * * *", ZoneInfo("Australia/Lord_Howe"), utc("2026-04-04 12:00"), utc("2026-04-05 12:00"))
    assert found == [utc("2026-04-04 14:45")]


def test_the_next_firing_may_be_years_away() -> None:
    assert next_firing("0 0 29 2 *", BERLIN, utc("2026-11-01")) == utc("2028-02-28 23:00")


@pytest.mark.parametrize(
    "cron",
    [
        *(
            "",
            "@daily",
            "0 7 * *",
            "0 7 * * 1 0",
            "61 * * * *",
            "a b c d e",
            "0 7 * * 9",
            "\u0661 * * * *",
            "* * LW * *",
        ),
        *(
            "R * * * *",
            "H * * * *",
            "R(0-5) * * * *",
            "h(1-5) * * * *",
            "0 R * * *",
            "0 7 ? * 1",
            "0 7 1W * *",
            "0 7 * * ,",
        ),
    ],
)
def test_what_is_not_five_fields_of_cron_is_refused_with_an_example(cron: str) -> None:
    with pytest.raises(SettingsError, match=r"cron: .*'0 7 \* \* 1'"):
        check_cron(cron)


def test_a_day_that_never_comes_is_refused() -> None:
    with pytest.raises(SettingsError, match="never comes"):
        check_cron("0 0 30 2 *")


@pytest.mark.parametrize(
    "cron", ["0 7 * * MON-FRI", "0 7 L * *", "0 7 * JAN,jul 1#2", "*/7 1-5/2 * * 5L", "0 7 29 2 *"]
)
@pytest.mark.parametrize("zone", ["Europe/Berlin", "Asia/Kathmandu", "America/St_Johns", "UTC"])
def test_a_firing_depends_on_nothing_but_expression_zone_and_time(cron: str, zone: str) -> None:
    check_cron(cron)
    after, until = utc("2027-12-20 10:00"), utc("2028-04-10 10:00")
    once = firings(cron, ZoneInfo(zone), after, until)
    assert once
    middle = once[len(once) // 2]
    for cut in (middle, middle + timedelta(seconds=17), middle - timedelta(minutes=1)):
        parts = [*firings(cron, ZoneInfo(zone), after, cut), *firings(cron, ZoneInfo(zone), cut, until)]
        assert parts == once, "wherever the looks at it are cut"


@pytest.mark.parametrize(
    "cron", ["*/61 * * * *", "0 */24 * * *", "0 0 */32 * *", "0 0 1 */13 *", "0 7 * * 1\n", "0\u20287 * * 1"]
)
def test_a_step_longer_than_its_field_and_a_line_s_end_are_refused(cron: str) -> None:
    with pytest.raises(SettingsError, match="no cron expression"):
        check_cron(cron)
