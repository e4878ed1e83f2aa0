"""Stops the worker when the share of rejected messages shows a bad deploy rather than a few bad messages."""

from __future__ import annotations

from collections import deque
from typing import Final

from models.counting import agreeing, counted
from models.errors import DlqLimitExceeded

WINDOW: Final = 5_000
SHARE: Final = 0.9


class DlqLimit:
    """Watches the share of rejected messages among the last ``window`` of a topic.

    A producer or a worker deployed with the wrong contract makes nearly every message fail. Continuing would drain the
    topic into the dead letters, so the worker stops and commits nothing while the share is that high: after the fix the
    same messages are read again.
    """

    def __init__(self, topic: str, *, window: int = WINDOW, share: float = SHARE) -> None:
        self._topic = topic
        self._window = window
        self._share = share
        self._batches: deque[tuple[int, int]] = deque()
        self._seen = 0
        self._rejected = 0

    def observe(self, seen: int, rejected: int) -> None:
        """Count a batch.

        Raises
        ------
        DlqLimitExceeded
            A full window has been seen and at least ``share`` of it was rejected.
        """
        self._batches.append((seen, rejected))
        self._seen += seen
        self._rejected += rejected
        while self._batches and self._seen - self._batches[0][0] >= self._window:
            old_seen, old_rejected = self._batches.popleft()
            self._seen -= old_seen
            self._rejected -= old_rejected
        if self.suspicious and self._seen >= self._window:
            raise DlqLimitExceeded(
                f"{self._rejected:,} of the last {counted(self._seen, 'message')} of {self._topic} "
                f"{agreeing(self._rejected, 'was', 'were')} rejected; stopped without "
                "committing them. Look at the reasons with 'romashka dead-letters list', fix the producer or "
                "deploy the matching worker, and start it again: it reads the same messages."
            )

    @property
    def suspicious(self) -> bool:
        """Whether the share of rejected messages is too high to commit."""
        return self._seen > 0 and self._rejected >= self._share * self._seen
