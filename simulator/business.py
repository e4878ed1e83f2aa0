"""The traffic of one tenant, drawn in blocks of time and returned in time order."""

from __future__ import annotations

from functools import lru_cache
from typing import Final

import numpy as np

from models.topics import OUTCOMES
from simulator import conversations, evidence, health, intelligence, outcomes, queries
from simulator.arrays import Floats, Ints
from simulator.customers import Customers
from simulator.disturbances import Disturbances
from simulator.encode import TenantEncoder
from simulator.experiments import SimulatedExperiment, assign
from simulator.plan import Plan
from simulator.query_table import query_table
from simulator.rhythm import Rate, arrivals, intensity, level
from simulator.rows import Rows, RowsPart
from simulator.seeds import Purpose, generator
from simulator.syncs import LOOK_BACK_DAYS, JobLog, Jobs, run_day
from simulator.tenants import SimulatedTenant
from simulator.times import DAY_MS, HOUR_MS, MINUTE_MS

# A block is a day, or an hour where a day would hold more queries than this: few events do not amortise a block's
# fixed cost, and many would delay the first of them.
_MAX_PER_DAY: Final = 10_000


class Business:
    """One tenant, as a cursor over its events.

    Every block has its own seeds, and later events of a conversation (its end, a reopening days later) are kept until
    their time. So the events do not depend on how time is sliced.

    Parameters
    ----------
    seed, tenant, plan, rate, customers
        The inputs of the traffic.
    start
        No conversation begins and no job ends before this (ms).
    begin
        Time of the first event that is returned (ms). Earlier blocks are drawn as far back as they affect later events.
    experiments
        The experiments that conversations take part in.
    """

    def __init__(
        self,
        seed: int,
        tenant: SimulatedTenant,
        *,
        plan: Plan,
        rate: Rate,
        customers: Customers,
        start: int,
        begin: int,
        experiments: tuple[SimulatedExperiment, ...] = (),
    ) -> None:
        self._seed = seed
        self._experiments = experiments
        self._tenant = tenant
        self._plan = plan
        self._rate = rate
        self._customers = customers
        self._start = start
        self._begin = begin
        self._table = query_table(tenant)
        self._encoder = TenantEncoder(tenant, self._table)
        self._calls = health.CallLog()
        self._jobs_of = lru_cache(maxsize=2 * LOOK_BACK_DAYS)(self._run_day)
        self._log_of = lru_cache(maxsize=1)(self._job_log)
        matters = max(start, begin - outcomes.LAST_WORD_MS)
        self._next_block = matters - matters % DAY_MS
        self._waiting: list[Rows] = []

    def take(self, before: int) -> list[RowsPart]:
        """Return the events before a moment (ms) that were not returned yet, each part in time order."""
        while self._next_block < before:
            end = self._next_block + self._block_length(self._next_block)
            if end > self._start:
                self._draw_block(self._next_block, end)
            self._next_block = end
        parts = [part for rows in self._waiting if (part := rows.take(before)) is not None]
        self._waiting = [rows for rows in self._waiting if not rows.done]
        return parts

    def _block_length(self, begin: int) -> int:
        day = begin - begin % DAY_MS
        densest = self._rate.highest(day, day + DAY_MS)
        return HOUR_MS if self._tenant.queries_per_minute * densest * 24 * 60 > _MAX_PER_DAY else DAY_MS

    def _draw_block(self, begin: int, end: int) -> None:
        latest = end + queries.LATEST_QUERY_MS
        disturbances = Disturbances(self._tenant, self._plan.between(begin, latest))
        jobs = self._log_of(begin // DAY_MS - LOOK_BACK_DAYS, latest // DAY_MS)
        # Another rate, or a start amid the block, makes other events: they must not share their ids.
        cut = max(0, self._start - begin)
        ids = generator(self._seed, Purpose.IDS, self._tenant.key, begin // HOUR_MS, self._rate.fingerprint, cut)
        rows = self._conversations(ids, (begin, end), jobs, disturbances)
        state = health.draw(
            self._tenant,
            jobs=jobs,
            calls=self._calls,
            disturbances=disturbances,
            rate=self._rate,
            span=(begin + cut, end),
        )
        for one in self._told(rows, self._encoder.health(ids, state)):
            one.skip(self._begin)
            if not one.done:
                self._waiting.append(one)

    def _told(self, conversations: list[Rows], state: Rows) -> list[Rows]:
        """Return the events of a block that are returned."""
        return [*conversations, state]

    def _conversations(
        self, ids: np.random.Generator, block: tuple[int, int], jobs: JobLog, disturbances: Disturbances
    ) -> list[Rows]:
        tenant, encoder = self._tenant, self._encoder
        rng = generator(self._seed, Purpose.TRAFFIC, tenant.key, block[0] // HOUR_MS)
        talks, asked = self._questions(rng, ids, block, jobs, disturbances)
        arms = assign(
            generator(self._seed, Purpose.EXPERIMENTS, tenant.key, block[0] // HOUR_MS), self._experiments, len(talks)
        )
        brought = arms.evidence(evidence.gather(rng, tenant, self._table, talks, asked), self._table.providers)
        ends, conversion = outcomes.draw(rng, talks, brought, tenant.order_value)
        thoughts = intelligence.draw(rng, talks, brought, conversion)
        returns = outcomes.draw_returns(rng, talks, brought, ends)
        self._calls.add(*block, asked)
        return [
            encoder.queries(ids, talks, asked),
            encoder.intelligence(ids, talks, brought, thoughts, arms.labels),
            encoder.outcomes(ids, talks, brought, ends, arms.labels),
            encoder.outcomes(ids, talks, brought, returns, arms.labels),
        ]

    def _questions(
        self,
        rng: np.random.Generator,
        ids: np.random.Generator,
        block: tuple[int, int],
        jobs: JobLog,
        disturbances: Disturbances,
    ) -> tuple[conversations.Conversations, queries.Queries]:
        minutes = np.arange(*block, MINUTE_MS)
        arriving = arrivals(rng, minutes, self._expected(minutes))
        span = (max(block[0], self._start), block[1])
        talks = conversations.draw(rng, ids, self._customers, arriving[arriving >= self._start], span)
        asked = queries.draw(
            rng,
            self._tenant,
            self._table,
            conversations=talks,
            jobs=jobs,
            disturbances=disturbances,
            block=block,
        )
        return talks, asked

    def _expected(self, minutes: Ints) -> Floats:
        per_minute = self._tenant.queries_per_minute / conversations.MEAN_QUERIES
        busy = intensity(self._tenant, minutes) * level(self._seed, self._tenant, minutes)
        expected: Floats = per_minute * busy * self._rate.at(minutes)
        return expected

    def _run_day(self, day: int) -> Jobs:
        acting = self._plan.between(day * DAY_MS, (day + 1) * DAY_MS)
        return run_day(self._seed, self._tenant, day, Disturbances(self._tenant, acting))

    def _job_log(self, first_day: int, last_day: int) -> JobLog:
        days = [self._jobs_of(day) for day in range(first_day, last_day + 1)]
        return JobLog(days, first_day, len(self._tenant.links))


class OutcomesOnly(Business):
    """The same traffic, of which only the outcomes of conversations are returned."""

    def _told(self, conversations: list[Rows], state: Rows) -> list[Rows]:  # noqa: ARG002 - as of Business
        return [rows for rows in conversations if rows.topic == OUTCOMES.name]
