"""While ingestion is days behind, jobs that judge by absence wait: a customer who was not read yet is not overdue."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID

import pytest
from clickhouse_connect.driver.client import Client

from detectors.customers.churn import CHURN
from jobs.customers import JOBS, find_churn
from jobs.registry import leader_jobs
from models.insights import Insight
from storage.backlog import read_backlog
from storage.connection import ClickHouseAddress, connect
from storage.label_store import LabelStore
from streams.job import Job, JobPostponed
from tests.examples.events import SECRET

pytestmark = pytest.mark.stack

_STORED = """
INSERT INTO conversation_outcomes (event_id, user_id, created_at, conversation_id, outcome_type)
SELECT generateUUIDv4(), {tenant:UUID}, {at:DateTime64(3, 'UTC')}, generateUUIDv4(), 'resolved'
FROM numbers({count:UInt32})
"""

_MONTHS: Final = timedelta(days=100)
_CUSTOMERS: Final = 60
_CHURN_JOB: Final = next(job for job in JOBS if job.name == "churn")


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
    assert read_backlog(client, datetime.now(UTC)).reached is None
    arrive(client, 30, now - timedelta(days=5))
    assert read_backlog(client, datetime.now(UTC)).reached is not None
    assert read_backlog(client, now + timedelta(minutes=11)).reached is None


def test_a_tenant_that_sends_its_history_holds_up_nothing_of_the_others(client: Client) -> None:
    now = datetime.now(UTC)
    arrive(client, 20, now - timedelta(minutes=1), tenant=2)
    arrive(client, 2_000, now - timedelta(days=30))
    assert read_backlog(client, datetime.now(UTC)).reached is None
    arrive(client, 30, now - timedelta(days=5), tenant=3)
    assert read_backlog(client, datetime.now(UTC)).reached is not None, (
        "those of most tenants are old: it was an outage"
    )


def test_the_jobs_that_judge_by_who_has_not_come_are_of_the_present(database: ClickHouseAddress) -> None:
    assert {job.name for job in leader_jobs(database, SECRET) if job.waits_for_backlog} == {
        "churn",
        "upsell",
        "forecast",
        "kpi-changes",
    }


def outcomes(tenant: int, now: datetime) -> list[list[Any]]:
    """A tenant's conversations of the last months: customers come every week, and one in six leaves at some time."""
    chance = random.Random(tenant)
    rows: list[list[Any]] = []
    for customer in range(_CUSTOMERS):
        at = now - _MONTHS + chance.random() * timedelta(days=7)
        end = now - chance.random() * _MONTHS if chance.random() < 1 / 6 else now
        while at < end:
            ids = [UUID(int=chance.getrandbits(128)) for _ in range(2)]
            rows.append([ids[0], UUID(int=tenant), at, f"k1.{customer:032x}", ids[1], "resolved"])
            at += timedelta(days=7) + chance.uniform(-1, 1) * timedelta(days=2)
    return sorted(rows, key=lambda row: row[2])


def insert(client: Client, rows: list[list[Any]]) -> None:
    columns = ["event_id", "user_id", "created_at", "customer_id", "conversation_id", "outcome_type"]
    client.insert("conversation_outcomes", rows, column_names=columns)


def tenants_in(client: Client, table: str) -> set[int]:
    rows = client.query(f"SELECT DISTINCT user_id FROM {table} WHERE model = 'churn'").result_rows
    return {row[0].int for row in rows}


def test_a_tenant_that_is_behind_is_not_judged_while_the_others_are_and_is_once_it_has_caught_up(
    client: Client,
) -> None:
    now = datetime.now(UTC)
    behind, reached = outcomes(3, now), now - timedelta(days=12)
    for tenant in (1, 2):
        insert(client, outcomes(tenant, now))
        arrive(client, 50, now - timedelta(hours=1), tenant)
    insert(client, [row for row in behind if row[2] < reached])
    arrive(client, 50, reached, tenant=3)

    with pytest.raises(JobPostponed, match="it was run without 1 tenant that ingestion") as partly:
        _CHURN_JOB.once(client, datetime.now(UTC))
    found = partly.value.insights
    assert found is not None
    assert {one.user_id.int for one in found} <= {1, 2}
    assert not [one for one in found if one.kind == "churn_wave"]
    for table in ("customer_snapshots", "customer_scores"):
        assert tenants_in(client, table) == {1, 2}

    insert(client, [row for row in behind if row[2] >= reached])
    arrive(client, 50, now - timedelta(hours=1), tenant=3)
    found = _CHURN_JOB.once(client, datetime.now(UTC))
    assert not [one for one in found if one.kind == "churn_wave"]
    for table in ("customer_snapshots", "customer_scores"):
        assert tenants_in(client, table) == {1, 2, 3}
    counts = client.query(
        "SELECT uniqExact(snapshot_at), countIf(isNotNull(positive)) > 0 FROM customer_snapshots FINAL "
        "WHERE model = 'churn' GROUP BY user_id"
    ).result_rows
    assert len(set(counts)) == 1, "it has the snapshots and labels of the months in which it was behind, too"


def test_what_became_of_the_customers_of_a_tenant_that_is_behind_is_not_known(client: Client) -> None:
    now = datetime.now(UTC)
    for tenant in (1, 2):
        insert(client, outcomes(tenant, now))
        arrive(client, 50, now - timedelta(hours=1), tenant)
    find_churn(client, now)
    arrive(client, 50, now - timedelta(days=90), tenant=2)
    everyone, judged = (LabelStore(client, CHURN, behind) for behind in ((), read_backlog(client, now).behind))
    for store, tenants in ((everyone, {1, 2}), (judged, {1})):
        assert {one.snapshot.user_id.int for one in store.fates(now + _MONTHS)} == tenants
        assert {one.user_id.int for one in store.snapshots(now - _MONTHS)} == tenants
        assert {user_id.int for user_id, _ in store.standings()} == tenants
