"""The simulator's incidents through all detectors: each is one finding of the right kind, and a quiet day has none."""

from __future__ import annotations

import json
import math
from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, Final, NamedTuple
from uuid import UUID

import pytest

from detectors.health.detector import HealthDetector, HealthFacts
from detectors.incidents.correlation import ProviderGroups, ProviderPulse
from detectors.incidents.tracker import IncidentTracker
from detectors.performance.detector import PerformanceDetector
from models.insights import Insight
from models.topics import HEALTH, QUERIES
from simulator.incidents import SimulatedIncident
from simulator.scenario import Scenario
from simulator.tenants import SimulatedTenant, TenantIntegration

_START: Final = datetime(2026, 3, 3, tzinfo=UTC)
_QUIET: Final = timedelta(hours=30)
_END: Final = _START + timedelta(hours=48)
_MINUTE: Final = timedelta(minutes=1)


def _tenant(number: int, *links: TenantIntegration) -> SimulatedTenant:
    return SimulatedTenant(UUID(int=number), f"Tenant {number}", "shop", 0, 50.0, {"DE": 1.0}, links)


_BIG = _tenant(
    1, *(TenantIntegration(name, 8.0, 10) for name in ("shopify", "hubspot", "salesforce", "zendesk", "klaviyo"))
)
_SMALL = _tenant(2, TenantIntegration("shopify", 8.0, 15))


def _incident(kind: Any, provider: str, hour: float, minutes: int, variant: str = "") -> SimulatedIncident:
    begin = _START + _QUIET + timedelta(hours=hour)
    tenant = None if kind == "provider_outage" else _BIG.id
    return SimulatedIncident(
        f"{kind}-{variant}", kind, provider, tenant, begin, begin + minutes * _MINUTE, 0.9, variant
    )


_INCIDENTS: Final = (
    _incident("provider_outage", "shopify", 6, 45),
    _incident("latency_creep", "hubspot", 7, 120),
    _incident("error_burst", "salesforce", 6, 45, "auth"),
    _incident("error_burst", "salesforce", 12, 45, "schema"),
    _incident("stale_sync", "zendesk", 6, 180, "standstill"),
    _incident("stale_sync", "zendesk", 12, 180, "empty"),
    _incident("rate_limit_exhaustion", "klaviyo", 8, 120),
)
# Health that brings no records is named for what it shows.
_NAMES: Final = {("stale_sync", "empty"): "empty_sync"}


class _Minute(NamedTuple):
    queries: int
    errors: int
    log_sum: float
    log_squares: float
    error_kinds: dict[str, int]


_SILENT: Final = _Minute(0, 0, 0.0, 0.0, {})
_Link = tuple[str, str]


@pytest.fixture(scope="module")
def told() -> list[Insight]:
    """Everything that was told, in order of time, of tenants and of providers."""
    minutes, health = _events()
    by_minute: defaultdict[datetime, list[Insight]] = defaultdict(list)
    for link in minutes:
        for at, insight in _watched(link, minutes[link], health[link]):
            by_minute[at].append(insight)
    groups, open_now, found = ProviderGroups(), dict[UUID, Insight](), list[Insight]()
    for at in sorted(by_minute):
        for insight in by_minute[at]:
            open_now[insight.id] = insight
        still = [insight for insight in open_now.values() if insight.status == "open"]
        found += [*by_minute[at], *groups.update(still, {"shopify": ProviderPulse(active_tenants=2)}, at)]
    return found


def _events() -> tuple[dict[_Link, dict[datetime, _Minute]], dict[_Link, list[HealthFacts]]]:
    scenario = Scenario(seed=2_203, start=_START, end=_END, tenants=(_BIG, _SMALL), incidents=_INCIDENTS)
    minutes: defaultdict[_Link, dict[datetime, _Minute]] = defaultdict(dict)
    health: defaultdict[_Link, list[HealthFacts]] = defaultdict(list)
    for batch in scenario.history():
        for topic, _, value in batch:
            if topic not in {QUERIES.name, HEALTH.name}:
                continue
            event = json.loads(value)
            at = datetime.fromisoformat(event["created_at"]).astimezone(UTC)
            link = (event["user_id"], event["integration_provider"])
            if topic == HEALTH.name:
                health[link].append(_facts(at, event))
                continue
            start = at.replace(second=0, microsecond=0)
            minutes[link][start] = _plus(minutes[link].get(start, _SILENT), event)
    return minutes, health


