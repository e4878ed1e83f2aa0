"""The leader's job that sends scheduled reports."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from clickhouse_connect.driver.client import Client

from models.insights import Insight
from reports.schedule_runner import ScheduleRunner
from streams.job import Job

_EVERY: Final = timedelta(seconds=20)


def report_job(runner: ScheduleRunner) -> Job:
    """Return the job; an undelivered report makes it fail, which a metric counts."""

    def run(client: Client, _: datetime) -> Sequence[Insight]:
        runner.run(client)
        return ()

    return Job("reports", _EVERY, run, stays=True)
