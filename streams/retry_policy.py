"""Retries a database call with exponential back-off until it succeeds."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Final, ParamSpec, TypeVar

from models.errors import SinkUnavailable
from streams.metrics import Metrics

log = logging.getLogger(__name__)

_FIRST_PAUSE_SECONDS: Final = 1.0
_MAX_PAUSE_SECONDS: Final = 10.0

P = ParamSpec("P")
T = TypeVar("T")


class RetryPolicy:
    """Retries calls to the sink; ``waiting`` is true while the database is unavailable."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self.waiting = False

    async def until_done(self, call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run a blocking call in a thread, retrying on ``SinkUnavailable``; other errors propagate."""
        pause = _FIRST_PAUSE_SECONDS
        while True:
            try:
                result = await asyncio.to_thread(call, *args, **kwargs)
            except SinkUnavailable as error:
                self.waiting = True
                self._metrics.sink_up.set(0)
                self._metrics.insert_failures.inc()
                log.warning("%s; trying again in %.0f s, nothing is lost", error, pause)
                await asyncio.sleep(pause)
                pause = min(pause * 2, _MAX_PAUSE_SECONDS)
            else:
                self.waiting = False
                self._metrics.sink_up.set(1)
                return result
