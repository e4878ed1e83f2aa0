"""Upsell insights: value from the tenant's own sales only, and providers that similar tenants use."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors.customers import upsell
from detectors.customers.calibration import share_interval
from detectors.customers.customer_scores import CustomerScore
from detectors.customers.upsell import Typical, Use
from models.insights import Insight
from tests.unit.detectors.customer_samples import AT, DAY, TENANT, customer

OPEN = CustomerScore(TENANT, customer().customer_id, AT, 0.25, 0.02, AT - DAY)


@pytest.mark.parametrize(
    ("currency", "median"),
    [("OMR", "OMR 241.500"), ("KRW", "KRW 242"), ("USD", "$241.50"), ("", "241.50 in the tenant's currency")],
)
def test_the_expected_value_is_the_chance_times_the_tenants_median_upsell(currency: str, median: str) -> None:
    insight = upsell.opportunity(OPEN, customer(currency=currency), {}, Typical(241.5, 31))
    assert insight.predicted_value == 60.375
    assert f"Your upsells are worth {median} (median of 31)" in insight.summary


def test_without_upsells_of_the_tenants_own_there_is_no_value() -> None:
    assert upsell.opportunity(OPEN, customer(), {}, None).predicted_value is None


def test_factors_are_said_in_words() -> None:
    facts = customer(visits_30d=9, visits_before_30d=3, satisfaction=4.6, conversions=2, upsells=1)
    why = {"growth": 0.5, "satisfaction": 0.3, "upsells": 0.2}
    assert upsell.opportunity(OPEN, facts, why, None).contributing_factors == (
        "9 visits in the last 30 days, 3 in the 30 before",
        "satisfaction 4.6 of 5 in the last 30 days",
        "bought 3 times, 1 of them more than before",
    )


def test_growth_is_a_feature() -> None:
    growing = upsell.upsell_features(customer(visits_30d=9, visits_before_30d=3), AT)
    shrinking = upsell.upsell_features(customer(visits_30d=3, visits_before_30d=9), AT)
    assert growing["growth"] > 0 > shrinking["growth"]


def test_an_opportunity_that_passed_is_closed_under_its_id() -> None:
    ended = OPEN._replace(ended_at=AT, ended="recovered")
    assert upsell.closed(ended).id == upsell.opportunity(OPEN, customer(), {}, None).id
    assert upsell.closed(ended).status == "closed"


def unconnected(connected: Mapping[UUID, frozenset[str]], at: datetime = AT) -> list[Insight]:
    return upsell.unconnected(connected, upsell.proposals(Counter(connected.values())), at)


def tenants(*providers: str) -> dict[UUID, frozenset[str]]:
    return {UUID(int=number + 1): frozenset(one.split()) for number, one in enumerate(providers)}


def test_a_provider_that_similar_tenants_use_is_proposed() -> None:
    shops = tenants("shopify hubspot", *["shopify hubspot klaviyo"] * 6)
    [insight] = unconnected(shops, AT)
    assert (insight.user_id, insight.integration_provider) == (UUID(int=1), "klaviyo")
    assert "6 of 6 similar tenants" in insight.title
    assert "69% to 100% would use it" in insight.summary


def test_a_share_of_few_tenants_is_no_probability() -> None:
    [insight] = unconnected(tenants("shopify hubspot", *["shopify hubspot klaviyo"] * 6), AT)
    assert insight.confidence_score is None
    assert unconnected(tenants("shopify", *["shopify klaviyo"] * 4, *["shopify"] * 3), AT) == []


def test_tenants_that_are_unlike_propose_nothing() -> None:
    assert unconnected(tenants("shopify", "jira slack", "jira slack", "jira slack"), AT) == []


def test_a_few_tenants_are_no_evidence() -> None:
    assert unconnected(tenants("shopify", "shopify klaviyo", "shopify klaviyo"), AT) == []


def each_with_all(connected: Mapping[UUID, frozenset[str]]) -> dict[UUID, list[tuple[str, int, int, float]]]:
    """Compare each tenant with each other one, as the definition says."""
    found = {}
    for user_id, own in connected.items():
        alike = {
            other: weight
            for other, theirs in connected.items()
            if other != user_id and (weight := len(own & theirs) / len(own | theirs)) >= 0.34
        }
        if len(alike) < 5:
            continue
        of_own = []
        for provider in {provider for other in alike for provider in connected[other]} - own:
            share = sum(weight for other, weight in alike.items() if provider in connected[other]) / sum(alike.values())
            using = sum(provider in connected[other] for other in alike)
            if min(share, share_interval(using, len(alike))[0]) >= 0.5:
                of_own.append((provider, using, len(alike), share))
        found[user_id] = sorted(of_own, key=lambda one: (-round(one[3], 9), one[0]))[:2]
    return {user_id: of_own for user_id, of_own in found.items() if of_own}


@settings(deadline=None, max_examples=200)
@given(st.lists(st.sampled_from(["ab", "abc", "abcd", "abd", "bcd", "cd", "d", "ad"]), min_size=6, max_size=40))
def test_comparing_sets_of_providers_proposes_what_comparing_each_tenant_with_each_other_does(sets: list[str]) -> None:
    connected = {UUID(int=number + 1): frozenset(one) for number, one in enumerate(sets)}
    proposed = upsell.proposals(Counter(connected.values()))
    expected = each_with_all(connected)
    found = {user_id: proposed[own] for user_id, own in connected.items() if own in proposed}
    assert found.keys() == expected.keys()
    for user_id, of_own in found.items():
        assert [(one.provider, one.using, one.alike) for one in of_own] == [one[:3] for one in expected[user_id]]
        # Sums of thirds in another order: the last bit differs.
        assert [one.share for one in of_own] == pytest.approx([one[3] for one in expected[user_id]])


GROWING = Use(TENANT, "hubspot", 0.9, 1_300, 1_000, covered=True)


def test_growth_into_the_rate_limit_is_a_case_for_a_larger_plan_of_no_known_value() -> None:
    insight = upsell.larger_plan(GROWING, AT)
    assert insight is not None
    assert (insight.kind, insight.integration_provider, insight.predicted_value) == ("larger_plan", "hubspot", None)
    assert "1,300 queries in four weeks, 30% more than in the four before" in insight.contributing_factors


@pytest.mark.parametrize(
    "use", [GROWING._replace(limit_usage=0.5), GROWING._replace(queries=1_050), GROWING._replace(covered=False)]
)
def test_room_under_the_limit_no_growth_or_a_short_history_are_none(use: Use) -> None:
    assert upsell.larger_plan(use, AT) is None
