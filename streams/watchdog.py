"""Ends a stalled worker, so that its supervisor restarts it.

Kafka clients have been seen to stop consuming without an error (faust #175, #523, #640; aiokafka #1154). The watchdog
runs in its own thread, because the event loop may be what is blocked.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable
from typing import Final, NamedTuple

log = logging.getLogger(__name__)

STALL_SECONDS: Final = 60.0
EXIT_CODE: Final = 70
_CHECK_SECONDS: Final = 1.0


class Progress(NamedTuple):
    """Progress of the worker.

    ``progress`` is a number that changes when work is done; ``behind`` says whether there is work; ``excused`` whether
    there is a known reason for no progress (the database is unavailable, partitions wait for the next layout).
    """

    progress: int
    behind: bool
    excused: bool


class StallDetector:
    """Decides whether a worker has stalled; ``now`` is in seconds of a monotonic clock."""

    def __init__(self, now: float, *, stall_seconds: float = STALL_SECONDS) -> None:
        self._stall_seconds = stall_seconds
        self._progress: int | None = None
        self._since = now

    def stalled(self, state: Progress, now: float) -> bool:
        """Return whether there has been work and no progress for ``stall_seconds`` seconds."""
        if state.progress != self._progress or state.excused or not state.behind:
            self._progress = state.progress
            self._since = now
        return now - self._since >= self._stall_seconds


def watch(progress: Callable[[], Progress], stop: threading.Event) -> threading.Thread:
    """Start the watchdog; it ends the process with ``EXIT_CODE`` when the worker has stalled."""

    def guard() -> None:
        detector = StallDetector(time.monotonic())
        while not stop.wait(_CHECK_SECONDS):
            if detector.stalled(progress(), time.monotonic()):
                log.critical(
                    "no progress for %.0f s with messages waiting; exiting with code %d so that the supervisor starts "
                    "the worker again. Nothing is lost: it goes on from the committed offsets.",
                    STALL_SECONDS,
                    EXIT_CODE,
                )
                logging.shutdown()
                os._exit(EXIT_CODE)  # a worker that hangs may not be able to exit normally

    thread = threading.Thread(target=guard, name="watchdog", daemon=True)
    thread.start()
    return thread
