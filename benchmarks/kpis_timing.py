"""Wall-clock time and CPU time of a query in the embedded database."""

from __future__ import annotations

import time
from typing import Final, NamedTuple

import psutil
from clickhouse_connect.driver.client import Client

from models.query import Query

_REPEATS: Final = 2


class Took(NamedTuple):
    """Milliseconds, the minimum of two runs each; CPU time (``processor``) is the sum over all cores."""

    clock: float
    processor: float

    def __str__(self) -> str:
        """Return both, rounded."""
        return f"{self.clock:,.0f} ({self.processor:,.0f})"


class Timing:
    """Runs queries and measures them; ``pid`` is that of the database process."""

    def __init__(self, client: Client, pid: int) -> None:
        self._client = client
        self._process = psutil.Process(pid)

    def of(self, query: Query) -> Took:
        """Run the query twice and return the shorter times."""
        took = [self._once(query) for _ in range(_REPEATS)]
        return Took(min(one.clock for one in took), min(one.processor for one in took))

    def _once(self, query: Query) -> Took:
        began, spent = time.monotonic(), self._spent()
        self._client.query(query.sql, parameters=query.parameters)
        return Took((time.monotonic() - began) * 1000, (self._spent() - spent) * 1000)

    def _spent(self) -> float:
        times = self._process.cpu_times()
        return times.user + times.system
