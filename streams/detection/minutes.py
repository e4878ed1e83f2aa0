"""Minute series for the detectors: per tenant and provider, closed once by a watermark.

Unlike the windows of ``streams.windows``, which stay open for ever, a closed minute is final: detectors learn from it.
The watermark is the newest event time less the allowed lateness. Where a partition was read to its end and nothing new
came, it follows the clock, so a silent partition still closes its minutes; while messages wait in Kafka it does not: a
worker that is slow, or a broker that is away, says nothing of what happens. An event time ahead of the clock counts as
now: a producer whose clock is fast must not make everyone else's events late.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, Final, NamedTuple

import numpy as np
import pyarrow as pa

from models.minutes import MinuteCounts, Series

_MINUTE_MS: Final = 60_000
# A series of a minute takes about half a kilobyte.
MAX_SERIES: Final = 20_000
# After a jump in event time (history, a long silence) only this many silent minutes are emitted one by one.
_MAX_SILENT_MINUTES: Final = 1_440
# A partition that gets events of long ago is being filled with history, by a producer that may pause: before it counts
# as silent it is given this share of how late its newest event came, at most so long.
_PAUSE_SHARE: Final = 0.1
_MAX_PAUSE: Final = timedelta(minutes=10)
# Where a partition resumed, in event time, is the newest of this many events: any one of them may be days late.
_RESUME_EVENTS: Final = 16
# So many events are counted at once, all of them when minutes close: polls are more frequent, and small.
_COUNT_ROWS: Final = 5_000
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_COUNTED: Final = ("created_at", "user_id", "integration_provider", "query_success", "response_time_ms", "error_kind")


class ClosedMinute(NamedTuple):
    """One minute that will not change again.

    ``complete`` is false where the minute began before the partition's resume point: part of it was not seen by this
    worker, so it must not be scored.
    """

    start: datetime
    series: dict[Series, MinuteCounts]
    complete: bool


class MinuteSeries:
    """The open minutes of one partition.

    Parameters
    ----------
    lateness
        Allowed lateness: how far an event may lag behind the newest one and still be counted here.
    idle_after
        How long the partition must be silent before the clock moves its watermark; longer where its events came late.
    most_series
        Maximum number of series over all open minutes. A minute beyond it is dropped and closes as incomplete; its
        series are read back from ClickHouse.
    """

    def __init__(
        self,
        *,
        lateness: timedelta = timedelta(minutes=1),
        idle_after: timedelta = timedelta(seconds=30),
        most_series: int = MAX_SERIES,
    ) -> None:
        self._lateness_ms = lateness // timedelta(milliseconds=1)
        self._idle_after = idle_after
        self._added: list[pa.RecordBatch] = []
        self._open: dict[int, dict[Series, MinuteCounts]] = {}
        self._watermark_ms: int | None = None
        self._resumed_ms: int | None = None
        self._resume_events = 0
        self._most_series = most_series
        self._overfull: set[int] = set()
        self._dropped = 0
        self._closed_through = 0
        self._last_arrival: datetime | None = None
        self._patience = idle_after

    def take_overfull(self) -> int:
        """Return how many minutes were dropped since the last call because there were too many series."""
        dropped, self._dropped = self._dropped, 0
        return dropped

    @property
    def watermark(self) -> datetime | None:
        """The watermark: event time up to which events are assumed to be complete."""
        return None if self._watermark_ms is None else _EPOCH + timedelta(milliseconds=self._watermark_ms)

    @property
    def resumed(self) -> datetime | None:
        """Where the partition resumed, in event time: what happened since came in while this worker had it."""
        return None if self._resumed_ms is None else _EPOCH + timedelta(milliseconds=self._resumed_ms)

    @property
    def _newest_ms(self) -> int:
        return 0 if self._watermark_ms is None else self._watermark_ms + self._lateness_ms

    def add(self, batch: pa.RecordBatch, now: datetime) -> int:
        """Count events (rows of ``QUERY_METRICS``); return the number of events too late for their minute."""
        if batch.num_rows == 0:
            return 0
        times = batch["created_at"].cast(pa.int64()).to_numpy()
        now_ms = _milliseconds(now)
        if self._resume_events < _RESUME_EVENTS:
            self._resume(np.minimum(times[: _RESUME_EVENTS - self._resume_events], now_ms))
        self._last_arrival = now
        behind = timedelta(milliseconds=max(now_ms - max(int(times.max()), self._newest_ms), 0))
        self._patience = max(self._idle_after, min(behind * _PAUSE_SHARE, _MAX_PAUSE))
        late = times < self._closed_through * _MINUTE_MS
        late_events = int(np.count_nonzero(late))
        added = batch.select(_COUNTED)
        self._added.append(added.filter(pa.array(~late)) if late_events else added)
        if sum(one.num_rows for one in self._added) >= _COUNT_ROWS:
            self._count_added()
        self._advance(min(int(times.max()), now_ms) - self._lateness_ms)
        return late_events

    def close(self, read_through: datetime | None) -> list[ClosedMinute]:
        """Return the minutes that the watermark has passed, oldest first, silent ones between them included.

        Parameters
        ----------
        read_through
            When it was last known that the partition had been read to its end; ``None``: that is not known.
        """
        if self._last_arrival is None:
            return []
        self._count_added()
        if read_through is not None and read_through - self._last_arrival >= self._patience:
            self._advance(_milliseconds(read_through) - self._lateness_ms)
        if self._watermark_ms is None or self._resumed_ms is None:
            return []
        through = self._watermark_ms // _MINUTE_MS
        silent = range(max(self._closed_through, through - _MAX_SILENT_MINUTES), through)
        held = {*self._open, *self._overfull}
        minutes = sorted({*silent, *(minute for minute in held if minute < through)})
        closed = [
            ClosedMinute(
                start=_EPOCH + timedelta(minutes=minute),
                series=self._open.pop(minute, {}),
                complete=minute * _MINUTE_MS >= self._resumed_ms and minute not in self._overfull,
            )
            for minute in minutes
        ]
        self._overfull = {minute for minute in self._overfull if minute >= through}
        self._closed_through = max(self._closed_through, through)
        return closed

    def _count_added(self) -> None:
        """Count the events that were added since the last call."""
        added = pa.Table.from_batches(self._added).combine_chunks().to_batches() if self._added else []
        self._added.clear()
        for batch in added:
            minutes = batch["created_at"].cast(pa.int64()).to_numpy() // _MINUTE_MS
            there = ~np.isin(minutes, list(self._overfull))
            self._count(batch if there.all() else batch.filter(pa.array(there)), minutes[there])
            self._let_go()

    def _let_go(self) -> None:
        """Drop the minutes with the most series while there are too many."""
        while sum(map(len, self._open.values())) > self._most_series:
            fullest = max(self._open, key=lambda minute: len(self._open[minute]))
            del self._open[fullest]
            self._overfull.add(fullest)
            self._dropped += 1

    def _resume(self, times: np.typing.NDArray[np.int64]) -> None:
        newest = int(times.max())
        if self._resumed_ms is None:
            self._closed_through = (newest - self._lateness_ms) // _MINUTE_MS
        self._resumed_ms = newest if self._resumed_ms is None else max(self._resumed_ms, newest)
        self._resume_events += len(times)

    def _advance(self, candidate_ms: int) -> None:
        if self._watermark_ms is None or candidate_ms > self._watermark_ms:
            self._watermark_ms = candidate_ms

    def _count(self, batch: pa.RecordBatch, minutes: np.typing.NDArray[np.int64]) -> None:
        logs = np.log1p(batch["response_time_ms"].to_numpy())
        errors = ~batch["query_success"].to_numpy(zero_copy_only=False).astype(bool)
        users = batch["user_id"].dictionary_encode()
        providers = batch["integration_provider"].dictionary_encode()
        width = max(len(providers.dictionary), 1)
        series = users.indices.to_numpy().astype(np.int64) * width + providers.indices.to_numpy()
        per_minute = max(len(users.dictionary), 1) * width
        # One number sorts faster than two.
        pairs, group = np.unique(minutes * per_minute + series, return_inverse=True)
        totals = zip(
            *(part.tolist() for part in np.divmod(pairs, per_minute)),
            np.bincount(group).tolist(),
            np.bincount(group, weights=errors).tolist(),
            np.bincount(group, weights=logs).tolist(),
            np.bincount(group, weights=logs * logs).tolist(),
            strict=True,
        )
        user_ids, names = users.dictionary.to_pylist(), providers.dictionary.to_pylist()
        groups: list[MinuteCounts] = []
        for minute, code, queries, failed, log_sum, log_squares in totals:
            one = (user_ids[code // width], names[code % width])
            counts = self._open.setdefault(minute, {}).setdefault(one, MinuteCounts())
            counts.queries += queries
            counts.errors += int(failed)
            counts.log_latency_sum += log_sum
            counts.log_latency_squares += log_squares
            groups.append(counts)
        _count_kinds(groups, group[errors], batch["error_kind"].filter(pa.array(errors)))


def _count_kinds(groups: list[MinuteCounts], group: np.typing.NDArray[np.int64], kinds: pa.Array[Any]) -> None:
    """Count the error kinds of failed queries, ``group[i]`` being that of ``kinds[i]``; there are few of them."""
    for place, kind in zip(group.tolist(), kinds.to_pylist(), strict=True):
        if kind:
            found = groups[place].error_kinds
            found[kind] = found.get(kind, 0) + 1


def _milliseconds(moment: datetime) -> int:
    return (moment - _EPOCH) // timedelta(milliseconds=1)
