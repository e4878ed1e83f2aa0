"""Turns records into rows: by the fast path where a batch is clean, one by one where it is not."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from types import MappingProxyType
from typing import Final, NamedTuple

import pyarrow as pa

from models.dead_letters import DeadLetter
from models.sync_status import DEFAULT_VOCABULARY, Vocabulary
from models.topics import Topic
from streams.arrow_batches import to_batch, with_meanings
from streams.columnar_reader import ColumnarReader
from streams.decode import Decoder, Record, RecordSource
from streams.pseudonyms import Pseudonymiser
from streams.screening import LabelScreen

# Below this number, records are decoded one by one: searching for the unusual one costs more.
_MIN_COLUMNAR: Final = 16
# Above this share of unusual records the fast path costs more than it saves ...
_MAX_UNUSUAL: Final = 0.25
# ... so this many batches are decoded one by one before the fast path is tried again.
_BATCHES_ONE_BY_ONE: Final = 20


class ReadBatch(NamedTuple):
    """The result of one batch: rows in the log's order, and rejections."""

    rows: pa.RecordBatch | None
    rejected: list[DeadLetter]
    unknown_fields: int
    screened: Mapping[str, int] = MappingProxyType({})


class _Part(NamedTuple):
    read: ReadBatch
    one_by_one: int


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
        self._columnar = ColumnarReader(topic, schema, pseudonymiser)
        self._batches_one_by_one = 0

    def read(self, records: Sequence[Record], source: RecordSource, *, now: datetime) -> ReadBatch:
        """Return rows and rejections of a batch; every record is exactly one of both."""
        parts = list(self._parts(records, source, now))
        slow = sum(part.one_by_one for part in parts)
        if self._batches_one_by_one:
            self._batches_one_by_one -= 1
        elif len(records) >= _MIN_COLUMNAR and slow > _MAX_UNUSUAL * len(records):
            self._batches_one_by_one = _BATCHES_ONE_BY_ONE
        rows = _joined([part.read.rows for part in parts if part.read.rows is not None])
        if rows is not None:
            rows = with_meanings(rows, self._vocabulary)
        screened: Counter[str] = Counter()
        if rows is not None and self._screen is not None:
            rows, screened = self._screen.rows(rows)
        return ReadBatch(
            rows,
            [letter for part in parts for letter in part.read.rejected],
            sum(part.read.unknown_fields for part in parts),
            screened,
        )

    def _parts(self, records: Sequence[Record], source: RecordSource, now: datetime) -> Iterator[_Part]:
        """Halve a batch until the unusual records are isolated."""
        if self._batches_one_by_one or len(records) < _MIN_COLUMNAR:
            yield self._one_by_one(records, source, now)
        elif (rows := self._columnar.to_batch(records, source, now=now)) is not None:
            yield _Part(ReadBatch(rows, [], 0), 0)
        else:
            half = len(records) // 2
            yield from self._parts(records[:half], source, now)
            yield from self._parts(records[half:], source, now)

    def _one_by_one(self, records: Sequence[Record], source: RecordSource, now: datetime) -> _Part:
        decoded = self._decoder.decode(records, source, now=now)
        rows = None
        if decoded.events:
            rows = to_batch(decoded.events, decoded.offsets, self._schema, source, self._pseudonymiser)
        return _Part(ReadBatch(rows, decoded.rejected, decoded.unknown_fields), len(records))


def _joined(batches: Sequence[pa.RecordBatch]) -> pa.RecordBatch | None:
    if len(batches) <= 1:
        return batches[0] if batches else None
    return pa.Table.from_batches(batches).combine_chunks().to_batches()[0]
