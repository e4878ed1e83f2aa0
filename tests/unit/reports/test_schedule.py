from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kpis.scope import ALL_TENANTS, time_zones
from models.errors import SettingsError
from reports.cron import firings
from reports.request import ReportFormat, ReportType
from reports.schedule import Missed, Schedule, recipient_key

NOON = datetime(2026, 11, 2, 12, 0, tzinfo=UTC)


def schedule(**changes: Any) -> Schedule:
    plain = Schedule(
        tenant=ALL_TENANTS,
        name="Daily",
        type=ReportType.EXECUTIVE,
        format=ReportFormat.PDF,
        cron="0 * * * *",
        time_zone="Europe/Berlin",
        recipients=("mailto:ada@example.com",),
        created_at=NOON,
        since=NOON,
    )
    return replace(plain, **changes)


def test_only_moments_after_it_was_added_are_due() -> None:
    assert schedule().due(NOON) == []
    assert schedule().due(NOON + timedelta(hours=1)) == [NOON + timedelta(hours=1)]


def test_missed_periods_are_caught_up_or_skipped_as_chosen() -> None:
    later = NOON + timedelta(hours=3, minutes=5)
    assert schedule().due(later) == [NOON + timedelta(hours=hour) for hour in (1, 2, 3)]
    assert schedule(missed=Missed.SKIP).due(later) == [NOON + timedelta(hours=3)]


def test_no_more_than_a_hundred_periods_are_caught_up_and_they_are_the_newest() -> None:
    due = schedule().due(NOON + timedelta(days=60))
    assert len(due) == 100
    assert due[-1] == NOON + timedelta(days=60)


def test_a_report_covers_the_range_up_to_its_moment() -> None:
    request = schedule(covers="24h").request(NOON)
    assert (request.start, request.end) == (NOON - timedelta(hours=24), NOON)


def test_a_paused_schedule_has_no_next_moment() -> None:
    assert schedule().next(NOON) == NOON + timedelta(hours=1)
    assert schedule(active=False).next(NOON) is None


def test_the_same_name_of_a_tenant_is_the_same_schedule() -> None:
    assert schedule().id == schedule(cron="5 * * * *").id != schedule(name="Other").id


@pytest.mark.parametrize(
    "recipient",
    [
        "mailto:ada@example.com",
        "mailto:o'ada+x@example.com",
        "mailto:ada@büro.example",
        "https://example.com/hook",
        "http://127.0.0.1:8000/hook",
        "env:ROMASHKA_TO_SLACK",
    ],
)
def test_addresses_without_secrets_are_taken(recipient: str) -> None:
    assert schedule(recipients=(recipient,)).recipients == (recipient,)


