"""What arrives tells what has not been read yet: of ingestion as a whole, and of single tenants."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from storage.backlog import Backlog, TenantArrivals, backlog_of
from tests.examples.events import NOW

DAY = timedelta(days=1)
NOTHING = Backlog(None, frozenset())


def arrived(tenant: int, ago: timedelta, conversations: int = 30) -> TenantArrivals:
    return TenantArrivals(UUID(int=tenant), conversations, NOW - ago)


def test_where_nothing_arrives_nothing_is_behind() -> None:
    assert backlog_of([], NOW) == NOTHING


def test_a_tenant_is_behind_alone_while_the_others_are_up_to_date() -> None:
    found = backlog_of([arrived(1, 3 * DAY), arrived(2, DAY / 24), arrived(3, DAY / 24)], NOW)
    assert found == Backlog(None, frozenset({UUID(int=1)}))


def test_where_most_tenants_are_behind_ingestion_is() -> None:
    found = backlog_of([arrived(1, 3 * DAY), arrived(2, 2 * DAY), arrived(3, DAY / 24)], NOW)
    assert found == Backlog(NOW - 2 * DAY, frozenset({UUID(int=1), UUID(int=2)}))


def test_of_two_tenants_one_that_sends_its_history_does_not_hold_up_the_other() -> None:
    assert backlog_of([arrived(1, 30 * DAY), arrived(2, DAY / 24)], NOW).reached is None


def test_a_day_is_no_backlog_and_a_moment_more_is() -> None:
    assert backlog_of([arrived(1, DAY)], NOW) == NOTHING
    assert backlog_of([arrived(1, DAY + timedelta(milliseconds=1))], NOW).behind == {UUID(int=1)}


def test_fewer_than_twenty_conversations_of_a_tenant_may_be_late_events() -> None:
    found = backlog_of([arrived(1, 5 * DAY, 19), arrived(2, DAY / 24)], NOW)
    assert found == NOTHING
    assert backlog_of([arrived(1, 5 * DAY, 19)], NOW) == NOTHING


def test_small_tenants_that_are_all_behind_are_a_backlog_together() -> None:
    found = backlog_of([arrived(1, 5 * DAY, 10), arrived(2, 5 * DAY, 10)], NOW)
    assert found == Backlog(NOW - 5 * DAY, frozenset())
