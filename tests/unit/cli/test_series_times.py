from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cli.series_times import TimeFormat, TimeReader, checked_format
from models.errors import SettingsError

MORNING = datetime(2026, 1, 5, 8, 30, tzinfo=UTC)
MOMENTS = st.datetimes(datetime(1975, 1, 1), datetime(2099, 12, 31)).map(  # noqa: DTZ001 - given UTC here
    lambda moment: moment.replace(tzinfo=UTC, second=0, microsecond=0)
)


def read(text: str, pattern: str = "", *, day_first: bool = False, decimal: str = ".") -> datetime:
    format_ = checked_format(pattern, day_first=day_first, decimal=decimal)
    return datetime.fromtimestamp(TimeReader(format_).read(text), UTC)


@pytest.mark.parametrize(
    "text",
    [
        "2026-01-05T08:30:00Z",
        "2026-01-05 08:30",
        "2026-01-05 8:30",
        "2026/01/05 08:30:00",
        "2026-01-05T14:00:00+05:30",
        "2026-01-05 08:30:00 UTC",
        "2026-01-05 14:00:00 +0530",
        "2026-01-05 14:15:00 +05:45",
        "2026-W02-1T08:30",
        "202601050830",
        "20260105083000",
        "1767601800",
        "1767601800.0",
        "1767601800000",
        "1767601800000000",
        "1767601800000000000",
        "1.7676018e9",
    ],
)
def test_what_can_be_one_moment_only_is_recognised(text: str) -> None:
    assert read(text) == MORNING


def test_a_date_without_separators_is_a_date_and_no_second_of_1970() -> None:
    assert read("20260105") == datetime(2026, 1, 5, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("1900", "--time-format s"),
        ("2026", "%Y (years)"),
        ("202601", "%Y%m (months)"),
        ("46027", "excel"),
        ("46027.354166", "excel"),
        ("1", "elapsed"),
        ("-1767601800", "--time-format"),
        ("2026010508", "--time-format %Y%m%d%H"),
        ("20261301", "--time-format"),
        ("638200000000000000", "--time-format"),  # ticks since the year 1
        ("133800000000000000", "--time-format"),  # ticks since 1601
        ("13380000000000000", "--time-format"),  # microseconds since 1601
        ("9999999999999999999", "--time-format"),
        ("05/01/2026", "--day-first"),
        ("13.01.26 08:30", "--day-first"),
        ("01-05-2026 8:30 PM", "--day-first"),
        ("2026-13-01", "--time-format"),
        ("2026-01-05 01:00 PM", "--time-format"),
        ("8:30", "--time-format"),
        ("Mon, 05 Jan 2026 08:30:00 +0000", "--time-format"),
        ("1_767_601_800", "--time-format"),
        ("nan", "--time-format"),
        ("inf", "--time-format"),
        ("", "--time-format"),
    ],
)
def test_what_may_be_something_else_is_refused_with_the_way_to_say_it(text: str, said: str) -> None:
    with pytest.raises(ValueError, match=r"expected|which|may be") as refused:
        read(text)
    assert said in str(refused.value)


@pytest.mark.parametrize(
    ("text", "pattern"),
    [
        ("46027.3541666667", "excel"),
        ("44565.3541666667", "excel1904"),
        ("05.01.2026 08:30", "%d.%m.%Y %H:%M"),
        ("01/05/2026 08:30 AM", "%m/%d/%Y %I:%M %p"),
        ("2026010508 30", "%Y%m%d%H %M"),
        ("Mon, 05 Jan 2026 09:30:00 +0100", "%a, %d %b %Y %H:%M:%S %z"),
        ("1767601800", "s"),
        ("1767601800000", "ms"),
    ],
)
def test_times_are_read_in_the_format_that_is_said(text: str, pattern: str) -> None:
    assert abs(read(text, pattern) - MORNING) < timedelta(milliseconds=2)


def test_small_numbers_are_seconds_once_that_is_said_and_where_a_column_begins_at_0() -> None:
    assert read("1900", "s").timestamp() == 1900.0
    reader = TimeReader(TimeFormat())
    assert [reader.read(text) for text in ("0", "60", "120.5")] == [0.0, 60.0, 120.5]


