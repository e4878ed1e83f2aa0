"""Ends a worker that has silently stopped, so that its supervisor starts it again.

Kafka clients have been seen to stop consuming without an error (faust #175, #523, #640; aiokafka #1154). The watchdog
lives in a thread of its own, because a blocked event loop is one of the ways to stop.
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
    """What the worker says of itself.

    ``progress`` is any number that changes when work is done; ``behind`` whether there is work to do; ``excused``
    whether it knows why it does none (the database is away).
    """

    progress: int
    behind: bool
    excused: bool


class StallDetector:
    """Decides when a worker has stopped; ``now`` is in seconds of any clock that only goes forward."""

    def __init__(self, now: float, *, patience: float = STALL_SECONDS) -> None:
        self._patience = patience
        self._progress: int | None = None
        self._since = now

    def stalled(self, standing: Progress, now: float) -> bool:
        """Return whether there has been work and no progress for ``patience`` seconds."""
        if standing.progress != self._progress or standing.excused or not standing.behind:
            self._progress = standing.progress
            self._since = now
        return now - self._since >= self._patience


def watch(standing: Callable[[], Progress], stop: threading.Event) -> threading.Thread:
    """Start the watchdog; it ends the process with ``EXIT_CODE`` when the worker has stalled."""

    def guard() -> None:
        detector = StallDetector(time.monotonic())
        while not stop.wait(_CHECK_SECONDS):
            if detector.stalled(standing(), time.monotonic()):
                log.critical(
                    "no progress for %.0f s with messages waiting; exiting with code %d so that the supervisor starts "
                    "the worker again. Nothing is lost: it goes on from the committed offsets.",
                    STALL_SECONDS,
                    EXIT_CODE,
                )
                logging.shutdown()
                os._exit(EXIT_CODE)  # a worker that hangs may not be able to leave any other way

    thread = threading.Thread(target=guard, name="watchdog", daemon=True)
    thread.start()
    return thread
