from __future__ import annotations

from simulator.tenants import DEFAULT_TENANTS


def test_tenants_differ_in_size_place_hours_and_money() -> None:
    volumes = sorted(tenant.queries_per_minute for tenant in DEFAULT_TENANTS)
    assert volumes[0] < 3
    assert volumes[-1] > 40
    assert len({tenant.utc_offset_minutes for tenant in DEFAULT_TENANTS}) > 3
    assert {tenant.rhythm for tenant in DEFAULT_TENANTS} == {"office", "shop"}
    assert max(t.order_value for t in DEFAULT_TENANTS) > 50 * min(t.order_value for t in DEFAULT_TENANTS)


def test_links_of_both_volumes_that_detectors_are_judged_by_exist() -> None:
    volumes = [link.queries_per_minute for tenant in DEFAULT_TENANTS for link in tenant.links]
    assert max(volumes) >= 40
    assert sum(7 <= volume <= 10 for volume in volumes) >= 3


def test_some_gaps_ask_for_providers_the_tenant_lacks() -> None:
    lacking = [
        (gap.provider, tenant.providers)
        for tenant in DEFAULT_TENANTS
        for gap in tenant.gaps
        if gap.reason == "not connected"
    ]
    assert lacking
    assert all(provider not in connected for provider, connected in lacking)