def test_years_are_years_once_that_is_said() -> None:
    assert read("1900", "%Y") == datetime(1900, 1, 1, tzinfo=UTC)
    assert read("202601", "%Y%m") == datetime(2026, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize("text", ["05/01/2026 08:30", "5.1.26 8:30:00", "05-01-2026  08:30", "05/01/2026 08:30Z"])
def test_days_come_first_once_that_is_said(text: str) -> None:
    assert read(text, day_first=True) == MORNING


def test_serial_numbers_may_have_a_decimal_comma() -> None:
    assert abs(read("46027,3541666667", "excel", decimal=",") - MORNING) < timedelta(milliseconds=2)


def test_numbers_of_a_column_have_one_unit() -> None:
    reader = TimeReader(TimeFormat())
    reader.read("1767601800000")
    with pytest.raises(ValueError, match="the times above are ms"):
        reader.read("1767601860")
    days = TimeReader(TimeFormat())
    days.read("20260105")
    with pytest.raises(ValueError, match="like those above"):
        days.read("1767601860")


@pytest.mark.parametrize("pattern", ["seconds", "%Q", "%H:%M", "%Y%m%d%H%M%S%", "iso"])
def test_a_format_that_is_none_is_refused(pattern: str) -> None:
    with pytest.raises(SettingsError, match="--time-format is"):
        checked_format(pattern, day_first=False, decimal=".")


def test_a_decimal_sign_that_is_none_and_two_ways_to_say_the_day_are_refused() -> None:
    with pytest.raises(SettingsError, match="--decimal is"):
        checked_format("", day_first=False, decimal=";")
    with pytest.raises(SettingsError, match="leave out --day-first"):
        checked_format("%d.%m.%Y", day_first=True, decimal=".")


@settings(deadline=None, max_examples=100)
@given(MOMENTS, st.sampled_from([1, 1000, 1_000_000]))
def test_an_epoch_time_is_read_as_its_moment_or_refused(moment: datetime, scale: int) -> None:
    text = str(int(moment.timestamp()) * scale)
    try:
        found = read(text)
    except ValueError:
        # Ten digits that are a date and an hour, too.
        datetime.strptime(text, "%Y%m%d%H")  # noqa: DTZ007 - only whether it can be read
        return
    assert found == moment


@settings(deadline=None, max_examples=200)
@given(st.text(max_size=30) | st.floats().map(str) | st.integers().map(str), st.booleans())
def test_any_text_is_a_time_or_refused(text: str, day_first: bool) -> None:
    try:
        found = TimeReader(TimeFormat(day_first=day_first)).read(text)
    except ValueError:
        return
    assert isinstance(datetime.fromtimestamp(found, UTC), datetime)


def in_zone(texts: list[str], name: str, pattern: str = "", *, day_first: bool = False) -> list[str]:
    reader = TimeReader(checked_format(pattern, day_first=day_first, decimal="", time_zone=name))
    return [f"{datetime.fromtimestamp(reader.read(text), UTC):%m-%d %H:%M}" for text in texts]


@pytest.mark.parametrize(
    ("text", "pattern"),
    [
        ("2026-01-05 14:15", ""),
        ("202601051415", ""),
        ("5.1.2026 14:15", ""),
        ("05/01/2026 14:15", "%d/%m/%Y %H:%M"),
        ("46027.59375", "excel"),
        ("2026-01-05 08:30 UTC", ""),
        ("2026-01-05T09:30+01:00", ""),
        ("1767601800", ""),
    ],
)
def test_a_time_without_an_offset_is_on_the_clocks_of_the_zone(text: str, pattern: str) -> None:
    assert in_zone([text], "Asia/Kathmandu", pattern, day_first=not pattern) == ["01-05 08:30"]


def test_an_hour_that_the_clocks_have_twice_is_read_in_the_order_of_the_rows() -> None:
    twice = ["2026-10-25 01:30", "2026-10-25 02:30", "2026-10-25 02:30", "2026-10-25 03:30"]
    assert in_zone(twice, "Europe/Berlin") == ["10-24 23:30", "10-25 00:30", "10-25 01:30", "10-25 02:30"]
    by_quarter = [f"2026-04-05 01:{minute}" for minute in ("15", "30", "45")]  # half an hour twice, on Lord Howe
    assert in_zone([*by_quarter, *by_quarter[1:], "2026-04-05 02:00"], "Australia/Lord_Howe") == [
        "04-04 14:15",
        "04-04 14:30",
        "04-04 14:45",
        "04-04 15:00",
        "04-04 15:15",
        "04-04 15:30",
    ]


def test_an_hour_that_the_clocks_skip_is_where_they_went_on() -> None:
    assert in_zone(["2026-03-29 01:59", "2026-03-29 02:30", "2026-03-29 03:30"], "Europe/Berlin") == [
        "03-29 00:59",
        "03-29 01:30",
        "03-29 01:30",
    ]


@pytest.mark.parametrize("text", ["0001-01-01", "9999-12-31 23:59", "9999-12-31T23:59-12:00"])
def test_a_time_that_no_clock_can_show_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="expected a time"):
        in_zone([text], "America/Anchorage")
