"""Health events that a connector reports after each sync job, derived from the job."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Final

import numpy as np

from simulator.arrays import Bools, Floats, Ints
from simulator.catalogue import kind_index, profile_of
from simulator.disturbances import Disturbances
from simulator.queries import LATEST_QUERY_MS, Queries
from simulator.rhythm import Rate, week_profile
from simulator.syncs import LINK, JobLog
from simulator.tenants import SimulatedTenant
from simulator.times import DAY_MS, HOUR_MS, MINUTE_MS

STATUSES: Final = ("healthy", "degraded", "failing", "syncing")
HEALTHY, DEGRADED, FAILING, SYNCING = range(len(STATUSES))

_ERROR_WINDOW_MS: Final = HOUR_MS
_SUCCESS_WINDOW_MS: Final = DAY_MS
_FRESH_FOR_HOURS: Final = 12.0
# The quota leaves this much room over the busiest ordinary window.
_HEADROOM: Final = 1.6
_DEGRADED_ERRORS, _DEGRADED_REJECTS = 0.15, 0.08
_FEW_CALLS: Final = 10
_NOT_FOUND: Final = kind_index("not_found")


@dataclass(frozen=True)
class HealthReports:
    """Health events of one tenant, one row each, by time (ms).

    ``finished`` says that the job's facts are known; ``error_kind`` is a position in ``ERROR_KINDS`` or -1.
    """

    at: Ints
    link: Ints
    status: Ints
    last_sync_at: Ints
    success_rate: Floats
    error_rate: Floats
    error_rate_given: Bools
    freshness_score: Floats
    quota_used: Floats
    started: Ints
    finished: Bools
    records: Ints
    records_failed: Ints
    duration_ms: Ints
    error_kind: Ints


class CallLog:
    """The calls of the last day by integration: number and failures between two times."""

    def __init__(self) -> None:
        self._blocks: deque[tuple[int, Ints, Bools]] = deque()
        self._keys = np.zeros(0, dtype=np.int64)
        self._failed = np.zeros(1, dtype=np.int64)

    def add(self, begin: int, end: int, queries: Queries) -> None:
        """Add the queries of the next block, ``[begin, end)`` in ms, and drop those outside the longest window."""
        # Not found is not a failure of the connection.
        failed = ~queries.success & (queries.error_kind != _NOT_FOUND)
        self._blocks.append((end + LATEST_QUERY_MS, queries.link * LINK + queries.at, failed))
        # The longest windows look back to midnight, and an hour before it.
        while self._blocks[0][0] < begin - begin % DAY_MS - _ERROR_WINDOW_MS:
            self._blocks.popleft()
        keys = np.concatenate([part for _, part, _ in self._blocks])
        order = np.argsort(keys, kind="stable")
        self._keys = keys[order]
        failures = np.concatenate([part for _, _, part in self._blocks])[order]
        self._failed = np.concatenate([[0], np.cumsum(failures)]).astype(np.int64)

    def count(self, link: Ints, begin: Ints, end: Ints) -> tuple[Ints, Ints]:
        """Return the calls in ``[begin, end)`` and how many of them failed."""
        low = np.searchsorted(self._keys, link * LINK + begin)
        high = np.searchsorted(self._keys, link * LINK + end)
        return (high - low).astype(np.int64), self._failed[high] - self._failed[low]


def draw(
    tenant: SimulatedTenant,
    *,
    jobs: JobLog,
    calls: CallLog,
    disturbances: Disturbances,
    rate: Rate,
    span: tuple[int, int],
) -> HealthReports:
    """Return the health events in ``span`` (``[begin, end)`` in ms); deterministic."""
    log = jobs.jobs
    ended = np.flatnonzero((log.finished >= span[0]) & (log.finished < span[1]))
    begun = np.flatnonzero(log.full & (log.started >= span[0]) & (log.started < span[1]))
    job = log.where(np.concatenate([ended, begun]))
    finished = np.arange(len(job.link)) < len(ended)
    at = np.where(finished, job.finished, job.started)

    made, failed = calls.count(job.link, at - _ERROR_WINDOW_MS, at)
    error_rate = failed / np.maximum(made, 1)
    rejects = job.records_failed / np.maximum(job.records, 1)
    strained = ((error_rate > _DEGRADED_ERRORS) & (made >= _FEW_CALLS)) | (rejects > _DEGRADED_REJECTS)
    broken = finished & ~job.succeeded
    last_sync_at = jobs.last_sync_at(job.link, at)
    age_hours = (at - last_sync_at) / HOUR_MS
    window, quota = _quota(tenant, rate, job.link, at)
    in_window, _ = calls.count(job.link, at - at % window, at)
    order = np.argsort(at, kind="stable")
    health = HealthReports(
        at=at,
        link=job.link,
        # A stale sync reports success.
        status=np.select([~finished, job.stale, broken, strained], [SYNCING, HEALTHY, FAILING, DEGRADED], HEALTHY),
        last_sync_at=last_sync_at,
        success_rate=np.where(job.stale, 1.0, jobs.success_rate(job.link, at - _SUCCESS_WINDOW_MS, at)),
        error_rate=error_rate,
        error_rate_given=made > 0,
        freshness_score=np.exp(-age_hours / _FRESH_FOR_HOURS),
        quota_used=np.minimum(in_window / quota + disturbances.quota_taken(job.link, at), 1.0),
        started=job.started,
        finished=finished,
        records=job.records,
        records_failed=job.records_failed,
        duration_ms=job.finished - job.started,
        error_kind=np.where(broken, job.error_kind, -1),
    )
    return HealthReports(**{name: column[order] for name, column in vars(health).items()})


def _quota(tenant: SimulatedTenant, rate: Rate, link: Ints, at: Ints) -> tuple[Ints, Floats]:
    """Return the quota window of each (link, time) in ms, and the number of calls that it allows."""
    daily = np.array([profile_of(one.provider).quota_window == "day" for one in tenant.links])
    busiest = np.where(daily, 1.3, week_profile(tenant.rhythm).max())
    minutes = np.where(daily, DAY_MS, HOUR_MS) // MINUTE_MS
    usual = np.array([one.queries_per_minute for one in tenant.links]) * minutes * busiest
    expected = usual[link] * rate.at(at)
    quota = _HEADROOM * expected + 4.0 * np.sqrt(expected) + 20.0
    return np.where(daily[link], DAY_MS, HOUR_MS), quota
