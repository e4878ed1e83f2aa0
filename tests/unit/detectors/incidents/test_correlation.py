"""One outage is one finding, and one tenant's trouble stays its own."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from uuid import UUID

import pytest

from detectors.incidents.correlation import ProviderGroups, ProviderPulse, group, tenants_needed
from models.insights import ALL_TENANTS_ID, Insight, Severity, insight_id

from ..signals import latency, minute

_FEW = {"hubspot": ProviderPulse(active_tenants=6)}


def _incident(
    tenant: int,
    kind: str = "latency",
    *,
    began: datetime | None = None,
    provider: str = "hubspot",
    severity: Severity = "warning",
) -> Insight:
    started_at = began or minute(0)
    return Insight(
        id=insight_id("performance_anomaly", UUID(int=tenant), provider, started_at),
        user_id=UUID(int=tenant),
        insight_type="performance_anomaly",
        kind=kind,
        severity=severity,
        status="open",
        started_at=started_at,
        ended_at=None,
        updated_at=started_at,
        title="",
        summary="",
        confidence_score=0.8,
        integration_provider=provider,
        observed=900.0 + tenant,
        expected=300.0,
        lower=200.0,
        upper=400.0,
        unit="ms",
    )


def test_an_outage_at_many_tenants_is_one_finding() -> None:
    incidents = [_incident(tenant) for tenant in range(1, 42)]
    (found,) = group(incidents, {"hubspot": ProviderPulse(active_tenants=200)}, minute(5))
    assert found.title == "HubSpot is slow for 41 tenants"
    assert (found.user_id, found.kind, found.status, found.started_at) == (ALL_TENANTS_ID, "latency", "open", minute(0))
    assert set(found.members) == {incident.id for incident in incidents}
    assert found.observed == 921.0


def test_one_tenant_is_never_a_group() -> None:
    assert group([_incident(1), _incident(1, "error_burst")], _FEW, minute(5)) == []


def test_other_providers_are_other_findings() -> None:
    incidents = [_incident(tenant, provider=name) for tenant in (1, 2) for name in ("hubspot", "shopify", "zendesk")]
    assert len(group(incidents[:5], {}, minute(5))) == 2


def test_two_of_thousands_are_a_coincidence_and_two_of_six_are_not() -> None:
    incidents = [_incident(1), _incident(2)]
    assert group(incidents, {"hubspot": ProviderPulse(active_tenants=2_000)}, minute(5)) == []
    assert len(group(incidents, _FEW, minute(5))) == 1


def test_two_are_enough_where_the_provider_as_a_whole_stands_out() -> None:
    pulse = ProviderPulse(active_tenants=2_000, signals=(latency(minute(0)),))
    assert len(group([_incident(1), _incident(2)], {"hubspot": pulse}, minute(5))) == 1


@pytest.mark.parametrize(("active", "needed"), [(0, 2), (2, 2), (6, 2), (20, 3), (100, 5), (2_000, 22)])
def test_the_more_tenants_the_more_of_them_chance_brings_together(active: int, needed: int) -> None:
    assert tenants_needed(active) == needed


def test_incidents_that_began_far_apart_have_no_common_cause() -> None:
    incidents = [_incident(1), _incident(2, began=minute(120))]
    assert group(incidents, _FEW, minute(125)) == []


def test_a_revoked_token_here_and_a_stale_sync_there_are_two_findings() -> None:
    assert group([_incident(1, "error_burst"), _incident(2, "stale_sync")], _FEW, minute(5)) == []


def test_an_outage_takes_in_what_looks_like_slowness_elsewhere() -> None:
    incidents = [
        _incident(1, "provider_outage", severity="critical"),
        _incident(2, "latency"),
        _incident(3, "stale_sync"),
    ]
    (found,) = group(incidents, _FEW, minute(5))
    assert (found.kind, found.severity, len(found.members)) == ("provider_outage", "critical", 2)


def test_what_is_closed_or_across_tenants_already_is_not_grouped() -> None:
    closed = _incident(1)._replace(status="closed")
    across = _incident(2)._replace(user_id=ALL_TENANTS_ID)
    assert group([closed, across, _incident(3)], _FEW, minute(5)) == []


def test_a_group_keeps_its_id_and_start_while_tenants_join_and_leave() -> None:
    groups = ProviderGroups()
    told = []
    told += groups.update([_incident(1), _incident(2, began=minute(2))], _FEW, minute(3))
    told += groups.update([_incident(1), _incident(2, began=minute(2))], _FEW, minute(4))
    told += groups.update([_incident(n, began=minute(n)) for n in (2, 3)] + [_incident(1)], _FEW, minute(20))
    told += groups.update([_incident(3, began=minute(3))], _FEW, minute(30))
    told += groups.update([], _FEW, minute(40))
    assert len({one.id for one in told}) == 1
    assert [one.status for one in told] == ["open", "open", "closed"]
    assert told[-1].ended_at == minute(40)
    assert len(told[-1].members) == 3
    assert all(one.started_at == minute(0) for one in told)


def test_a_tenant_that_joins_long_after_still_belongs_to_the_same_outage() -> None:
    groups = ProviderGroups()
    groups.update([_incident(1), _incident(2)], _FEW, minute(3))
    late = _incident(3, began=minute(90))
    (told,) = groups.update([_incident(1), _incident(2), late], _FEW, minute(91))
    assert late.id in told.members
    assert told.title == "HubSpot is slow for 3 tenants"


def test_an_incident_belongs_to_one_group_only() -> None:
    groups = ProviderGroups()
    incidents = [_incident(1), _incident(2), _incident(3, "stale_sync"), _incident(4, "stale_sync")]
    told = groups.update(incidents, _FEW, minute(3))
    members = [member for one in told for member in one.members]
    assert len(told) == 2
    assert sorted(members) == sorted(incident.id for incident in incidents)


def test_restored_groups_go_on() -> None:
    groups = ProviderGroups()
    groups.update([_incident(1), _incident(2)], _FEW, minute(3))
    restored = ProviderGroups.from_state(json.loads(json.dumps(groups.to_state())))
    assert restored.open_insights(minute(4)) == groups.open_insights(minute(4))
    more = [_incident(n) for n in (1, 2, 5)]
    assert restored.update(more, _FEW, minute(5)) == groups.update(more, _FEW, minute(5))
    over = minute(5) + timedelta(hours=1)
    assert restored.update([], _FEW, over) == groups.update([], _FEW, over)
