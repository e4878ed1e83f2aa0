"""Snapshots that are due are made of the tenants that were not read yet when their time came."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from jobs.customer_scoring import TenantSpan, missing
from tests.examples.events import NOW

DAY = timedelta(days=1)


def test_a_tenant_without_snapshots_of_a_time_about_which_it_had_outcomes_is_missing() -> None:
    known, late = (TenantSpan(UUID(int=number), NOW - 90 * DAY, NOW) for number in (1, 2))
    assert missing([known, late], {known.user_id}, NOW - 40 * DAY) == [late.user_id]
    assert missing([known, late], {known.user_id, late.user_id}, NOW - 40 * DAY) == []


def test_a_tenant_that_began_later_or_ended_a_month_before_is_not() -> None:
    at = NOW - 40 * DAY
    began_then = TenantSpan(UUID(int=1), at, NOW)
    ended = TenantSpan(UUID(int=2), at - 50 * DAY, at - 30 * DAY - timedelta(seconds=1))
    assert missing([began_then, ended], set(), at) == []
    assert missing([began_then._replace(first=at - timedelta(seconds=1))], set(), at) == [began_then.user_id]
