"""Periodic work over what is stored: one worker, the leader, does it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from clickhouse_connect.driver.client import Client

from models.insights import Insight


class Job(NamedTuple):
    """Something to do every so often.

    ``run`` blocks and is called with a connection of its own and with now; what it writes itself is idempotent, and
    the insights that it returns are written and published for it. ``confirm``, where there is one, is called in a
    thread once that is done: a job that keeps state moves it on there, so that nothing it found is ever lost.
    """

    name: str
    every: timedelta
    run: Callable[[Client, datetime], Sequence[Insight]]
    confirm: Callable[[], None] | None = None
