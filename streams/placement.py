"""Which partition an event belongs to, and what to do with one that lies in another.

Every producer keys by tenant, but not every client library places a key in the same partition. The same event from two
of them lies in two partitions, whose windows know nothing of each other. So a query counts in its tenant's home
partition alone, the one that Kafka's Java client would choose; one that lies elsewhere is moved there before
it is counted (docs/adr/0020-one-count-per-event.md).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Final, NamedTuple

from streams.decode import Record

# On a message that was moved: where it was. It is never moved again, whatever another worker takes for its home.
MOVED_HEADER: Final = "romashka-moved-from"


class Moved(NamedTuple):
    """A message on its way to its tenant's home partition; ``origin`` is where it was: topic/partition/offset."""

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
        Returns the partition that a key belongs to.
    send
        Publishes moved messages; returns when Kafka has them.
    """

    home_of: Callable[[bytes], int]
    send: Callable[[Sequence[Moved]], Awaitable[None]]


class Placement:
    """Tells the records of a partition that belong there from those that do not.

    Parameters
    ----------
    home_of
        Returns the partition that a key belongs to.
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
        """Return a record of a partition as the message that is sent to its home; it has a key and a value."""
        key = record.key or b""
        return Moved(topic, self._home_of(key), key, record.value or b"", f"{topic}/{partition}/{record.offset}")
