"""Writes the layouts of the query topic: the first one, and the steps of a change."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import pyarrow as pa

from models.layouts import EVERY_PARTITION, OPENED, PLANNED, Layouts
from models.rows import TOPIC_LAYOUTS
from sinks.sink import Sink

_TABLE: Final = "topic_layouts"


def begin_layouts(sink: Sink, topic_epoch: int, partitions: int) -> Layouts:
    """Record the first layout of a topic where none is recorded; return what is recorded then.

    Later, partitions that somebody adds change no key's home.

    Raises
    ------
    SinkUnavailable, SinkRejected
        ClickHouse does not take or tell it.
    """
    found = sink.layouts(topic_epoch)
    if found.opened:
        return found
    _write(sink, _row(topic_epoch, 0, OPENED, EVERY_PARTITION, partitions=partitions))
    return sink.layouts(topic_epoch)


def plan_layout(sink: Sink, topic_epoch: int, generation: int, partitions: int) -> Layouts:
    """Record that a layout is planned; return what is recorded then: another plan may have been first."""
    _write(sink, _row(topic_epoch, generation, PLANNED, EVERY_PARTITION, partitions=partitions))
    return sink.layouts(topic_epoch)


def open_layout(
    sink: Sink, topic_epoch: int, generation: int, partitions: int, boundaries: Mapping[int, int]
) -> Layouts:
    """Put a layout into force, from the boundaries on, in one insert; return what is recorded then."""
    rows = [
        _row(topic_epoch, generation, OPENED, partition, boundary=boundary, partitions=partitions)
        for partition, boundary in sorted(boundaries.items())
    ]
    _write(sink, *rows)
    return sink.layouts(topic_epoch)


def _row(
    topic_epoch: int, generation: int, event: str, partition: int, *, boundary: int = 0, partitions: int
) -> dict[str, Any]:
    return {
        "topic_epoch": topic_epoch,
        "generation": generation,
        "event": event,
        "partition": partition,
        "boundary": boundary,
        "partitions": partitions,
    }


def _write(sink: Sink, *rows: dict[str, Any]) -> None:
    sink.write(_TABLE, pa.RecordBatch.from_pylist(list(rows), schema=TOPIC_LAYOUTS))
