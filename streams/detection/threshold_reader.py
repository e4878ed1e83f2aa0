"""Reads the detectors' thresholds from time to time."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Final

from detectors.thresholds import UNCHANGED, ThresholdSchedule
from models.errors import SinkUnavailable
from streams.retry_policy import RetryPolicy

log = logging.getLogger(__name__)

# A change holds from some minutes after it was made, so that every worker knows of it in time.
_EVERY_SECONDS: Final = 30.0


class ThresholdReader:
    """The thresholds as last read.

    Parameters
    ----------
    read
        Reads them; blocks, and raises ``SinkUnavailable``.
    monotonic
        Returns seconds of a steady clock.
    """

    def __init__(
        self, read: Callable[[], ThresholdSchedule], retry_policy: RetryPolicy, monotonic: Callable[[], float]
    ) -> None:
        self._read = read
        self._retry_policy = retry_policy
        self._monotonic = monotonic
        self._read_at: float | None = None
        self.schedule = UNCHANGED

    async def refresh(self) -> bool:
        """Read them if that is due; return whether they changed. The first time it waits until they are known."""
        if self._read_at is None:
            found = await self._retry_policy.until_done(self._read)
        elif self._monotonic() - self._read_at < _EVERY_SECONDS:
            return False
        else:
            try:
                found = await asyncio.to_thread(self._read)
            except SinkUnavailable as error:
                log.warning("thresholds could not be read, the last ones hold: %s", error)
                found = self.schedule
        self._read_at = self._monotonic()
        changed = found.changes != self.schedule.changes
        self.schedule = found
        return changed
