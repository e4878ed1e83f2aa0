"""Events of one topic and tenant in time order, encoded lazily."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from simulator.arrays import Ints

Message = tuple[str, bytes, bytes]
"""Topic name, key, value: what a producer sends."""


class RowsPart(NamedTuple):
    """Some rows of one topic: their moments (ms), and their messages in the same order."""

    at: Ints
    messages: list[Message]


class Rows:
    """Pending rows.

    Parameters
    ----------
    topic, key
        Where the messages go.
    at
        Ascending moments in ms.
    encode
        Makes the values of rows ``[first, last)``.
    """

    def __init__(self, topic: str, key: bytes, at: Ints, encode: Callable[[int, int], list[str]]) -> None:
        self.topic = topic
        self._key = key
        self._at = at
        self._encode = encode
        self._next = 0

    @property
    def done(self) -> bool:
        """Whether nothing is left."""
        return self._next >= len(self._at)

    def skip(self, before: int) -> None:
        """Skip rows before a time (ms)."""
        self._next = max(self._next, int(np.searchsorted(self._at, before, side="left")))

    def take(self, before: int) -> RowsPart | None:
        """Return the rows before a moment (ms) that were not returned yet, ``None`` if there are none."""
        first = self._next
        if self.done or self._at[first] >= before:
            return None
        last = int(np.searchsorted(self._at, before, side="left"))
        self._next = last
        topic, key = self.topic, self._key
        return RowsPart(self._at[first:last], [(topic, key, value.encode()) for value in self._encode(first, last)])


def in_order(parts: list[RowsPart]) -> list[Message]:
    """Return the messages of all parts by time; those of one moment in the order of the parts."""
    if not parts:
        return []
    messages = [message for part in parts for message in part.messages]
    order = np.argsort(np.concatenate([part.at for part in parts]), kind="stable")
    return [messages[row] for row in order.tolist()]
