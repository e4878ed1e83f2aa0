"""Minute series of the simulator, with links of three sizes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

from benchmarks.detection.series import Label, LabelledSeries
from simulator.disturbances import QUOTA_SPENT
from simulator.incidents import SimulatedIncident
from simulator.scenario import Scenario
from simulator.series import MinuteTable, minute_tables
from simulator.tenants import SimulatedTenant, TenantIntegration

START: Final = datetime(2026, 3, 2, tzinfo=UTC)


def _tenant(number: int, offset: int, office: bool, volumes: dict[str, float]) -> SimulatedTenant:
    return SimulatedTenant(
        id=UUID(int=0x5EED0000 + number),
        name=f"Tenant {number}",
        rhythm="office" if office else "shop",
        utc_offset_minutes=offset,
        order_value=50.0,
        countries={"DE": 1.0},
        links=tuple(TenantIntegration(provider, volume, 15) for provider, volume in volumes.items()),
    )


TENANTS: Final = (
    _tenant(1, 60, False, {"shopify": 60.0, "hubspot": 8.0, "zendesk": 1.5}),
    _tenant(2, -300, True, {"salesforce": 45.0, "zendesk": 8.0, "shopify": 1.5}),
    _tenant(3, 330, False, {"klaviyo": 8.0, "salesforce": 1.5}),
    _tenant(4, 120, True, {"hubspot": 8.0, "klaviyo": 1.5}),
)


def draw(seed: int, *, days: int, warm_days: int, per_day: float) -> list[LabelledSeries]:
    """Return the series of every link, with ``per_day`` incidents a day among all of them."""
    scenario = Scenario(
        seed=seed, start=START, end=START + timedelta(days=days), tenants=TENANTS, incidents_per_day=per_day
    )
    sizes = {(tenant.id, link.provider): link.queries_per_minute for tenant in TENANTS for link in tenant.links}
    return [
        _labelled(f"simulator-{seed}", table, sizes[table.tenant, table.provider], warm_days)
        for table in minute_tables(scenario)
    ]


def _labelled(name: str, table: MinuteTable, volume: float, warm_days: int) -> LabelledSeries:
    labels = tuple(_label(one) for one in table.incidents if one.start >= START + timedelta(days=warm_days))
    return LabelledSeries(
        name=f"{name}-{table.tenant.int & 15}-{table.provider}",
        volume=volume,
        first=int(START.timestamp()),
        counts=table.counts,
        errors=table.errors,
        log_sums=table.log_sums,
        log_squares=table.log_squares,
        labels=labels,
    )


def _label(incident: SimulatedIncident) -> Label:
    start, end = ((moment - START) / timedelta(minutes=1) for moment in (incident.start, incident.end))
    if incident.kind == "rate_limit_exhaustion":  # before the quota is spent, no call fails
        start += QUOTA_SPENT * (end - start)
    return Label(incident.kind, int(start), int(end))
