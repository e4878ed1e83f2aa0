from __future__ import annotations

from simulator.catalogue import ERROR_KINDS, GENERIC, PROFILES, kind_index, profile_of
from simulator.query_table import query_table
from simulator.tenants import DEFAULT_TENANTS


def test_the_named_providers_and_some_to_come_are_listed() -> None:
    assert {"hubspot", "shopify", "salesforce", "zendesk", "klaviyo"} == PROFILES.keys()
    assert profile_of("hubspot") is PROFILES["hubspot"]
    assert profile_of("something_new") is GENERIC


def test_an_error_kind_is_found_by_its_position() -> None:
    assert all(ERROR_KINDS[kind_index(kind)] == kind for kind in ERROR_KINDS)


def test_a_query_table_holds_every_query_type_of_every_link_with_its_share() -> None:
    for tenant in DEFAULT_TENANTS:
        table = query_table(tenant)
        shares = [high - low for low, high in zip([0.0, *table.shares], table.shares, strict=False)]
        for place, link in enumerate(tenant.links):
            own = [share for share, of in zip(shares, table.link, strict=True) if of == place]
            assert len(own) == len(profile_of(link.provider).query_types)
            assert abs(sum(own) - link.queries_per_minute / tenant.queries_per_minute) < 1e-9
            assert abs(sum(own) - table.link_width[place]) < 1e-9