def _facts(at: datetime, event: dict[str, Any]) -> HealthFacts:
    known = {name: event[name] for name in HealthFacts._fields if name not in {"at", "last_sync_at"}}
    return HealthFacts(at=at, last_sync_at=datetime.fromisoformat(event["last_sync_at"]), **known)


def _plus(minute: _Minute, event: dict[str, Any]) -> _Minute:
    log = math.log1p(event["response_time_ms"])
    kinds = minute.error_kinds
    if not event["query_success"]:
        kinds = {**kinds, event["error_kind"]: kinds.get(event["error_kind"], 0) + 1}
    failed = minute.errors + (not event["query_success"])
    return _Minute(minute.queries + 1, failed, minute.log_sum + log, minute.log_squares + log * log, kinds)


def _watched(
    link: _Link, minutes: dict[datetime, _Minute], health: list[HealthFacts]
) -> Iterator[tuple[datetime, Insight]]:
    performance, condition = PerformanceDetector(), HealthDetector()
    tracker = IncidentTracker(UUID(link[0]), link[1])
    waiting = iter([*health, HealthFacts(_END + timedelta(days=1), "")])
    event = next(waiting)
    at = _START
    while at < _END:
        minute = minutes.get(at, _SILENT)
        while event.at < at + _MINUTE:
            condition.observe(event)
            event = next(waiting)
        moments = (minute.log_sum, minute.log_squares) if minute.queries else (None, None)
        verdict = performance.process_one(
            {
                "time": at.timestamp(),
                "count": minute.queries,
                "errors": minute.errors,
                "log_latency_sum": moments[0],
                "log_latency_squares": moments[1],
            }
        )
        standing = condition.tick(at + _MINUTE, minute.queries, minute.errors, minute.error_kinds)
        for insight in tracker.update(at, (*verdict.signals, *standing), minute.error_kinds):
            yield at, insight
        at += _MINUTE


def _of(told: list[Insight], incident: SimulatedIncident) -> dict[UUID, Insight]:
    """The newest of each finding about an incident; of an outage, the provider's own."""
    tenant = incident.tenant or UUID(int=0)
    late = incident.end + timedelta(minutes=30)
    return {
        one.id: one
        for one in told
        if one.integration_provider == incident.provider
        and one.user_id == tenant
        and incident.start - _MINUTE <= one.started_at <= late
    }


@pytest.mark.parametrize("incident", _INCIDENTS, ids=lambda one: one.id)
def test_each_incident_is_one_finding_of_its_kind(told: list[Insight], incident: SimulatedIncident) -> None:
    (found,) = _of(told, incident).values()
    assert found.kind == _NAMES.get((incident.kind, incident.form), incident.kind)
    assert found.status == "closed"
    assert found.ended_at is not None
    assert found.ended_at >= incident.end - timedelta(minutes=20)
    assert found.contributing_factors
    assert found.recommended_actions


def test_nothing_is_told_that_is_not_an_incident(told: list[Insight]) -> None:
    known = {id_ for incident in _INCIDENTS for id_ in _of(told, incident)}
    members = {member for one in told for member in one.members}
    assert [one.title for one in told if one.id not in known | members] == []


def test_an_outage_at_two_tenants_counts_once(told: list[Insight]) -> None:
    (group,) = _of(told, _INCIDENTS[0]).values()
    assert group.title == "Shopify is down for 2 tenants"
    assert len(group.members) == 2


def test_an_incident_is_not_told_every_minute(told: list[Insight]) -> None:
    assert max(Counter(one.id for one in told).values()) <= 12


def test_the_auth_burst_is_explained_by_the_token_and_the_schema_burst_by_the_fields(told: list[Insight]) -> None:
    auth, schema = (next(iter(_of(told, _INCIDENTS[which]).values())) for which in (2, 3))
    assert "token" in auth.title
    assert "fields" in schema.title
    assert auth.recommended_actions != schema.recommended_actions
