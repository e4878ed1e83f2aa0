"""The plan of incidents: given ones, and seeded ones."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from simulator.incidents import SimulatedIncident, overlapping, placed_on
from simulator.tenants import SimulatedTenant
from simulator.times import DAY_MS, from_ms


class Plan:
    """All incidents of a scenario.

    Parameters
    ----------
    seed, tenants, per_day
        Parameters of seeded incidents: mean number per day, 0 for none.
    given
        Additional incidents.
    start
        Earliest start of an incident (ms).
    """

    def __init__(
        self,
        seed: int,
        tenants: Sequence[SimulatedTenant],
        per_day: float,
        given: Sequence[SimulatedIncident],
        start: int,
    ) -> None:
        self._given = tuple(given)
        self._start = start
        self._day = lru_cache(maxsize=64)(lambda day: placed_on(day, seed, tenants, per_day) if per_day > 0 else [])

    def between(self, begin: int, end: int) -> list[SimulatedIncident]:
        """Return the incidents that act in ``[begin, end)`` (ms), by start."""
        days = range(max(begin, self._start) // DAY_MS, end // DAY_MS + 1)
        placed = [one for day in days for one in self._day(day) if one.start >= from_ms(self._start)]
        acting = overlapping((*self._given, *placed), from_ms(begin), from_ms(end))
        return sorted(acting, key=lambda one: (one.start, one.id))
