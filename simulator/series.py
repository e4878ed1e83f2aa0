"""The minute series of a scenario without encoding its events.

Draws the same random numbers in the same order as the events, for queries only: the counts equal those of the events,
at a fraction of the cost.
"""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

import numpy as np

from simulator import queries
from simulator.arrays import Floats, Ints
from simulator.business import Business
from simulator.disturbances import Disturbances
from simulator.incidents import SimulatedIncident
from simulator.scenario import Scenario
from simulator.seeds import Purpose, generator
from simulator.syncs import LOOK_BACK_DAYS
from simulator.times import DAY_MS, HOUR_MS, MINUTE_MS, to_ms


@dataclass(frozen=True)
class MinuteTable:
    """The queries of one tenant and provider, an entry for each minute of ``[start, end)`` of its scenario.

    ``log_sums`` and ``log_squares`` are the sums of ln(1 + ms) and of its square; ``incidents`` are those that hit it.
    """

    tenant: UUID
    provider: str
    counts: Ints
    errors: Ints
    log_sums: Floats
    log_squares: Floats
    incidents: tuple[SimulatedIncident, ...]


def minute_tables(scenario: Scenario) -> list[MinuteTable]:
    """Return the minute series of every tenant and provider of a scenario whose ``start`` is a whole minute."""
    start, end = to_ms(scenario.start), to_ms(scenario.end)
    plan = scenario.plan()
    incidents = plan.between(start, end)
    tables = []
    for tenant, business in zip(scenario.tenants, scenario.businesses(scenario.start, _Questions), strict=True):
        sums = business.sums(start, end)
        for place, provider in enumerate(tenant.providers):
            hits = tuple(one for one in incidents if one.provider == provider and one.tenant in {None, tenant.id})
            counts, errors, log_sums, log_squares = sums[:, place]
            tables.append(
                MinuteTable(
                    tenant.id,
                    provider,
                    counts.astype(np.int64),
                    errors.astype(np.int64),
                    log_sums,
                    log_squares,
                    hits,
                )
            )
    return tables


class _Questions(Business):
    """A tenant of which only the queries are drawn."""

    def sums(self, start: int, end: int) -> Floats:
        """Return sums by (count, errors, logs, squares), link and minute of ``[start, end)`` (ms)."""
        links, minutes = len(self._tenant.links), (end - start) // MINUTE_MS
        sums = np.zeros((4, links * minutes))
        while self._next_block < end:
            begin = self._next_block
            self._next_block += self._block_length(begin)
            if self._next_block <= start:
                continue
            asked = self._drawn(begin, self._next_block)
            inside = (asked.at >= start) & (asked.at < end)
            cells = (asked.link * minutes + (asked.at - start) // MINUTE_MS)[inside]
            logs = np.log1p(asked.response_ms[inside])
            for row, weights in enumerate((None, ~asked.success[inside], logs, logs * logs)):
                sums[row] += np.bincount(cells, weights, minlength=links * minutes)
        return sums.reshape(4, links, minutes)

    def _drawn(self, begin: int, end: int) -> queries.Queries:
        latest = end + queries.LATEST_QUERY_MS
        disturbances = Disturbances(self._tenant, self._plan.between(begin, latest))
        jobs = self._log_of(begin // DAY_MS - LOOK_BACK_DAYS, latest // DAY_MS)
        rng = generator(self._seed, Purpose.TRAFFIC, self._tenant.key, begin // HOUR_MS)
        ids = generator(self._seed, Purpose.IDS)  # nobody sees them
        return self._questions(rng, ids, (begin, end), jobs, disturbances)[1]
