"""The leader's job that sends scheduled reports."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Final

from clickhouse_connect.driver.client import Client

from models.insights import Insight
from reports.schedule_runner import ScheduleRunner
from streams.job import Job

_EVERY: Final = timedelta(seconds=20)


def report_job(runner: ScheduleRunner, tell: Callable[[datetime], None]) -> Job:
    """Return the job; where a report cannot be delivered it fails, which the metric of failed jobs counts.

    ``tell`` takes now, as the leader knows it, for the clock that the runner goes by.
    """

    def run(client: Client, now: datetime) -> Sequence[Insight]:
        tell(now)
        runner.run(client)
        return ()

    return Job("reports", _EVERY, run, stays=True)
