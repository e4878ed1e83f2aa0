"""The effects of incidents on one tenant's integrations at given times."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import numpy as np

from simulator.arrays import Bools, Floats, Ints
from simulator.catalogue import kind_index
from simulator.incidents import IncidentKind, SimulatedIncident
from simulator.tenants import SimulatedTenant
from simulator.times import HOUR_MS, to_ms

_DOWN, _TIMEOUT, _RATE_LIMIT = kind_index("provider_down"), kind_index("timeout"), kind_index("rate_limit")
_NOT_FOUND = kind_index("not_found")
_AUTH, _SCHEMA = kind_index("auth"), kind_index("schema")

FRESH, STANDSTILL, EMPTY = 0, 1, 2
CREEP_DONE: Final = 0.6
"""Share of a latency creep's length after which response times have reached their worst."""
QUOTA_SPENT: Final = 0.5
"""Share of a rate-limit exhaustion's length after which nothing of the quota is left."""
_MISSING_AFTER_HOURS: Final = 1.5


@dataclass(frozen=True)
class _Acting:
    link: int
    kind: IncidentKind
    form: str
    start: int
    end: int
    severity: float

    def mask(self, link: Ints, at: Ints) -> Bools:
        hit: Bools = (link == self.link) & (at >= self.start) & (at < self.end)
        return hit

    def progress(self, at: Ints) -> Floats:
        share: Floats = (at - self.start) / (self.end - self.start)
        return share


class Disturbances:
    """Incidents as they affect one tenant; ``link`` arguments are positions in ``tenant.links``, ``at`` is in ms."""

    def __init__(self, tenant: SimulatedTenant, incidents: Iterable[SimulatedIncident]) -> None:
        places = {provider: place for place, provider in enumerate(tenant.providers)}
        self._acting = [
            _Acting(places[one.provider], one.kind, one.form, to_ms(one.start), to_ms(one.end), one.severity)
            for one in incidents
            if one.provider in places and one.tenant in {None, tenant.id}
        ]

    def failures(self, link: Ints, at: Ints, uniform: Floats) -> tuple[Floats, Ints]:
        """Return the probability that a call fails because of an incident, and its error kind.

        ``uniform`` decides between the kinds of one incident.
        """
        likely = np.zeros(len(at))
        kind = np.full(len(at), _DOWN, dtype=np.int64)
        for one in self._acting:
            hit = one.mask(link, at)
            if hit.any():
                share, what = _failures(one, at[hit], uniform[hit])
                likely[hit], kind[hit] = share, what
        return likely, kind

    def slowdown(self, link: Ints, at: Ints) -> Floats:
        """Return the multiplier of response times."""
        factor = np.ones(len(at))
        for one in self._acting:
            if one.kind == "latency_creep":
                hit = one.mask(link, at)
                rise = np.minimum(one.progress(at[hit]) / CREEP_DONE, 1.0)
                factor[hit] = 1.0 + (0.5 + 2.5 * one.severity) * rise
        return factor

    def quota_taken(self, link: Ints, at: Ints) -> Floats:
        """Return the share of the quota (0 to 1) that another client has used."""
        taken = np.zeros(len(at))
        for one in self._acting:
            if one.kind == "rate_limit_exhaustion":
                hit = one.mask(link, at)
                taken[hit] = np.minimum(one.progress(at[hit]) / QUOTA_SPENT, 1.0)
        return taken

    def staleness(self, link: Ints, at: Ints) -> Ints:
        """Return whether sync jobs bring data: ``FRESH``, ``STANDSTILL`` or ``EMPTY``."""
        state = np.full(len(at), FRESH, dtype=np.int64)
        for one in self._acting:
            if one.kind == "stale_sync":
                state[one.mask(link, at)] = STANDSTILL if one.form == "standstill" else EMPTY
        return state


def _failures(one: _Acting, at: Ints, uniform: Floats) -> tuple[Floats, Ints]:
    steady = np.ones(len(at))
    match one.kind:
        case "provider_outage":
            return steady * (0.35 + 0.6 * one.severity), np.where(uniform < 0.7, _DOWN, _TIMEOUT)
        case "latency_creep":
            return 0.03 * one.severity * one.progress(at), np.full(len(at), _TIMEOUT)
        case "error_burst":
            kind = _AUTH if one.form == "auth" else _SCHEMA
            return steady * (0.15 + 0.55 * one.severity), np.full(len(at), kind)
        case "rate_limit_exhaustion":
            spent = one.progress(at) >= QUOTA_SPENT
            return np.where(spent, 0.3 + 0.6 * one.severity, 0.0), np.full(len(at), _RATE_LIMIT)
        case "stale_sync":
            # What is new since then cannot be found; that all the data ages comes on top (queries.py).
            hours = (at - one.start) / HOUR_MS
            return 0.2 * one.severity * np.minimum(hours / _MISSING_AFTER_HOURS, 1.0), np.full(len(at), _NOT_FOUND)
