"""One partition of the query topic: each event counts once, in the window of its minute and chunk."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple, cast

import numpy as np
import pyarrow as pa

from models.layouts import Layout
from models.rows import UUID
from streams.decode import RecordSource
from streams.windows import CHUNK_SIZE, REMEMBERED_CHUNKS, Chunk


class OffsetRange(NamedTuple):
    """Offsets from ``first`` up to, not including, ``end``."""

    first: int
    end: int


def remembered_range(first_offset: int) -> OffsetRange:
    """Return the offsets whose stored rows a partition that resumes at ``first_offset`` needs.

    They are the chunks before, for their event ids, and the start of its own chunk, which Kafka may have deleted.
    """
    chunk = first_offset // CHUNK_SIZE
    return OffsetRange(max(0, chunk - REMEMBERED_CHUNKS) * CHUNK_SIZE, first_offset)


class InheritedIds(NamedTuple):
    """Event ids that tenants brought with them from other partitions when a layout began here at ``boundary``.

    They are remembered like those of the boundary's own chunk, and from the boundary on only: what is before it is
    counted as it was.
    """

    boundary: int
    ids: frozenset[bytes]


def inherited_ranges(layouts: Sequence[Layout], generation: int) -> list[tuple[int, OffsetRange]]:
    """Return by partition the offsets whose event ids a layout's partitions remember: those before its boundaries.

    Where the layout before it began not long ago, those before that one's boundaries too: its own partitions still
    remember them.
    """
    ranges: list[tuple[int, OffsetRange]] = []
    for layout in reversed(layouts[1 : generation + 1]):
        ranges += [(partition, remembered_range(first)) for partition, first in sorted(layout.first.items()) if first]
        before = layouts[layout.generation - 1]
        reach = {partition: remembered_range(first).first for partition, first in layout.first.items()}
        if not any(first < before.begins(partition) + CHUNK_SIZE for partition, first in reach.items()):
            break
    return ranges


def needs_inherited(boundary: int, first_offset: int) -> bool:
    """Whether a partition that resumes at ``first_offset`` remembers, now or later, what it inherits at a boundary."""
    return first_offset // CHUNK_SIZE <= boundary // CHUNK_SIZE + REMEMBERED_CHUNKS


class QueryPartition:
    """Windows and remembered event ids of one partition since it resumed.

    Parameters
    ----------
    source
        The partition.
    stored
        The rows of ``remembered_range`` that are already durable.
    inherited
        What tenants brought with them, ascending by boundary.
    """

    def __init__(self, source: RecordSource, stored: pa.RecordBatch, inherited: Iterable[InheritedIds] = ()) -> None:
        self._source = source
        self._inherited = deque(inherited)
        self._chunks: list[Chunk] = []
        self._ids: deque[tuple[int, set[bytes]]] = deque()
        self._head: tuple[int, pa.RecordBatch] | None = None
        for chunk_id, rows in _by_chunk(stored):
            self._ids.append((chunk_id, set(_ids_of(rows))))
            self._head = (chunk_id, rows)

    def fold(self, batch: pa.RecordBatch) -> list[pa.RecordBatch]:
        """Count the events of ``batch`` (rows of ``QUERY_METRICS`` in the log's order); return those that were new."""
        return [
            self._fold_chunk(chunk_id, rows) for part in self._by_layout(batch) for chunk_id, rows in _by_chunk(part)
        ]

    def take_back(self, events: Mapping[int, bytes]) -> None:
        """Uncount events, ids by offset, that were not stored: the same event may come again and count then."""
        for chunk in self._chunks:
            chunk.take_back(events)
        for _, ids in self._ids:
            ids.difference_update(events.values())

    def take_changed(self) -> list[pa.RecordBatch]:
        """Return the window rows that changed since the last call; complete chunks are dropped."""
        changed = [rows for chunk in self._chunks if (rows := chunk.take_changed()) is not None]
        del self._chunks[:-1]
        return changed

    def _by_layout(self, batch: pa.RecordBatch) -> Iterator[pa.RecordBatch]:
        """Cut rows where a layout begins, and remember from there on what was inherited."""
        while self._inherited and batch.num_rows and batch["kafka_offset"][-1].as_py() >= self._inherited[0].boundary:
            boundary, ids = self._inherited.popleft()
            before = int(np.searchsorted(batch["kafka_offset"].to_numpy(), boundary))
            if before:
                yield batch.slice(0, before)
            batch = batch.slice(before)
            remembered = [*self._ids, (boundary // CHUNK_SIZE, set(ids))]
            self._ids = deque(sorted(remembered, key=lambda chunk: chunk[0]))
        if batch.num_rows:
            yield batch

    def _fold_chunk(self, chunk_id: int, rows: pa.RecordBatch) -> pa.RecordBatch:
        chunk = self._chunk(chunk_id)
        rows = self._only_new(rows)
        if rows.num_rows:
            chunk.add(rows)
        return rows

    def _chunk(self, chunk_id: int) -> Chunk:
        if self._chunks and self._chunks[-1].chunk_id == chunk_id:
            return self._chunks[-1]
        chunk = Chunk(self._source, chunk_id)
        if self._head is not None and self._head[0] == chunk_id:
            chunk.add(self._head[1])
        self._head = None
        if not self._ids or self._ids[-1][0] != chunk_id:
            self._ids.append((chunk_id, set()))
        # By distance, not by count: a chunk without valid events has no entry, and after a restart no more would be
        # known.
        while self._ids[0][0] < chunk_id - REMEMBERED_CHUNKS:
            self._ids.popleft()
        self._chunks.append(chunk)
        return chunk

    def _only_new(self, rows: pa.RecordBatch) -> pa.RecordBatch:
        ids = _ids_of(rows)
        distinct = set(ids)
        current = self._ids[-1][1]
        if len(distinct) == len(ids) and all(distinct.isdisjoint(seen) for _, seen in self._ids):
            current |= distinct
            return rows
        new = np.zeros(len(ids), dtype=bool)
        for i, event_id in enumerate(ids):
            if not any(event_id in seen for _, seen in self._ids):
                new[i] = True
                current.add(event_id)
        return rows.filter(pa.array(new))


def _ids_of(rows: pa.RecordBatch) -> list[bytes]:
    """Return the ids of rows of a schema of ``models.rows``: fixed width, never null."""
    column = rows["event_id"]
    width = UUID.byte_width
    octets = memoryview(cast("pa.Buffer", column.buffers()[1]))[column.offset * width :][: len(column) * width]
    return cast("list[bytes]", np.frombuffer(octets, f"V{width}").tolist())


def _by_chunk(batch: pa.RecordBatch) -> Iterator[tuple[int, pa.RecordBatch]]:
    """Split rows, ascending by offset, at chunk boundaries."""
    chunks = batch["kafka_offset"].to_numpy() // CHUNK_SIZE
    distinct, starts = np.unique(chunks, return_index=True)
    bounds = [*starts.tolist(), batch.num_rows]
    for chunk_id, (start, end) in zip(distinct.tolist(), pairwise(bounds), strict=True):
        yield chunk_id, batch.slice(start, end - start)
