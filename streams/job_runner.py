"""Runs the leader's jobs: at the start and then every so often, each in a thread; none of them can stop a worker."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, Final

from clickhouse_connect.driver.client import Client

from models.insights import Insight
from sinks.insight_store import open_counts
from streams.announcer import Announcer
from streams.jobs import Job
from streams.metrics import Metrics

log = logging.getLogger(__name__)

_LOOK_SECONDS: Final = 1.0
_LONGEST_PAUSE_AFTER_FAILURE: Final = 60.0
_COUNT_SECONDS: Final = 15.0


class JobRunner:
    """Does the jobs for as long as this worker leads.

    Parameters
    ----------
    connect
        Opens a connection; each run has its own.
    leads
        Whether this worker is the leader now.
    clock
        Returns now, in UTC.
    """

    def __init__(
        self,
        jobs: Sequence[Job],
        *,
        connect: Callable[[], Client],
        leads: Callable[[], bool],
        announcer: Announcer,
        metrics: Metrics,
        clock: Callable[[], datetime],
    ) -> None:
        self._jobs = jobs
        self._connect = connect
        self._leads = leads
        self._announcer = announcer
        self._metrics = metrics
        self._clock = clock

    async def run(self) -> None:
        """Go on for ever; cancel to stop. A job runs once at a time, different jobs side by side."""
        async with asyncio.TaskGroup() as tasks:
            for job in self._jobs:
                tasks.create_task(self._keep(job))
            tasks.create_task(self._keep_counting())

    async def _keep(self, job: Job) -> None:
        while True:
            await self._until_leader()
            pause = job.every.total_seconds()
            if not await self._done(job):
                pause = min(pause, _LONGEST_PAUSE_AFTER_FAILURE)
            await self._pause(pause)

    async def _done(self, job: Job) -> bool:
        """Run a job once; return whether it succeeded."""
        started = time.perf_counter()
        try:
            insights = await asyncio.to_thread(self._run, job)
            if self._leads():  # else another worker does it now, and tells the same
                await self._announcer.announce(insights)
                if job.confirm is not None:
                    await asyncio.to_thread(job.confirm)
        except Exception:
            # Jobs look at what is stored and may fail for any reason; ingestion goes on, and the metric tells.
            log.exception("job %s failed", job.name)
            self._metrics.job_failures.labels(job.name).inc()
            return False
        self._metrics.job_seconds.labels(job.name).observe(time.perf_counter() - started)
        self._metrics.job_success.labels(job.name).set(self._clock().timestamp())
        return True

    def _run(self, job: Job) -> Sequence[Insight]:
        with self._connect() as client:
            return job.run(client, self._clock())

    async def _until_leader(self) -> None:
        while not self._leads():
            self._metrics.leader.set(0)
            await asyncio.sleep(_LOOK_SECONDS)
        self._metrics.leader.set(1)

    async def _pause(self, seconds: float) -> None:
        """Wait, but not beyond the end of the leadership: the next one begins with a run."""
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