@pytest.mark.parametrize(
    ("recipient", "secret"),
    [
        ("slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ/#reports", "TIiajkdnlazkcOXrIdevi7FQ"),
        ("https://user:pa55word@example.com/hook", "pa55word"),
        ("https://example.com/hook?token=pa55word", "pa55word"),
        ("https://hooks.slack.com/services/T1/B1/pa55word", "pa55word"),
        ("mailtos://user:pa55word@gmail.com", "pa55word"),
    ],
)
def test_an_address_with_a_secret_is_refused_without_repeating_it(recipient: str, secret: str) -> None:
    with pytest.raises(SettingsError, match="env:ROMASHKA_TO_SLACK") as refused:
        schedule(recipients=(recipient,))
    assert secret not in str(refused.value)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"recipients": ()}, "somebody to send to"),
        ({"recipients": ("mailto:ada",)}, "one address"),
        ({"recipients": ("mailto:ada@example.com?bcc=eve@example.com",)}, "one address"),
        ({"recipients": ("mailto:ada[eve]@example.com",)}, "one address"),  # was sent to "ada", wherever that is
        ({"recipients": ("mailto:ada(eve)@example.com",)}, "one address"),
        ({"recipients": ("mailto:all:ada@example.com",)}, "one address"),
        ({"recipients": ("mailto:ada@example..com",)}, "one address"),
        ({"recipients": ("mailto:ada@example.com,eve@example.com",)}, "one address"),
        ({"recipients": ("http://example.com/hook",)}, "unencrypted"),
        ({"recipients": ("env:ROMASHKA_CLICKHOUSE_PASSWORD",)}, "ROMASHKA_TO_"),
        ({"time_zone": "Europe/Nowhere"}, "no time zone"),
        ({"cron": "0 7"}, "cron"),
        ({"covers": "soon"}, "time_range"),
        ({"name": "two\nlines"}, "control characters"),
        ({"name": "ends in one\n"}, "control characters"),
        ({"name": "two\u2028lines"}, "line separators"),
        ({"name": "two\x85lines"}, "line separators"),
        ({"recipients": ("mailto:ada@example.com\n",)}, "cannot be printed"),
        ({"recipients": ("env:ROMASHKA_TO_SLACK\n",)}, "cannot be printed"),
        ({"recipients": ("mailto:ada@example.com\u2028",)}, "cannot be printed"),
        ({"recipients": ("https://example.com/a\x85b",)}, "cannot be printed"),
        ({"integrations": ("hubspot\n",)}, "not an integration"),
    ],
)
def test_what_cannot_be_scheduled_is_refused_in_words(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(SettingsError, match=words):
        schedule(**changes)


def test_a_recipients_key_does_not_tell_the_address() -> None:
    assert recipient_key("mailto:ada@example.com") == recipient_key("mailto:ada@example.com")
    assert "ada" not in recipient_key("mailto:ada@example.com")


@pytest.mark.parametrize("zone", ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata", "UTC"])
@pytest.mark.parametrize(
    ("cron", "covers"),
    [
        ("0 7 * * 1", "7d"),
        ("0 7 * * 1", "1w"),
        ("0 7 * * *", "1d"),
        ("30 2 * * *", "1d"),
        ("30 1 * * *", "1d"),
        ("0 0 * * *", "last-day"),
        ("0 6 * * 3", "last-week"),
        ("0 7 1 * *", "1M"),
        ("0 0 L * *", "1M"),
        ("0 7 2 * *", "last-month"),
        ("0 7 1 1,4,7,10 *", "1Q"),
        ("0 7 15 1,4,7,10 *", "last-quarter"),
    ],
)
def test_the_report_of_a_period_ends_where_the_next_begins(zone: str, cron: str, covers: str) -> None:
    one = schedule(cron=cron, covers=covers, time_zone=zone)
    moments = firings(cron, ZoneInfo(zone), datetime(2026, 1, 1, tzinfo=UTC), datetime(2028, 5, 1, tzinfo=UTC))
    ranges = [one.range(moment) for moment in moments]
    assert len(ranges) > 8
    assert [end for _, end in ranges[:-1]] == [start for start, _ in ranges[1:]]


@pytest.mark.parametrize("day", [*range(1, 32), "L"])
@pytest.mark.parametrize("zone", ["Europe/Berlin", "Asia/Kolkata"])
def test_monthly_reports_leave_no_day_out_whatever_day_they_are_sent(day: int | str, zone: str) -> None:
    """A month without a 29th, 30th or 31st sends none: the next report has its days too."""
    one = schedule(cron=f"0 7 {day} * *", covers="1M", time_zone=zone)
    moments = firings(one.cron, ZoneInfo(zone), datetime(2026, 1, 1, tzinfo=UTC), datetime(2028, 5, 1, tzinfo=UTC))
    ranges = [one.range(moment) for moment in moments]
    assert len(ranges) >= 16
    assert [end for _, end in ranges[:-1]] == [start for start, _ in ranges[1:]]
    one.request(moments[-1])


@pytest.mark.parametrize("cron", ["0 0 * * 1", "0 0 * * 1-5", "0 0 1 * *", "0 7 * * 1", "0 0 * * *"])
@pytest.mark.parametrize("zone", ["UTC", "Asia/Kathmandu", "America/New_York", "Pacific/Kiritimati"])
def test_the_last_day_is_a_day_whenever_it_is_sent(cron: str, zone: str) -> None:
    """Sent at the first moment of Monday it was the whole week before."""
    one = schedule(cron=cron, covers="last-day", time_zone=zone)
    for moment in firings(cron, ZoneInfo(zone), datetime(2026, 1, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC)):
        start, end = (bound.astimezone(ZoneInfo(zone)) for bound in one.range(moment))
        assert (end.date() - start.date(), end.time(), start.time()) == (timedelta(days=1), time(), time())
        assert end.date() == moment.astimezone(ZoneInfo(zone)).date()


def test_a_month_that_is_reported_on_once_a_year_stays_a_month() -> None:
    one = schedule(cron="0 7 31 12 *", covers="1M", time_zone="UTC")
    start, end = one.range(datetime(2026, 12, 31, 7, tzinfo=UTC))
    assert (start, end) == (datetime(2026, 11, 30, 7, tzinfo=UTC), datetime(2026, 12, 31, 7, tzinfo=UTC))


@settings(max_examples=50, deadline=None, derandomize=True)
@given(
    zone=st.sampled_from(sorted(time_zones())),
    how=st.sampled_from(
        [
            ("* * *", "1d"),
            ("* * 1", "1w"),
            ("* * 5", "7d"),
            ("1 * *", "1M"),
            ("31 * *", "1M"),
            ("* * 5#1", "1M"),
            ("* * 1#3", "1M"),
        ]
    ),
    hour=st.integers(0, 23),
    minute=st.sampled_from([0, 15, 30, 59]),
    year=st.integers(2015, 2036),
)
def test_reports_of_every_zone_touch(zone: str, how: tuple[str, str], hour: int, minute: int, year: int) -> None:
    one = schedule(cron=f"{minute} {hour} {how[0]}", covers=how[1], time_zone=zone)
    first = datetime(year, 2, 1, tzinfo=UTC)
    moments = firings(one.cron, ZoneInfo(zone), first, first + timedelta(days=70 if how[1] == "1d" else 300))
    ranges = [one.range(moment) for moment in moments]
    assert [end for _, end in ranges[:-1]] == [start for start, _ in ranges[1:]]


@pytest.mark.parametrize(
    ("cron", "covers", "zone"),
    [
        ("0 1 * * 5#1", "1M", "Australia/Lord_Howe"),
        ("0 1 * * 2#4", "1M", "Pacific/Chatham"),
        ("30 2 * * *", "1d", "Antarctica/Troll"),  # where the clocks change by two hours
        ("45 1 * * SUN", "1w", "Antarctica/Troll"),
    ],
)
def test_a_report_ends_where_the_next_begins_on_an_nth_weekday_and_over_two_hours(
    cron: str, covers: str, zone: str
) -> None:
    one = schedule(cron=cron, covers=covers, time_zone=zone)
    fired = firings(cron, ZoneInfo(zone), datetime(2026, 1, 1, tzinfo=UTC), datetime(2028, 1, 1, tzinfo=UTC))
    ranges = [one.range(moment) for moment in fired]
    assert [(before[1], after[0]) for before, after in pairwise(ranges) if before[1] != after[0]] == []
