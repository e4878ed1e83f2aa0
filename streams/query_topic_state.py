"""State of the query topic: windows, and the minute series of the detectors."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

import pyarrow as pa

from models.topics import QUERIES
from streams.decode import RecordSource
from streams.detection.minutes import ClosedMinute, MinuteSeries
from streams.metrics import Metrics
from streams.partition import InheritedIds, QueryPartition


class QueryTopicState:
    """The assigned partitions of the query topic."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self._partitions: dict[int, QueryPartition] = {}
        self._minutes: dict[int, MinuteSeries] = {}

    def __contains__(self, partition: int) -> bool:
        return partition in self._partitions

    def resume(self, source: RecordSource, stored: pa.RecordBatch, inherited: Sequence[InheritedIds] = ()) -> None:
        """Start a partition.

        Parameters
        ----------
        stored
            The rows of ``streams.partition.remembered_range``.
        inherited
            Event ids that came from other partitions, ascending by boundary.
        """
        self._partitions[source.partition] = QueryPartition(source, stored, inherited)
        self._minutes[source.partition] = MinuteSeries()

    def forget(self) -> None:
        """Drop every partition: after a rebalance another worker may own them."""
        self._partitions.clear()
        self._minutes.clear()

    def fold(self, batch: pa.RecordBatch, source: RecordSource, now: datetime) -> list[pa.RecordBatch]:
        """Count a batch of a partition that was started; return the rows that were not seen before."""
        new = [rows for rows in self._partitions[source.partition].fold(batch) if rows.num_rows]
        minutes = self._minutes[source.partition]
        late = sum(minutes.add(rows, now) for rows in new)
        self._metrics.late.labels(QUERIES.name).inc(late)
        return new

    def resumed(self, partition: int) -> datetime | None:
        """Return where a partition resumed, in event time; ``None`` where it has not, or had no events yet."""
        minutes = self._minutes.get(partition)
        return None if minutes is None else minutes.resumed

    def take_back(self, partition: int, events: Mapping[int, bytes]) -> None:
        """Uncount events, ids by offset, that ClickHouse refused; detectors may have seen them."""
        if partition in self._partitions:
            self._partitions[partition].take_back(events)

    def take_windows(self) -> list[pa.RecordBatch]:
        """Return the window rows that changed since the last call."""
        return [rows for partition in self._partitions.values() for rows in partition.take_changed()]

    def close_minutes(
        self, now: datetime, read_through: Callable[[int], datetime | None]
    ) -> dict[int, list[ClosedMinute]]:
        """Return by partition the minutes that its watermark has passed; partitions without any are left out.

        ``read_through`` returns when a partition was last known to be read to its end.
        """
        closed: dict[int, list[ClosedMinute]] = {}
        for partition, minutes in self._minutes.items():
            if found := minutes.close(read_through(partition)):
                closed[partition] = found
            self._metrics.minutes_overfull.inc(minutes.take_overfull())
            if (watermark := minutes.watermark) is not None:
                delay = self._metrics.watermark_delay.labels(QUERIES.name, str(partition))
                delay.set((now - watermark).total_seconds())
            for minute in found:
                self._metrics.minutes_closed.labels(str(minute.complete).lower()).inc()
        return closed
