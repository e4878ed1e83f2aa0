"""Tracks the committable offset of a partition: everything before it is durable."""

from __future__ import annotations

from collections import OrderedDict


class SafeOffsets:
    """Tracks spans of offsets of one partition: added in order, finished in any order.

    Kafka's commit says "everything before this offset is done". Work finishes out of order, fails and is repeated, so
    the only offset that may be committed is the end of the unbroken run of finished spans from the start.
    """

    def __init__(self) -> None:
        self._open: OrderedDict[int, int] = OrderedDict()  # last offset → next offset of the log
        self._done: set[int] = set()
        self._safe: int | None = None

    @property
    def safe(self) -> int | None:
        """The next offset to read after a restart; ``None`` until something is durable."""
        return self._safe

    def take_in(self, last: int) -> None:
        """Add the span that ends in ``last``; spans are added in the log's order."""
        newest = next(reversed(self._open), None)
        if (newest is not None and last <= newest) or (self._safe is not None and last < self._safe):
            raise ValueError(f"offset {last} was taken in before")
        self._open[last] = last + 1

    def finish(self, last: int) -> None:
        """Mark the span that ends in ``last`` as durable; idempotent."""
        if last not in self._open:
            return
        self._done.add(last)
        while self._open and (first := next(iter(self._open))) in self._done:
            self._safe = self._open.pop(first)
            self._done.discard(first)


def commit_point(safe: int, chunk_size: int) -> int:
    """Return the newest chunk boundary at or before ``safe``: a chunk is rebuilt from its start, or not at all."""
    return safe - safe % chunk_size
