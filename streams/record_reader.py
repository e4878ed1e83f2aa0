"""Turns records into rows: by the fast path where it is compiled and a record is usual, else one by one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from importlib.util import find_spec
from itertools import pairwise
from types import MappingProxyType
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from models.dead_letters import DeadLetter
from models.sync_status import DEFAULT_VOCABULARY, Vocabulary
from models.topics import Topic
from streams.arrow_batches import to_batch, with_meanings
from streams.decode import Decoder, Record, RecordSource
from streams.pseudonyms import Pseudonymiser
from streams.screening import LabelScreen

IS_COMPILED: Final = find_spec("streams.json_columns") is not None
"""Whether the compiled module of the fast path is installed."""
NOT_COMPILED: Final = (
    "streams/json_columns.c was not compiled when this was installed, so each message is read alone, at several times "
    "the processor time; install a C compiler and Python's headers (Debian: apt-get install gcc python3-dev), then "
    "install again (make setup)"
)
if IS_COMPILED:
    from streams.columnar_reader import ColumnarReader

# Below this number, records are decoded one by one: columns cost more.
_MIN_COLUMNAR: Final = 16


class Batch(NamedTuple):
    """Records of one partition, in the log's order."""

    source: RecordSource
    records: Sequence[Record]


class ReadBatch(NamedTuple):
    """The result of one batch: rows in the log's order, and rejections."""

    rows: pa.RecordBatch | None
    rejected: list[DeadLetter]


class ReadBatches(NamedTuple):
    """The results of several batches, and what was seen in all of them together."""

    batches: list[ReadBatch]
    unknown_fields: int
    screened: Mapping[str, int] = MappingProxyType({})


class _Part(NamedTuple):
    rows: pa.RecordBatch | None
    rejected: list[DeadLetter]
    unknown_fields: int


class RecordReader:
    """Reads the records of one topic; both paths give the same result.

    Parameters
    ----------
    schema
        The rows to make, one of ``models.rows``.
    vocabulary
        Mapping of status and error words.
    screen
        Replaces personal data in labels; ``None``: off.
    """

    def __init__(
        self,
        topic: Topic,
        schema: pa.Schema,
        pseudonymiser: Pseudonymiser,
        vocabulary: Vocabulary = DEFAULT_VOCABULARY,
        screen: LabelScreen | None = None,
    ) -> None:
        self._screen = screen
        self._vocabulary = vocabulary
        self._schema = schema
        self._pseudonymiser = pseudonymiser
        self._decoder = Decoder(topic)
        self._columnar = ColumnarReader(topic, schema, pseudonymiser) if IS_COMPILED else None

    def read(self, batches: Sequence[Batch], *, now: datetime) -> ReadBatches:
        """Return rows and rejections of each batch; every record is exactly one of both.

        Parameters
        ----------
        batches
            Of different partitions of one topic. They are read together: a poll of many partitions brings few records
            of each, and most of what a small batch costs does not depend on its size.
        """
        records = [record for batch in batches for record in batch.records]
        partitions = np.repeat([batch.source.partition for batch in batches], [len(batch.records) for batch in batches])
        sources = {batch.source.partition: batch.source for batch in batches}
        parts = list(self._parts(records, partitions.astype(np.int32), sources, now)) if records else []
        rows = _joined([part.rows for part in parts if part.rows is not None])
        screened: Counter[str] = Counter()
        if rows is not None:
            rows = with_meanings(rows, self._vocabulary)
            if self._screen is not None:
                rows, screened = self._screen.rows(rows)
        rejected: dict[int, list[DeadLetter]] = {partition: [] for partition in sources}
        for letter in (letter for part in parts for letter in part.rejected):
            rejected[letter.partition].append(letter)
        found = {} if rows is None else dict(_by_partition(rows))
        return ReadBatches(
            [ReadBatch(found.get(partition), rejected[partition]) for partition in sources],
            sum(part.unknown_fields for part in parts),
            screened,
        )

    def _parts(
        self,
        records: Sequence[Record],
        partitions: npt.NDArray[np.int32],
        sources: Mapping[int, RecordSource],
        now: datetime,
    ) -> Iterator[_Part]:
        """Read what is usual together, and the rest one by one; ``partitions`` has the partition of each record."""
        rest = np.arange(len(records))
        if self._columnar is not None and len(records) >= _MIN_COLUMNAR:
            epoch = next(iter(sources.values())).topic_epoch
            read = self._columnar.read(records, epoch, partitions, now=now)
            yield _Part(read.rows if read.rows.num_rows else None, [], read.unknown_fields)
            rest = np.flatnonzero(read.is_unusual)
        if len(rest) > 0:
            for start, end in pairwise(_bounds(partitions[rest])):
                unusual = [records[place] for place in rest[start:end].tolist()]
                yield self._one_by_one(unusual, sources[int(partitions[rest[start]])], now)

    def _one_by_one(self, records: Sequence[Record], source: RecordSource, now: datetime) -> _Part:
        decoded = self._decoder.decode(records, source, now=now)
        rows = None
        if decoded.events:
            rows = to_batch(decoded.events, decoded.offsets, self._schema, source, self._pseudonymiser)
        return _Part(rows, decoded.rejected, decoded.unknown_fields)


def _by_partition(rows: pa.RecordBatch) -> Iterator[tuple[int, pa.RecordBatch]]:
    """Split rows, those of each partition together, by partition."""
    partitions = rows["kafka_partition"].to_numpy()
    for start, end in pairwise(_bounds(partitions)):
        yield int(partitions[start]), rows.slice(start, end - start)


def _bounds(partitions: npt.NDArray[np.int32]) -> list[int]:
    """Return where another partition begins, with the start and the end."""
    return [0, *(np.flatnonzero(np.diff(partitions)) + 1).tolist(), len(partitions)]


def _joined(batches: Sequence[pa.RecordBatch]) -> pa.RecordBatch | None:
    """Return the rows of all batches, each partition's together and in the log's order."""
    if len(batches) <= 1:
        return batches[0] if batches else None
    rows = pa.Table.from_batches(batches).combine_chunks().to_batches()[0]
    return rows.take(np.lexsort((rows["kafka_offset"].to_numpy(), rows["kafka_partition"].to_numpy())))
