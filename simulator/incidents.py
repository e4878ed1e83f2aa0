"""Labelled incidents, the ground truth for evaluating detectors."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any, Final, Literal, get_args
from uuid import UUID

import numpy as np

from simulator.arrays import cumulative, pick
from simulator.rhythm import intensity
from simulator.seeds import Purpose, generator
from simulator.tenants import SimulatedTenant
from simulator.times import DAY_MS, MINUTE_MS, from_ms, to_ms

IncidentKind = Literal["provider_outage", "latency_creep", "error_burst", "stale_sync", "rate_limit_exhaustion"]
KINDS: Final[tuple[IncidentKind, ...]] = get_args(IncidentKind)
MAX_DURATION: Final = timedelta(days=3)

# What an incident of a kind can look like; the first is used where none is named.
VARIANTS: Final[dict[IncidentKind, tuple[str, ...]]] = {
    "provider_outage": ("down",),
    "latency_creep": ("creep",),
    "error_burst": ("auth", "schema"),
    "stale_sync": ("standstill", "empty"),
    "rate_limit_exhaustion": ("runaway",),
}

CHANGES: Final[dict[str, str]] = {
    "down": "queries fail with provider_down and timeout, and sync jobs fail, at every tenant of the provider",
    "creep": "response times rise slowly to a multiple and stay there; a few queries time out",
    "auth": "queries and sync jobs fail with auth: a token was revoked",
    "schema": "queries fail with schema and sync jobs reject records: a field was renamed",
    "standstill": "health says healthy and 100 %, but last_sync_at stands still; data ages, queries find nothing",
    "empty": "health says healthy and 100 % and last_sync_at moves, but no record arrives; queries find nothing",
    "runaway": "api_rate_limit_usage climbs to 1 over the first half; then queries and sync jobs fail with rate_limit",
}

# Shortest and longest in minutes, where the seed places them.
_MINUTES: Final[dict[IncidentKind, tuple[int, int]]] = {
    "provider_outage": (15, 60),
    "latency_creep": (60, 180),
    "error_burst": (15, 60),
    "stale_sync": (180, 480),
    "rate_limit_exhaustion": (60, 180),
}
# Minimum distance of two incidents of one integration.
_APART_MS: Final = 120 * MINUTE_MS


@dataclass(frozen=True)
class SimulatedIncident:
    """An incident at a provider in ``[start, end)``.

    ``tenant`` is ``None`` where every tenant of the provider is hit; ``severity`` is 0 (hard to notice) to 1.
    """

    id: str
    kind: IncidentKind
    provider: str
    tenant: UUID | None
    start: datetime
    end: datetime
    severity: float = 0.7
    variant: str = ""

    @property
    def form(self) -> str:
        """The variant, or the kind's first."""
        return self.variant or VARIANTS[self.kind][0]

    def as_dict(self) -> dict[str, Any]:
        """Return it as plain values for JSON."""
        return {
            **asdict(self),
            "tenant": None if self.tenant is None else str(self.tenant),
            "start": self.start.isoformat(),
            "end": self.end.isoformat(),
            "variant": self.form,
            "changes": CHANGES[self.form],
        }


def placed_on(day: int, seed: int, tenants: Sequence[SimulatedTenant], per_day: float) -> list[SimulatedIncident]:
    """Return the incidents that a seed puts on a UTC day (counted from 1970), none reaching into the next."""
    rng = generator(seed, Purpose.INCIDENTS, day)
    placed: list[SimulatedIncident] = []
    for number in range(int(rng.poisson(per_day))):
        incident = _draw(rng, f"{from_ms(day * DAY_MS):%Y%m%d}-{number}", day, tenants)
        if not any(_too_close(incident, other) for other in placed):
            placed.append(incident)
    return placed


def one_of_each(
    tenants: Sequence[SimulatedTenant], first: datetime, every: timedelta, lasting: timedelta
) -> tuple[SimulatedIncident, ...]:
    """Return one incident of each kind, one each ``every`` from ``first`` on, for a live demonstration.

    Each affects the busiest integration that no earlier one uses, so that it is visible soon.
    """
    links = _busiest(tenants)
    plan = []
    for number, kind in enumerate(KINDS):
        tenant, provider = links[number % len(links)]
        begin = first + number * every
        plan.append(_demonstrated(kind, tenant, provider, begin, lasting))
    return tuple(plan)


