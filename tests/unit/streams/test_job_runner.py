"""The leader's jobs: at the start and then every so often; a failing one stops nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any, cast

from clickhouse_connect.driver.client import Client

from models.insights import Insight
from sinks.memory import MemorySink
from streams.insight_publisher import InsightPublisher
from streams.job import Job, JobEnded, JobPostponed, JobSchedule
from streams.job_runner import JobRunner
from streams.metrics import Metrics
from streams.retry_policy import RetryPolicy
from tests.examples.events import NOW
from tests.examples.insights import insight
from tests.unit.streams.virtual_time import in_virtual_time


class _Connection:
    """What a job is given; it knows only the question for what is open."""

    def __enter__(self) -> _Connection:
        return self

    def __exit__(self, *_: object) -> None:
        return

    def query(self, sql: str, **_: Any) -> _Connection:
        assert "status = 'open'" in sql
        return self

    def named_results(self) -> list[dict[str, Any]]:
        finding = {"insight_type": "performance_anomaly", "kind": "latency", "severity": "warning"}
        return [{**finding, "integration_provider": "hubspot", "insights": 4}]


class _Here:
    """Runs a job where it is called; ``ends`` says how often it is ended instead."""

    def __init__(self, job: Job, ends: int) -> None:
        self._job = job
        self._ends = ends
        self.memory_bytes = 0
        self.stopped = False
        self.released = 0

    def run(self, now: datetime) -> Sequence[Insight]:
        found = self._job.run(cast("Client", _Connection()), now)
        self.memory_bytes = 5_000
        if self._ends:
            self._ends -= 1
            raise JobEnded("memory", "it took 2000 MB")
        return found

    def confirm(self) -> None:
        assert self._job.confirm is not None
        self._job.confirm()

    def release(self) -> None:
        self.released += 1

    def stop(self) -> None:
        self.stopped = True


class _Place:
    def __init__(self) -> None:
        self.sink = MemorySink()
        self.metrics = Metrics()
        self.leads = True
        self.runs: list[float] = []
        self.executions: dict[str, _Here] = {}

    async def run(self, *jobs: Job, seconds: float, ends: int = 0) -> None:
        """Let the jobs go on for so long; the first runs of each are ended."""

        by_name = {job.name: job for job in jobs}

        def execution(job: JobSchedule) -> _Here:
            return self.executions.setdefault(job.name, _Here(by_name[job.name], ends))

        runner = JobRunner(
            lambda: [job.schedule for job in jobs],
            execution=execution,
            connect=lambda: cast("Client", _Connection()),
            leads=lambda: self.leads,
            insight_publisher=InsightPublisher(self.sink, RetryPolicy(self.metrics), self.metrics, _publish),
            metrics=self.metrics,
            clock=lambda: NOW,
        )
        with suppress(TimeoutError):
            await asyncio.wait_for(runner.run(), seconds)

    def job(
        self,
        *,
        every: float = 60,
        finds: Sequence[Insight] = (),
        fails: bool = False,
        waits: bool = False,
        leaves_out: int = 0,
    ) -> Job:
        """A job that notes when it runs; the first ``leaves_out`` runs are not for all tenants."""

        def run(_client: Client, now: datetime) -> Sequence[Insight]:
            assert now == NOW
            self.runs.append(asyncio.get_running_loop().time())
            if fails:
                raise RuntimeError("broken")
            if waits:
                raise JobPostponed("there is a backlog")
            if len(self.runs) <= leaves_out:
                raise JobPostponed("a tenant is behind", finds)
            return finds

        return Job("a job", timedelta(seconds=every), run)

    def metric(self, name: str, **labels: str) -> float | None:
        return self.metrics.registry.get_sample_value(f"romashka_{name}", labels)


async def _publish(_: Sequence[Insight]) -> None:
    return


@in_virtual_time
async def test_a_job_runs_at_the_start_and_then_every_so_often() -> None:
    place = _Place()
    await place.run(place.job(every=60), seconds=150)
    assert place.runs == [0, 60, 120]
    assert place.metric("job_last_success_timestamp_seconds", job="a job") == NOW.timestamp()


@in_virtual_time
async def test_what_a_job_finds_is_written_and_then_confirmed() -> None:
    place = _Place()
    confirmed: list[int] = []
    job = place.job(finds=[insight()])
    confirm = job._replace(confirm=lambda: confirmed.append(len(place.sink.rows("predictive_insights"))))
    await place.run(confirm, seconds=1)
    assert confirmed == [1]


@in_virtual_time
async def test_a_job_that_fails_is_counted_tried_again_and_stops_no_other() -> None:
    place, other = _Place(), _Place()
    await place.run(place.job(every=3600, fails=True), other.job(every=60)._replace(name="other"), seconds=150)
    assert place.metric("job_failures_total", job="a job") == 3
    assert place.metric("job_last_success_timestamp_seconds", job="a job") is None
    assert len(other.runs) == 3


@in_virtual_time
async def test_a_job_that_is_postponed_is_tried_again_within_a_minute_and_is_no_failure() -> None:
    place = _Place()
    await place.run(place.job(every=3600, waits=True), seconds=150)
    assert len(place.runs) == 3
    assert not place.metric("job_failures_total", job="a job")
    assert place.metric("job_last_success_timestamp_seconds", job="a job") is None


@in_virtual_time
async def test_a_job_that_left_tenants_out_is_run_again_for_them_more_rarely_each_time() -> None:
    place = _Place()
    await place.run(place.job(every=3600, finds=[insight()], leaves_out=3), seconds=700)
    assert place.runs == [0, 60, 180, 420]
    assert len(place.sink.rows("predictive_insights")) == 1, "what it found of the others is told"
    assert not place.metric("job_failures_total", job="a job")
    assert place.metric("job_last_success_timestamp_seconds", job="a job") == NOW.timestamp()


@in_virtual_time
async def test_a_tenant_that_sends_its_history_for_ever_costs_a_run_of_the_job_s_own_period_in_the_end() -> None:
    place = _Place()
    await place.run(place.job(every=1800, leaves_out=100), seconds=4 * 3600)
    assert place.runs[:6] == [0, 60, 180, 420, 900, 1860]
    assert [later - at for at, later in pairwise(place.runs[6:])] == [1800] * (len(place.runs) - 7)


@in_virtual_time
async def test_who_does_not_lead_does_nothing_and_who_comes_to_lead_begins_at_once() -> None:
    place = _Place()
    place.leads = False
    asyncio.get_running_loop().call_later(30, setattr, place, "leads", True)
    asyncio.get_running_loop().call_later(100, setattr, place, "leads", False)
    await place.run(place.job(every=60), seconds=300)
    assert [round(at) for at in place.runs] == [30, 90]
    assert place.metric("leader") == 0


@in_virtual_time
async def test_the_leader_counts_what_is_open() -> None:
    place = _Place()
    labels = {"insight_type": "performance_anomaly", "kind": "latency", "severity": "warning", "provider": "hubspot"}
    await place.run(seconds=1)
    assert place.metric("open_insights", **labels) == 4


@in_virtual_time
async def test_a_job_that_is_ended_waits_longer_each_time_and_then_goes_on_as_ever() -> None:
    place, other = _Place(), _Place()
    await place.run(place.job(every=900), other.job(every=60)._replace(name="other"), seconds=600, ends=3)
    assert place.runs == [0, 60, 180, 420]
    assert place.metric("jobs_ended_total", job="a job", reason="memory") == 3
    assert place.metric("job_failures_total", job="a job") == 3
    assert place.metric("job_memory_bytes", job="a job") == 5_000
    assert place.metric("job_last_success_timestamp_seconds", job="a job") == NOW.timestamp()


@in_virtual_time
async def test_the_process_of_a_job_is_let_go_after_a_run_unless_it_stays_and_all_end_with_the_worker() -> None:
    place = _Place()
    stays = place.job()._replace(name="stays", stays=True)
    await place.run(place.job(), stays, seconds=100)
    assert (place.executions["a job"].released, place.executions["stays"].released) == (2, 0)
    assert all(one.stopped for one in place.executions.values())
