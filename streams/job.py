"""Periodic jobs over stored data; one worker, the leader, runs them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Literal, NamedTuple

from clickhouse_connect.driver.client import Client

from models.counting import counted
from models.errors import RomashkaError
from models.insights import Insight
from storage.backlog import read_backlog
from storage.leases import leased

EndReason = Literal["memory", "time", "died", "stopped"]


class Job(NamedTuple):
    """A periodic job.

    ``run`` blocks and receives its own connection and the current time; its own writes are idempotent, and the insights
    that it returns are written and published by the runner. ``confirm``, if given, is called after that: a stateful job
    advances its state there, so that no insight is lost. ``stays`` keeps the job's process between runs, for a job that
    runs every few seconds or caches something; otherwise each run has a new process. ``fenced`` says that a run
    may write only while no later one has begun (``storage.leases``), for a job whose rows have no version that decides
    between two runs. ``waits_for_backlog`` postpones a run while ingestion is more than a day behind:
    what has not been read yet would count as not having happened. Such a job leaves out the tenants that are behind on
    their own (``storage.backlog.read_backlog``), and is run again for them.
    """

    name: str
    every: timedelta
    run: Callable[[Client, datetime], Sequence[Insight]]
    confirm: Callable[[], None] | None = None
    stays: bool = False
    fenced: bool = False
    waits_for_backlog: bool = False

    def once(self, client: Client, now: datetime) -> Sequence[Insight]:
        """Run once, fenced where the job is.

        Raises
        ------
        LeaseLost
            A later run has begun meanwhile.
        JobPostponed
            It would judge by what has not arrived yet, of all tenants or of some.
        """
        if not self.waits_for_backlog:
            return self._once(client, now)
        backlog = read_backlog(client, now)
        if backlog.reached is not None:
            raise JobPostponed(
                f"it waits for the backlog: ingestion has reached {backlog.reached:%Y-%m-%d %H:%M} UTC, "
                "and what has not been read yet would count as not having happened"
            )
        insights = self._once(client, now)
        if backlog.behind:
            left_out = counted(len(backlog.behind), "tenant")
            raise JobPostponed(f"it was run without {left_out} that ingestion is more than a day behind with", insights)
        return insights

    def _once(self, client: Client, now: datetime) -> Sequence[Insight]:
        if not self.fenced:
            return self.run(client, now)
        with leased(client, self.name):
            return self.run(client, now)

    @property
    def schedule(self) -> JobSchedule:
        """When it runs, without what it does."""
        return JobSchedule(self.name, self.every, self.stays, self.confirm is not None)


class JobSchedule(NamedTuple):
    """What the worker knows of a job of another process: fields of ``Job``, and whether it has a ``confirm``."""

    name: str
    every: timedelta
    stays: bool = False
    confirms: bool = False


class JobLimits(NamedTuple):
    """Limits of one run of a job: memory of its process in bytes, and time in seconds."""

    memory_bytes: int = 512 * 1_048_576
    seconds: float = 1_800.0


class JobPostponed(RomashkaError):
    """A job did not run, or not for all tenants, because ingestion works off a backlog; it is tried again.

    Parameters
    ----------
    insights
        Of the tenants that it was run for; ``None`` where it was run for none.
    """

    def __init__(self, message: str, insights: Sequence[Insight] | None = None) -> None:
        super().__init__(message)
        self.insights = insights


class JobEnded(RomashkaError):
    """A run of a job was terminated, or its process died.

    Parameters
    ----------
    reason
        The reason label of the metric.
    """

    def __init__(self, reason: EndReason, message: str) -> None:
        super().__init__(message)
        self.reason: EndReason = reason
