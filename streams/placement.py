"""Decides in which partition a query counts, and up to where a partition may be read.

Every producer keys by tenant, but client libraries map keys to partitions differently. The same event from two of them
would be in two partitions and count twice. So a query counts only in its tenant's home partition, the one that Kafka's
Java client chooses; a query in another partition is moved there before it is counted
(docs/adr/0020-one-count-per-event.md).

Where the number of partitions changed, a message belongs where the layout of its own offset says. A marker in the log
begins the next layout; nothing behind it is taken in before that layout is in force (docs/adr/0046-more-partitions.md).
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence, Set
from typing import Final, NamedTuple
from uuid import UUID

from models.keys import key_of
from models.layouts import Layout, Layouts
from streams.decode import Record, RecordSource
from streams.layout_markers import LayoutMarkers, Marker

# Header of a moved message: its origin.
MOVED_HEADER: Final = "romashka-moved-from"
# The layout by which it was moved. It is moved again by a later layout alone.
MOVED_BY_HEADER: Final = "romashka-moved-by"


class Moved(NamedTuple):
    """A message to publish to its tenant's home partition; ``origin`` is topic/partition/offset."""

    topic: str
    partition: int
    key: bytes
    value: bytes
    origin: str
    generation: int = 0


class Moving(NamedTuple):
    """How messages are moved.

    Parameters
    ----------
    partitions
        Number of partitions where no layout is recorded.
    homes
        Returns for a number of partitions the function from a key to its home partition.
    send
        Publishes moved messages; returns when Kafka has acknowledged them.
    markers
        Recognises the markers of coming layouts; ``None``: there are none.
    """

    partitions: int
    homes: Callable[[int], Callable[[bytes], int]]
    send: Callable[[Sequence[Moved]], Awaitable[None]]
    markers: LayoutMarkers | None = None


class Hold(NamedTuple):
    """A partition that waits at ``boundary`` for the layout of this generation."""

    generation: int
    boundary: int


class Placement:
    """Separates the records that belong in a partition from the others, and finds where the next layout begins."""

    def __init__(self, moving: Moving) -> None:
        self._moving = moving
        self._layouts: dict[int, Layouts] = {}
        self._counted: dict[int, frozenset[int]] = {}
        self._holds: dict[int, Hold] = {}
        self._newest = Layout(0, moving.partitions)

    def resume(self, partition: int, counted: Iterable[int], layouts: Layouts, first_offset: int) -> None:
        """Start a partition; records at the offsets ``counted`` were counted in it before and stay."""
        known = layouts if layouts.opened else layouts._replace(opened=(Layout(0, self._moving.partitions),))
        self._layouts[partition] = known
        self._counted[partition] = frozenset(counted)
        if known.generation >= self._newest.generation:  # of equal ones the recorded one
            self._newest = known.opened[-1]
        pending = known.pending
        if pending is not None and pending.drained.get(partition, first_offset) < first_offset:
            self._holds[partition] = Hold(pending.generation, pending.drained[partition])

    def forget(self) -> None:
        """Drop every partition."""
        self._layouts.clear()
        self._counted.clear()
        self._holds.clear()

    @property
    def holds(self) -> Mapping[int, Hold]:
        """The partitions that wait for the next layout."""
        return self._holds

    @property
    def newest(self) -> Layout:
        """The newest layout that a partition was started with."""
        return self._newest

    def behind(self, generation: int) -> bool:
        """Whether a partition was started before the layout of this generation was in force."""
        return any(known.generation < generation for known in self._layouts.values())

    def at_home(self, tenant: bytes, partition: int) -> bool:
        """Whether a partition is the home of a tenant (bytes of its UUID) by the newest layout."""
        return self._moving.homes(self._newest.partitions)(key_of(UUID(bytes=tenant))) == partition

    def admitted(
        self, records: Sequence[Record], keys: Set[bytes | None], source: RecordSource
    ) -> tuple[Sequence[Record], int]:
        """Return the records that may be taken in, and the last offset that is dealt with by that.

        Without the markers of layouts in force; where the next layout begins the partition waits from now on, and the
        last offset is its boundary.
        """
        known = self._layouts[source.partition]
        found = self._markers(records, source) if None in keys else []
        coming = [Hold(one.generation, one.offset) for one in found if one.generation > known.generation]
        if known.pending is not None and (drained := known.pending.drained.get(source.partition)) is not None:
            coming = [Hold(known.pending.generation, drained)] if records[-1].offset >= drained else []
        last = records[-1].offset
        if coming:
            self._holds[source.partition] = coming[0]
            last = coming[0].boundary
            records = records[: bisect_left(records, last, key=_offset)]
        if found:
            places = {one.offset for one in found}
            records = [record for record in records if record.offset not in places]
        return records, last

    def split(
        self, records: Sequence[Record], keys: Set[bytes | None], partition: int
    ) -> tuple[Sequence[Record], Sequence[Record]]:
        """Return the records that belong in the partition, and those that belong in another.

        Parameters
        ----------
        keys
            Those of the records, each looked at once; others may be among them.
        """
        counted = self._counted.get(partition, frozenset())
        elsewhere = [
            record
            for layout, some in self._by_layout(records, partition)
            if (away := self._away(keys, layout, partition))
            for record in some
            if record.key in away and record.offset not in counted and not _moved_by(record, layout.generation)
        ]
        if not elsewhere:
            return records, elsewhere
        places = {record.offset for record in elsewhere}
        return [record for record in records if record.offset not in places], elsewhere

    def moved(self, record: Record, topic: str, partition: int) -> Moved:
        """Return a record as the message for its home partition; it has a key and a value."""
        key, newest = record.key or b"", self._newest
        home = self._moving.homes(newest.partitions)(key)
        return Moved(topic, home, key, record.value or b"", f"{topic}/{partition}/{record.offset}", newest.generation)

    def _markers(self, records: Sequence[Record], source: RecordSource) -> list[Marker]:
        markers = self._moving.markers
        if markers is None:
            return []
        keyless = [record for record in records if record.key is None and record.headers]
        return [marker for record in keyless if (marker := markers.found(record, source)) is not None]

    def _away(self, keys: Set[bytes | None], layout: Layout, partition: int) -> set[bytes]:
        """Return the keys whose home is another partition."""
        home_of = self._moving.homes(layout.partitions)
        return {key for key in keys if key and home_of(key) != partition}

    def _by_layout(self, records: Sequence[Record], partition: int) -> Iterator[tuple[Layout, Sequence[Record]]]:
        """Cut records, in the log's order, where layouts begin."""
        known = self._layouts.get(partition)
        layouts = (self._newest,) if known is None else known.opened
        start = 0
        for layout, after in zip(layouts, (*layouts[1:], None), strict=True):
            end = len(records) if after is None else bisect_left(records, after.begins(partition), key=_offset)
            if end > start:
                yield layout, records[start:end]
                start = end


def _offset(record: Record) -> int:
    return record.offset


def _moved_by(record: Record, generation: int) -> bool:
    """Whether a record was moved to where it is by this layout, or a later one."""
    headers = dict(record.headers)
    if MOVED_HEADER not in headers:
        return False
    by = headers.get(MOVED_BY_HEADER, b"0") or b""  # Kafka's headers may be null
    return by.isdigit() and len(by) < 10 and int(by) >= generation
