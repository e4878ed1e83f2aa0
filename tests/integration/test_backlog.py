"""While ingestion is days behind, jobs that judge by absence wait: a customer who was not read yet is not overdue."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from clickhouse_connect.driver.client import Client

from jobs.registry import leader_jobs
from models.insights import Insight
from storage.backlog import backlog_reached
from storage.connection import ClickHouseAddress, connect
from streams.job import Job, JobPostponed
from tests.examples.events import SECRET

pytestmark = pytest.mark.stack

_STORED = """
INSERT INTO conversation_outcomes (event_id, user_id, created_at, conversation_id, outcome_type)
SELECT generateUUIDv4(), {tenant:UUID}, {at:DateTime64(3, 'UTC')}, generateUUIDv4(), 'resolved'
FROM numbers({count:UInt32})
"""


@pytest.fixture
def client(database: ClickHouseAddress) -> Iterator[Client]:
    with connect(database) as client:
        yield client


def arrive(client: Client, count: int, at: datetime, tenant: int = 1) -> None:
    client.command(_STORED, parameters={"at": at, "count": count, "tenant": str(UUID(int=tenant))})


def test_a_job_of_the_present_waits_until_the_events_that_arrive_are_of_the_last_day(client: Client) -> None:
    now = datetime.now(UTC)

    def run(_client: Client, _now: datetime) -> Sequence[Insight]:
        return ()

    job = Job("a job", timedelta(hours=6), run, waits_for_backlog=True)
    assert job.once(client, now) == (), "nothing ever came"
    arrive(client, 30, now - timedelta(days=5))
    with pytest.raises(JobPostponed, match=f"reached {now - timedelta(days=5):%Y-%m-%d %H:%M} UTC"):
        job.once(client, datetime.now(UTC))
    assert job._replace(waits_for_backlog=False).once(client, datetime.now(UTC)) == ()
    arrive(client, 31, now - timedelta(hours=2))
    assert job.once(client, datetime.now(UTC)) == ()


def test_what_arrived_long_ago_and_a_few_late_events_hold_up_nothing(client: Client) -> None:
    now = datetime.now(UTC)
    arrive(client, 19, now - timedelta(days=5))
    assert backlog_reached(client, datetime.now(UTC)) is None
    arrive(client, 30, now - timedelta(days=5))
    assert backlog_reached(client, datetime.now(UTC)) is not None
    assert backlog_reached(client, now + timedelta(minutes=11)) is None


def test_a_tenant_that_sends_its_history_holds_up_nothing_of_the_others(client: Client) -> None:
    now = datetime.now(UTC)
    arrive(client, 20, now - timedelta(minutes=1), tenant=2)
    arrive(client, 2_000, now - timedelta(days=30))
    assert backlog_reached(client, datetime.now(UTC)) is None
    arrive(client, 30, now - timedelta(days=5), tenant=3)
    assert backlog_reached(client, datetime.now(UTC)) is not None, "those of most tenants are old: it was an outage"


def test_the_jobs_that_judge_by_who_has_not_come_are_of_the_present(database: ClickHouseAddress) -> None:
    assert {job.name for job in leader_jobs(database, SECRET) if job.waits_for_backlog} == {
        "churn",
        "upsell",
        "forecast",
        "kpi-changes",
    }