def one_a_day(tenants: Sequence[SimulatedTenant], until: datetime, lasting: timedelta) -> tuple[SimulatedIncident, ...]:
    """Return one incident of each kind, one in each of the last days before ``until``, the first kind first.

    Each affects the busiest integration that no earlier one uses, in the busiest hours of its day, so that it is
    visible at low traffic too.
    """
    links = _busiest(tenants)
    plan = []
    for number, kind in enumerate(KINDS):
        tenant, provider = links[number % len(links)]
        end = until - (len(KINDS) - 1 - number) * timedelta(days=1)
        plan.append(_demonstrated(kind, tenant, provider, _busiest_hours(tenant, end, lasting), lasting))
    return tuple(plan)


def _busiest(tenants: Sequence[SimulatedTenant]) -> list[tuple[SimulatedTenant, str]]:
    links = [(tenant, link) for tenant in tenants for link in tenant.links]
    return [(tenant, link.provider) for tenant, link in sorted(links, key=lambda one: -one[1].queries_per_minute)]


def _busiest_hours(tenant: SimulatedTenant, end: datetime, lasting: timedelta) -> datetime:
    """Return when the busiest span of a tenant in the day before ``end`` begins."""
    first = to_ms(end - timedelta(days=1))
    begins = np.arange(first, to_ms(end - lasting), 15 * MINUTE_MS, dtype=np.int64)
    minutes = np.arange(0, lasting // timedelta(minutes=1), 5, dtype=np.int64) * MINUTE_MS
    busy = intensity(tenant, (begins[:, None] + minutes[None, :]).ravel()).reshape(len(begins), -1).sum(axis=1)
    return from_ms(int(begins[int(busy.argmax())]))


def _demonstrated(
    kind: IncidentKind, tenant: SimulatedTenant, provider: str, begin: datetime, lasting: timedelta
) -> SimulatedIncident:
    whom = None if kind == "provider_outage" else tenant.id
    return SimulatedIncident(f"live-{kind}", kind, provider, whom, begin, begin + lasting, 0.9)


def _draw(rng: np.random.Generator, name: str, day: int, tenants: Sequence[SimulatedTenant]) -> SimulatedIncident:
    kind = KINDS[int(rng.integers(len(KINDS)))]
    # Busy integrations are affected more often, but less than proportionally: quiet ones are the harder test.
    links = [(tenant, link) for tenant in tenants for link in tenant.links]
    shares = cumulative([link.queries_per_minute**0.5 for _, link in links])
    tenant, link = links[int(pick(shares, rng.random(1))[0])]
    minutes = int(rng.integers(*_MINUTES[kind], endpoint=True))
    begin = day * DAY_MS + int(rng.integers(0, DAY_MS - minutes * MINUTE_MS))
    variants = VARIANTS[kind]
    variant = variants[int(rng.integers(len(variants)))]
    severity = round(float(rng.uniform(0.3, 1.0)), 2)
    return SimulatedIncident(
        id=f"{name}-{kind}",
        kind=kind,
        provider=link.provider,
        tenant=None if kind == "provider_outage" else tenant.id,
        start=from_ms(begin),
        end=from_ms(begin + minutes * MINUTE_MS),
        severity=severity,
        variant=variant,
    )


def _too_close(one: SimulatedIncident, other: SimulatedIncident) -> bool:
    margin = timedelta(milliseconds=_APART_MS)
    same_link = one.provider == other.provider and (one.tenant == other.tenant or None in {one.tenant, other.tenant})
    return same_link and one.start < other.end + margin and other.start < one.end + margin


def overlapping(incidents: Iterable[SimulatedIncident], begin: datetime, end: datetime) -> list[SimulatedIncident]:
    """Return the incidents that act in ``[begin, end)``."""
    return [incident for incident in incidents if incident.start < end and incident.end > begin]
