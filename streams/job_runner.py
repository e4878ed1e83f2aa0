"""Runs the leader's jobs: at startup and then periodically, independently of each other; no job can stop the worker."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from datetime import datetime
from typing import Any, Final, Protocol, TypeVar

from clickhouse_connect.driver.client import Client

from models.insights import Insight
from storage.insight_store import open_counts
from streams.insight_publisher import InsightPublisher
from streams.job import JobEnded, JobPostponed, JobSchedule
from streams.metrics import Metrics

log = logging.getLogger(__name__)

T = TypeVar("T")

_LOOK_SECONDS: Final = 1.0
_MAX_PAUSE_AFTER_FAILURE: Final = 60.0
_COUNT_SECONDS: Final = 15.0
# Back-off of a job that was terminated, or run without tenants that are behind: doubles up to this, or to the job's own
# period where that is longer.
_MAX_BACKOFF_SECONDS: Final = 900.0


class Execution(Protocol):
    """The executor of a job. Its methods block; ``memory_bytes`` is the memory of the last run, 0 where unknown."""

    memory_bytes: int

    def run(self, now: datetime) -> Sequence[Insight]:
        """Run the job once; return its insights."""

    def confirm(self) -> None:
        """Tell the job that its insights are durable."""

    def release(self) -> None:
        """Release resources until the next run."""

    def stop(self) -> None:
        """Terminate a run in progress; called from any thread."""


class JobRunner:
    """Runs the jobs while this worker is the leader.

    Parameters
    ----------
    schedules
        Blocks and returns which jobs there are; asked once this worker leads, so the others never load them.
    execution
        Returns the execution of a job; in a worker, a separate process.
    connect
        Opens a connection for the leader's own gauges.
    leads
        Whether this worker is the leader now.
    clock
        Returns the current time in UTC.
    executor
        Threads that wait for the jobs, at least one for each; ``None``: those of the event loop.
    """

    def __init__(
        self,
        schedules: Callable[[], Sequence[JobSchedule]],
        *,
        execution: Callable[[JobSchedule], Execution],
        connect: Callable[[], Client],
        leads: Callable[[], bool],
        insight_publisher: InsightPublisher,
        metrics: Metrics,
        clock: Callable[[], datetime],
        executor: Executor | None = None,
    ) -> None:
        self._schedules = schedules
        self._execution = execution
        self._executions: dict[JobSchedule, Execution] = {}
        self._in_a_row: Counter[str] = Counter()
        self._executor = executor
        self._connect = connect
        self._leads = leads
        self._insight_publisher = insight_publisher
        self._metrics = metrics
        self._clock = clock

    async def run(self) -> None:
        """Go on for ever; cancel to stop. Each job runs one at a time; different jobs run concurrently."""
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._keep_counting())
                self._executions = {job: self._execution(job) for job in await self._scheduled()}
                for job, execution in self._executions.items():
                    tasks.create_task(self._keep(job, execution))
        finally:
            for execution in self._executions.values():
                execution.stop()

    async def _scheduled(self) -> Sequence[JobSchedule]:
        """Return the jobs, once this worker leads."""
        while True:
            await self._until_leader()
            try:
                return await self._in_thread(self._schedules)
            except Exception:
                log.exception("the jobs could not be loaded; trying again in %.0f s", _MAX_PAUSE_AFTER_FAILURE)
                self._metrics.job_failures.labels("all").inc()
                await self._pause(_MAX_PAUSE_AFTER_FAILURE)

    async def _keep(self, job: JobSchedule, execution: Execution) -> None:
        while True:
            await self._until_leader()
            pause = job.every.total_seconds()
            succeeded = await self._done(job, execution)
            self._metrics.job_memory.labels(job.name).set(execution.memory_bytes)
            if not job.stays:
                await self._in_thread(execution.release)
            if not succeeded:
                pause = self._pause_after_failure(job)
            await self._pause(pause)

    def _pause_after_failure(self, job: JobSchedule) -> float:
        """Return the back-off of a failed job in seconds; it grows for one that was terminated or left tenants out."""
        every = job.every.total_seconds()
        pause = min(every, _MAX_PAUSE_AFTER_FAILURE)
        times = self._in_a_row[job.name]
        return pause if times == 0 else min(pause * 2.0 ** min(times - 1, 20), max(every, _MAX_BACKOFF_SECONDS))

    async def _done(self, job: JobSchedule, execution: Execution) -> bool:
        """Run a job once; return whether it succeeded, for all tenants."""
        started = time.perf_counter()
        try:
            postponed = await self._run(job, execution)
        except JobEnded as error:
            self._in_a_row[job.name] += 1
            log.error("job %s was terminated after %.0f s: %s", job.name, time.perf_counter() - started, error)  # noqa: TRY400
            self._metrics.jobs_ended.labels(job.name, error.reason).inc()
            self._metrics.job_failures.labels(job.name).inc()
            return False
        except Exception:
            # A job may fail for any reason; ingestion continues, and a metric counts the failure.
            log.exception("job %s failed", job.name)
            self._metrics.job_failures.labels(job.name).inc()
            return False
        if postponed is not None and postponed.insights is None:
            log.info("job %s is tried again in %.0f s: %s", job.name, self._pause_after_failure(job), postponed)
            return False
        self._metrics.job_seconds.labels(job.name).observe(time.perf_counter() - started)
        self._metrics.job_success.labels(job.name).set(self._clock().timestamp())
        if postponed is not None:
            self._in_a_row[job.name] += 1
            log.info("job %s is run again in %.0f s: %s", job.name, self._pause_after_failure(job), postponed)
            return False
        del self._in_a_row[job.name]
        return True

    async def _run(self, job: JobSchedule, execution: Execution) -> JobPostponed | None:
        """Run a job once and announce its insights; return why it did not run for all tenants."""
        postponed: JobPostponed | None = None
        try:
            insights = await self._in_thread(execution.run, self._clock())
        except JobPostponed as error:
            postponed, insights = error, error.insights or ()
        if self._leads():  # otherwise the new leader runs it and finds the same
            await self._insight_publisher.announce(insights)
            if job.confirms and postponed is None:
                await self._in_thread(execution.confirm)
        return postponed

    async def _in_thread(self, work: Callable[..., T], *args: object) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._executor, work, *args)

    async def _until_leader(self) -> None:
        while not self._leads():
            self._metrics.leader.set(0)
            await asyncio.sleep(_LOOK_SECONDS)
        self._metrics.leader.set(1)

    async def _pause(self, seconds: float) -> None:
        """Wait until the next run is due or leadership ends; a new leadership begins with a run."""
        while seconds > 0 and self._leads():
            await asyncio.sleep(min(seconds, _LOOK_SECONDS))
            seconds -= _LOOK_SECONDS

    async def _keep_counting(self) -> None:
        gauge = self._metrics.open_insights
        while True:
            await self._until_leader()
            try:
                counts = await asyncio.to_thread(self._counts)
            except Exception:
                log.exception("open insights could not be counted")
            else:
                gauge.clear()
                for row in counts:
                    labels = (row["insight_type"], row["kind"], row["severity"], row["integration_provider"])
                    gauge.labels(*labels).set(row["insights"])
            await self._pause(_COUNT_SECONDS)
            if not self._leads():
                gauge.clear()

    def _counts(self) -> list[dict[str, Any]]:
        with self._connect() as client:
            return open_counts(client)
