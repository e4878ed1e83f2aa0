"""Tumbling one-minute windows as a pure function of a chunk of the log.

The log of a partition is cut into chunks of ``CHUNK_SIZE`` offsets. A window's row is keyed by (tenant, provider,
query type, minute, topic epoch, partition, chunk) and computed from the chunk's events alone, whatever their order; its
version is the last offset folded in. A restart replays the chunk and overwrites the same rows, so nothing counts twice,
and a late event needs no special case: it falls in its own minute, in its own chunk.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from models.histogram import buckets_of
from models.measures import QUERY_MEASURES, count_of, sum_of
from models.rows import HISTOGRAM, QUERY_WINDOWS, SCORE, UUID
from streams.arrow_batches import decimal_column, decimals_scaled
from streams.decode import RecordSource

CHUNK_SIZE: Final = 32_768
# A repeated event is recognised within this many chunks; the design promises one.
REMEMBERED_CHUNKS: Final = 4

_SERIES: Final = ("user_id", "integration_provider", "query_type")
_COLUMNS: Final = (*_SERIES, "created_at", "kafka_offset", "query_success", "response_time_ms", *QUERY_MEASURES)
_MINUTE_MS: Final = 60_000
_MINUTE_BITS: Final = 32

_Int64s = npt.NDArray[np.int64]


class _Rows(NamedTuple):
    """One batch's events, a column each; ``window`` is the series code and the minute in one number."""

    window: _Int64s
    offset: _Int64s
    success: _Int64s
    response_time: _Int64s
    measures: _Int64s  # shape (measures, n): the values as integers, 0 where not given
    given: _Int64s  # shape (measures, n): 1 where given


