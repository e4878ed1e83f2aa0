"""Moves queries to their tenant's home partition.

Every producer keys by tenant, but client libraries map keys to partitions differently. The same event from two of them
would be in two partitions and count twice. So a query counts only in its tenant's home partition, the one that Kafka's
Java client chooses; a query in another partition is moved there before it is counted
(docs/adr/0020-one-count-per-event.md).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Final, NamedTuple

from streams.decode import Record

# Header of a moved message: its origin. It is never moved again, even if another worker computes another home.
MOVED_HEADER: Final = "romashka-moved-from"


class Moved(NamedTuple):
    """A message to publish to its tenant's home partition; ``origin`` is topic/partition/offset."""

    topic: str
    partition: int
    key: bytes
    value: bytes
    origin: str


class Moving(NamedTuple):
    """How messages are moved.

    Parameters
    ----------
    home_of
        Returns the home partition of a key.
    send
        Publishes moved messages; returns when Kafka has acknowledged them.
    """

    home_of: Callable[[bytes], int]
    send: Callable[[Sequence[Moved]], Awaitable[None]]


class Placement:
    """Separates the records that belong in a partition from the others.

    Parameters
    ----------
    home_of
        Returns the home partition of a key.
    """

    def __init__(self, home_of: Callable[[bytes], int]) -> None:
        self._home_of = home_of
        self._counted: dict[int, frozenset[int]] = {}

    def resume(self, partition: int, counted: Iterable[int]) -> None:
        """Start a partition; records at the offsets ``counted`` were counted in it before and stay."""
        self._counted[partition] = frozenset(counted)

    def forget(self) -> None:
        """Drop every partition."""
        self._counted.clear()

    def split(self, records: Sequence[Record], partition: int) -> tuple[Sequence[Record], Sequence[Record]]:
        """Return the records that belong in the partition, and those that belong in another."""
        counted = self._counted.get(partition, frozenset())
        elsewhere = [
            record
            for record in records
            if record.key
            and self._home_of(record.key) != partition
            and record.offset not in counted
            and not any(name == MOVED_HEADER for name, _ in record.headers)
        ]
        if not elsewhere:
            return records, elsewhere
        places = {record.offset for record in elsewhere}
        return [record for record in records if record.offset not in places], elsewhere

    def moved(self, record: Record, topic: str, partition: int) -> Moved:
        """Return a record as the message for its home partition; it has a key and a value."""
        key = record.key or b""
        return Moved(topic, self._home_of(key), key, record.value or b"", f"{topic}/{partition}/{record.offset}")
