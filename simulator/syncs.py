"""Sync jobs: their times, results, and the data age between them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from simulator.arrays import Bools, Floats, Ints
from simulator.catalogue import kind_index
from simulator.disturbances import FRESH, STANDSTILL, Disturbances
from simulator.rhythm import intensity
from simulator.seeds import Purpose, generator
from simulator.tenants import SimulatedTenant
from simulator.times import DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS

_FAILS: Final = 0.004
_FAILS_WITH: Final = kind_index("timeout")
_SCHEMA: Final = kind_index("schema")
_RECORDS_PER_QUERY: Final = 3.0
_INCREMENTAL_MS, _FULL_MS = 8 * SECOND_MS, 5 * MINUTE_MS
_FULL_RECORDS: Final = 40

# Data is at most as old as the longest incident and a few jobs: so many days of jobs say how old it is.
LOOK_BACK_DAYS: Final = 4
# Sorts moments by link first: link * _LINK + ms.
LINK: Final = 1 << 46


@dataclass(frozen=True)
class Jobs:
    """Sync jobs of one tenant, one row each, by finish.

    ``succeeded`` is the reported result, ``useful`` whether it updated the data, and ``claims``
    whether it moves ``last_sync_at``; ``error_kind`` counts only where it failed. Moments are in ms.
    """

    link: Ints
    started: Ints
    finished: Ints
    succeeded: Bools
    useful: Bools
    claims: Bools
    stale: Bools
    full: Bools
    records: Ints
    records_failed: Ints
    error_kind: Ints

    def where(self, rows: Bools | Ints) -> Jobs:
        """Return the chosen rows."""
        return Jobs(**{name: column[rows] for name, column in vars(self).items()})


def run_day(seed: int, tenant: SimulatedTenant, day: int, disturbances: Disturbances) -> Jobs:
    """Return the jobs that start on a UTC day (counted from 1970)."""
    rng = generator(seed, Purpose.JOBS, tenant.key, day)
    link, started, full = _schedule(rng, tenant, day)
    count = len(link)
    every = np.array([one.sync_minutes for one in tenant.links])[link] * MINUTE_MS
    typical = np.where(full, _FULL_MS, _INCREMENTAL_MS) * rng.lognormal(0.0, 0.4, count)
    finished = started + np.minimum(typical, 0.7 * every).astype(np.int64)

    likely, kind = disturbances.failures(link, started, rng.random(count))
    stale = disturbances.staleness(link, started)
    chance = rng.random(count)
    # A renamed field makes records fail, not the job.
    renamed = (kind == _SCHEMA) & (likely > 0)
    hit = (chance < likely) & ~renamed
    failed = (hit | (chance > 1.0 - _FAILS)) & (stale == FRESH)
    per_job = np.array([one.queries_per_minute * one.sync_minutes for one in tenant.links]) * _RECORDS_PER_QUERY
    expected = per_job[link] * intensity(tenant, started) * np.where(full, _FULL_RECORDS, 1)
    records, rejected = _records(rng, expected, np.where(renamed, likely, 0.0))
    cut = rng.random(count) * 0.6
    records = np.where(failed, (records * cut).astype(np.int64), records)
    empty = stale != FRESH
    by_finish = np.argsort(finished, kind="stable")
    return Jobs(
        link=link,
        started=started,
        finished=finished,
        succeeded=~failed,
        useful=~failed & ~empty,
        claims=~failed & (stale != STANDSTILL),
        stale=empty,
        full=full,
        records=np.where(empty, 0, records),
        records_failed=np.where(empty, 0, np.minimum(rejected, records)),
        error_kind=np.where(hit, kind, _FAILS_WITH),
    ).where(by_finish)


class JobLog:
    """The jobs of some days, and the data age between them.

    Parameters
    ----------
    days
        The jobs of consecutive days.
    first_day, links
        The first of the days (counted from 1970), and how many links the tenant has.
    """

    def __init__(self, days: Sequence[Jobs], first_day: int, links: int) -> None:
        self.jobs = Jobs(**{name: np.concatenate([vars(day)[name] for day in days]) for name in vars(days[0])})
        self._beginning = np.arange(links) * LINK + first_day * DAY_MS
        self._useful = self._keys(self.jobs.useful)
        self._claimed = self._keys(self.jobs.claims)
        finished = self.jobs.link * LINK + self.jobs.finished
        by_link = np.argsort(finished, kind="stable")
        self._finished = finished[by_link]
        self._failures = np.concatenate([[0], np.cumsum(~self.jobs.succeeded[by_link])]).astype(np.int64)

    def age_hours(self, link: Ints, at: Ints) -> Floats:
        """Return the true data age in hours at (link, ms)."""
        hours: Floats = (at - _latest(self._useful, link, at)) / HOUR_MS
        return hours

    def last_sync_at(self, link: Ints, at: Ints) -> Ints:
        """Return the reported time of the last sync (ms) at (link, ms)."""
        return _latest(self._claimed, link, at)

    def success_rate(self, link: Ints, begin: Ints, end: Ints) -> Floats:
        """Return the share of jobs finished in ``(begin, end]`` (ms) that reported success, 1 if none."""
        low = np.searchsorted(self._finished, link * LINK + begin, side="right")
        high = np.searchsorted(self._finished, link * LINK + end, side="right")
        failures: Floats = (self._failures[high] - self._failures[low]) / np.maximum(high - low, 1)
        return 1.0 - failures

    def _keys(self, rows: Bools) -> Ints:
        # A job at the log's very beginning stands for all those before it.
        finished = self.jobs.link[rows] * LINK + self.jobs.finished[rows]
        return np.sort(np.concatenate([self._beginning, finished]))


def _latest(keys: Ints, link: Ints, at: Ints) -> Ints:
    found: Ints = keys[np.searchsorted(keys, link * LINK + at, side="right") - 1] - link * LINK
    return found


def _schedule(rng: np.random.Generator, tenant: SimulatedTenant, day: int) -> tuple[Ints, Ints, Bools]:
    links, starts, fulls = [], [], []
    for place, link in enumerate(tenant.links):
        runs = 24 * 60 // link.sync_minutes
        # Each connection has its own offset into the interval: jobs of different links do not start together.
        offset = (tenant.key + 7919 * place) % (link.sync_minutes * MINUTE_MS * 9 // 10)
        times = day * DAY_MS + offset + np.arange(runs) * link.sync_minutes * MINUTE_MS
        night = int((3 * 60 - tenant.utc_offset_minutes) % (24 * 60) // link.sync_minutes) % runs
        links.append(np.full(runs, place))
        starts.append(times)
        fulls.append(np.arange(runs) == night)
    started = np.concatenate(starts)
    jitter = rng.integers(0, 20 * SECOND_MS, len(started))
    return np.concatenate(links), started + jitter, np.concatenate(fulls)


def _records(rng: np.random.Generator, expected: Floats, rejecting: Floats) -> tuple[Ints, Ints]:
    records = rng.poisson(expected * rng.gamma(6.0, 1.0 / 6.0, len(expected)))
    rejected = rng.binomial(records, np.minimum(0.002 + 0.6 * rejecting, 1.0))
    return records.astype(np.int64), rejected.astype(np.int64)
