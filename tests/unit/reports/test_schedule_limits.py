"""Limits of schedules: how many, how often, to how many, and to whom."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from models.errors import InvalidRequest
from reports.request import ReportFormat, ReportType
from reports.schedule import Schedule
from reports.schedule_limits import ScheduleLimits, TooManySchedules, shortest_gap

NOW = datetime(2026, 1, 15, 12, 0, tzinfo=UTC)
LIMITS = ScheduleLimits(per_tenant=3, recipients=2, mail_domains=frozenset({"example.com"}))


def schedule(
    name: str = "Weekly", cron: str = "0 7 * * 1", recipients: tuple[str, ...] = ("mailto:a@example.com",)
) -> Schedule:
    return Schedule(
        tenant=UUID(int=5),
        name=name,
        type=ReportType.EXECUTIVE,
        format=ReportFormat.PDF,
        cron=cron,
        time_zone="Europe/Berlin",
        recipients=recipients,
        created_at=NOW,
        since=NOW,
        covers="7d",
    )


def test_a_tenant_has_so_many_and_may_replace_one_of_them() -> None:
    others = [schedule(name) for name in ("a", "b", "c")]
    with pytest.raises(TooManySchedules, match="may have 3 schedules; remove one first"):
        LIMITS.check(schedule("d"), others)
    LIMITS.check(replace(schedule("a"), cron="0 8 * * 1"), others)
    LIMITS.check(schedule("d"), others[1:])


def test_a_schedule_has_so_many_recipients() -> None:
    several = tuple(f"mailto:{name}@example.com" for name in "abc")
    LIMITS.check(schedule(recipients=several[:2]), [])
    with pytest.raises(InvalidRequest, match="may have 2 recipients") as refused:
        LIMITS.check(schedule(recipients=several), [])
    assert refused.value.field == "recipients"


@pytest.mark.parametrize(
    "recipient",
    [
        "mailto:a@evil.com",
        "mailto:a@sub.example.com",
        "mailto:a@example.com.evil.com",
        "mailto:a@evilexample.com",
        "mailto:a@example.com.",
        "mailto:a@éxample.com",
        "mailto:a@example。com",  # a full stop of another script, which IDNA reads as one
        "mailto:a@[127.0.0.1]",
        "mailto:x@evil.com?cc=a@example.com",
        "mailto:x@evil.com,a@example.com",
        "mailto:x@evil.com;a@example.com",
        "mailto:x@evil.com%2Ca@example.com",
        "mailto:x@evil.com#@example.com",
        'mailto:"x@evil.com"@example.com',
        "mailto:(x@evil.com)a@example.com",
        "mailto:<x@evil.com>a@example.com",
        "mailto:a@example.com@evil.com",
        "mailto:x@evil.com a@example.com",
        "mailto:a@example.com\n",
    ],
)
def test_mail_goes_to_the_allowed_domains_alone_however_an_address_is_written(recipient: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        LIMITS.check(schedule(recipients=(recipient,)), [])
    assert refused.value.field == "recipients"


@pytest.mark.parametrize("recipient", ["mailto:a@bücher.example", "mailto:a@XN--bcher-kva.example"])
def test_an_allowed_domain_is_the_same_in_both_spellings(recipient: str) -> None:
    ScheduleLimits(mail_domains=frozenset({"xn--bcher-kva.example"})).check(schedule(recipients=(recipient,)), [])


@pytest.mark.parametrize("recipient", ["mailto:a@example.com", "mailto:a+b@Example.COM"])
def test_capitals_of_a_domain_do_not_matter(recipient: str) -> None:
    LIMITS.check(schedule(recipients=(recipient,)), [])


def test_without_named_domains_mail_goes_anywhere() -> None:
    ScheduleLimits().check(schedule(recipients=("mailto:a@evil.com",)), [])


@pytest.mark.parametrize(
    ("cron", "minutes"),
    [("* * * * *", 1), ("0,14 * * * *", 14), ("*/15 * * * *", 15), ("59 23 * * *", 1440)],
)
def test_the_shortest_time_between_two_firings_counts(cron: str, minutes: int) -> None:
    assert shortest_gap(cron, "UTC", NOW, timedelta(days=2)) == timedelta(minutes=minutes)
    if minutes < 15:
        with pytest.raises(InvalidRequest, match="expected at least 15 minutes"):
            LIMITS.check(schedule(cron=cron), [])
    else:
        LIMITS.check(schedule(cron=cron), [])
