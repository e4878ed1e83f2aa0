"""The check that ``experiment`` and ``arm`` are given together, over the rows of a batch.

The decoder checks it event by event; the columnar path knows single fields only. Rows of a clean batch with one of the
two are decoded again, which makes the same dead letters as if the batch had been read one by one.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import pyarrow as pa
import pyarrow.compute as pc

from models.events import EXPERIMENT_FIELDS
from models.topics import Topic
from streams.decode import Decoder, Record, RecordSource
from streams.record_reader import ReadBatch


class ExperimentFields:
    """Rejects the rows of one topic that have one of ``experiment`` and ``arm`` only."""

    def __init__(self, topic: Topic) -> None:
        self._decoder = Decoder(topic) if set(EXPERIMENT_FIELDS) <= topic.event.__annotations__.keys() else None

    def checked(self, read: ReadBatch, records: Sequence[Record], source: RecordSource, *, now: datetime) -> ReadBatch:
        """Return ``read`` without such rows, and with their dead letters; ``records`` are those it was read from."""
        if self._decoder is None or read.rows is None:
            return read
        experiment, arm = (pc.equal(read.rows[name], pa.scalar("")) for name in EXPERIMENT_FIELDS)
        half = pc.not_equal(experiment, arm)
        if not pc.any(half).as_py():
            return read
        offsets = set(read.rows.filter(half)["kafka_offset"].to_pylist())
        decoded = self._decoder.decode([one for one in records if one.offset in offsets], source, now=now)
        kept = read.rows.filter(pc.invert(half))
        rejected = sorted([*read.rejected, *decoded.rejected], key=lambda letter: letter.offset)
        return read._replace(rows=kept if kept.num_rows else None, rejected=rejected)
