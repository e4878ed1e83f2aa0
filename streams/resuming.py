"""Reads what a partition of the query topic needs to resume: stored rows, layouts, inherited event ids."""

from __future__ import annotations

from typing import NamedTuple, cast

import pyarrow as pa

from models.layouts import Layouts
from sinks.sink import HomeRange, Sink, StoredRange
from streams.decode import RecordSource
from streams.partition import InheritedIds, inherited_ranges, needs_inherited, remembered_range
from streams.retry_policy import RetryPolicy
from streams.windows import CHUNK_SIZE


class ResumeState(NamedTuple):
    """The stored state from which a partition resumes: rows, layouts and inherited event ids.

    ``counted`` are offsets that are read again although they are stored already: they count in this partition.
    """

    stored: pa.RecordBatch
    layouts: Layouts
    inherited: tuple[InheritedIds, ...] = ()
    counted: tuple[int, ...] = ()

    @property
    def durable_to(self) -> int:
        """The offset after the last stored row."""
        return cast("int", self.stored["kafka_offset"][-1].as_py()) + 1 if self.stored.num_rows else 0


async def resume_state(
    sink: Sink, retry_policy: RetryPolicy, source: RecordSource, first_offset: int, *, placed: bool
) -> ResumeState:
    """Return the state of a partition of queries whose first record has ``first_offset``.

    ``placed`` tells whether queries are moved to their home partition; otherwise layouts do not matter.

    Raises
    ------
    SinkRejected
        ClickHouse refuses a read.
    """
    wanted = StoredRange(source.topic_epoch, source.partition, *remembered_range(first_offset))
    stored = await retry_policy.until_done(sink.stored_queries, wanted)
    if not placed:
        return ResumeState(stored, Layouts())
    ahead = wanted._replace(first=first_offset, end=first_offset + 2 * CHUNK_SIZE)
    again = await retry_policy.until_done(sink.stored_queries, ahead)
    layouts = await retry_policy.until_done(sink.layouts, source.topic_epoch)
    inherited = []
    for layout in layouts.opened[1:]:
        if not needs_inherited(layout.begins(source.partition), first_offset):
            continue
        ids: set[bytes] = set()
        for partition, offsets in inherited_ranges(layouts.opened, layout.generation):
            place = StoredRange(source.topic_epoch, partition, *offsets)
            home = HomeRange(place, layout.partitions, source.partition)
            ids |= await retry_policy.until_done(sink.stored_ids, home)
        inherited.append(InheritedIds(layout.begins(source.partition), frozenset(ids)))
    counted = cast("list[int]", again["kafka_offset"].to_pylist())
    return ResumeState(stored, layouts, tuple(inherited), tuple(counted))
