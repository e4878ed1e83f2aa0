"""Periodic work over what is stored: one worker, the leader, does it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Literal, NamedTuple

from clickhouse_connect.driver.client import Client

from models.errors import RomashkaError
from models.insights import Insight

EndReason = Literal["memory", "time", "died", "stopped"]


class Job(NamedTuple):
    """Something to do every so often.

    ``run`` blocks and is called with a connection of its own and with now; what it writes itself is idempotent, and
    the insights that it returns are written and published for it. ``confirm``, where there is one, is called once that
    is done: a job that keeps state moves it on there, so that nothing it found is ever lost. ``stays`` says that the
    process of the job lives on between runs, for a job that runs every few seconds or remembers something; else each
    run has a fresh one and its memory is free afterwards.
    """

    name: str
    every: timedelta
    run: Callable[[Client, datetime], Sequence[Insight]]
    confirm: Callable[[], None] | None = None
    stays: bool = False


class JobLimits(NamedTuple):
    """What one run of a job may take: memory of its process in bytes, and time in seconds."""

    memory_bytes: int = 512 * 1_048_576
    seconds: float = 1_800.0


class JobEnded(RomashkaError):
    """A run of a job was ended, or ended by itself.

    Parameters
    ----------
    reason
        What metrics count by.
    """

    def __init__(self, reason: EndReason, message: str) -> None:
        super().__init__(message)
        self.reason: EndReason = reason