class Chunk:
    """The windows of one chunk of one partition."""

    def __init__(self, source: RecordSource, chunk_id: int) -> None:
        self.chunk_id = chunk_id
        self._source = source
        self._codes: dict[tuple[bytes, str, str], int] = {}
        self._added: list[pa.RecordBatch] = []
        self._batches: list[_Rows] = []
        self._changed: list[_Int64s] = []

    def add(self, batch: pa.RecordBatch) -> None:
        """Add events (rows of ``models.rows.QUERY_METRICS`` or at least the columns used here).

        They are folded in when the windows are asked for: polls are more frequent, and small.
        """
        self._added.append(batch.select(_COLUMNS))

    def _fold(self) -> None:
        """Fold in the events that were added since the last call."""
        if not self._added:
            return
        batch = pa.Table.from_batches(self._added).combine_chunks().to_batches()[0]
        self._added.clear()
        minutes = batch["created_at"].cast(pa.int64()).to_numpy() // _MINUTE_MS
        scores = [decimals_scaled(batch[name]) for name in QUERY_MEASURES]
        rows = _Rows(
            window=self._series(batch) << _MINUTE_BITS | minutes,
            offset=batch["kafka_offset"].to_numpy(),
            success=batch["query_success"].cast(pa.int8()).to_numpy().astype(np.int64),
            response_time=batch["response_time_ms"].to_numpy().astype(np.int64),
            measures=np.stack([values for values, _ in scores]),
            given=np.stack([~missing for _, missing in scores]).astype(np.int64),
        )
        self._batches.append(rows)
        self._changed.append(np.unique(rows.window))

    def take_back(self, offsets: Collection[int]) -> None:
        """Uncount the events at some offsets."""
        self._fold()
        for place, rows in enumerate(self._batches):
            gone = np.isin(rows.offset, list(offsets))
            if gone.any():
                self._changed.append(np.unique(rows.window[gone]))
                self._batches[place] = _Rows(*(column[..., ~gone] for column in rows))

    def take_changed(self) -> pa.RecordBatch | None:
        """Return the rows of the windows that changed since the last call, ``None`` where none did."""
        self._fold()
        if not self._changed:
            return None
        changed = np.unique(np.concatenate(self._changed))
        self._changed.clear()
        self._batches = [_Rows(*(np.concatenate(column, axis=-1) for column in zip(*self._batches, strict=True)))]
        rows = self._batches[0]
        # A window whose only events were taken back again was never written.
        there = changed[np.isin(changed, rows.window)]
        return self._rows(there, rows) if len(there) else None

    def _series(self, batch: pa.RecordBatch) -> _Int64s:
        """Return each row's series code; Python code runs once per distinct series, not per event."""
        columns = [batch[name].dictionary_encode() for name in _SERIES]
        combined = np.zeros(len(batch), dtype=np.int64)
        for column in columns:
            combined = combined * max(len(column.dictionary), 1) + column.indices.to_numpy()
        _, first, inverse = np.unique(combined, return_index=True, return_inverse=True)
        distinct = zip(*(batch[name].take(pa.array(first, pa.int64())).to_pylist() for name in _SERIES), strict=True)
        codes = [self._codes.setdefault(series, len(self._codes)) for series in distinct]
        return np.array(codes, dtype=np.int64)[inverse]

    def _rows(self, changed: _Int64s, rows: _Rows) -> pa.RecordBatch:
        chosen = np.isin(rows.window, changed)
        window, offset, success, response_time = (column[chosen] for column in rows[:4])
        measures, given = rows.measures[:, chosen], rows.given[:, chosen]
        group = np.searchsorted(changed, window)
        n = len(changed)
        version = np.zeros(n, dtype=np.int64)
        np.maximum.at(version, group, offset)
        columns: dict[str, Any] = {
            **self._keys(changed),
            "topic_epoch": np.full(n, self._source.topic_epoch, dtype=np.uint64),
            "partition": np.full(n, self._source.partition, dtype=np.int32),
            "chunk_id": np.full(n, self.chunk_id, dtype=np.int64),
            "version": version,
            "queries": np.bincount(group, minlength=n).astype(np.uint64),
            "successes": _sums(group, success, n).astype(np.uint64),
            "response_time_ms_sum": _sums(group, response_time, n).astype(np.uint64),
            "response_time_histogram": _histograms(group, response_time, n),
        }
        for i, name in enumerate(QUERY_MEASURES):
            columns[sum_of(name)] = decimal_column(_sums(group, measures[i], n), SCORE)
            columns[count_of(name)] = _sums(group, given[i], n).astype(np.uint64)
        return pa.RecordBatch.from_arrays(
            [pa.array(columns[f.name], f.type) for f in QUERY_WINDOWS], schema=QUERY_WINDOWS
        )

    def _keys(self, windows: _Int64s) -> dict[str, Any]:
        series = list(self._codes)
        users, providers, types = zip(*(series[code] for code in (windows >> _MINUTE_BITS).tolist()), strict=True)
        minutes = windows & ((1 << _MINUTE_BITS) - 1)
        return {
            "user_id": pa.array(users, UUID),
            "integration_provider": pa.array(providers),
            "query_type": pa.array(types),
            "window_start": pa.array(minutes * 60).cast(pa.timestamp("s", "UTC")),
        }


def _sums(group: _Int64s, values: _Int64s, n: int) -> _Int64s:
    totals = np.zeros(n, dtype=np.int64)
    np.add.at(totals, group, values)
    return totals


def _histograms(group: _Int64s, values: _Int64s, n: int) -> pa.StructArray:
    """Return a histogram per group: ascending buckets and their counts."""
    buckets = buckets_of(values).astype(np.int64)
    shifted = group << 16 | (buckets - np.iinfo(np.int16).min)
    cells, counts = np.unique(shifted, return_counts=True)
    starts = pa.array(np.searchsorted(cells >> 16, np.arange(n + 1)), pa.int32())
    which = ((cells & 0xFFFF) + np.iinfo(np.int16).min).astype(np.int16)
    lists: list[pa.Array[Any]] = [
        pa.ListArray.from_arrays(starts, pa.array(which, pa.int16())),
        pa.ListArray.from_arrays(starts, pa.array(counts, pa.uint64())),
    ]
    return pa.StructArray.from_arrays(lists, fields=list(HISTOGRAM))
