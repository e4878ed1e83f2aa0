"""Recommended customers: ranked by expected value with measured effects, limited in number, exploration marked."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors.customers import churn, upsell
from detectors.customers.customer_scores import CustomerScore
from detectors.customers.recommendations import (
    EXPLORED,
    MAX_OF_ONE_MODEL,
    Candidate,
    Effect,
    Recommendation,
    RecommendationResult,
    choose,
    effects,
    told,
    worth,
)
from tests.unit.detectors.customer_samples import AT, TENANT, customer

OTHER = UUID(int=8)
KNOWN = Effect(0.2, 0.1, 0.3, 90, 40.0)
UNKNOWN = effects([], ["new"], prevents=True)["new"]
EFFECTS = {"call": KNOWN, "new": UNKNOWN}


def candidate(name: str, probability: float, money: float | None, action: str = "call") -> Candidate:
    return Candidate(TENANT, name, action, probability, money)


def names(chosen: list[Recommendation], *, explores: bool = False) -> list[str]:
    return [one.customer_id for one in chosen if one.explores is explores]


def test_what_is_likely_is_behind_what_is_worth_more() -> None:
    found = choose([candidate("likely", 0.9, 10.0), candidate("dear", 0.4, 500.0)], EFFECTS, {}, AT)
    assert names(found) == ["dear", "likely"]
    assert found[0].expected_value == pytest.approx(0.4 * 500.0 * 0.2)


def test_an_action_that_works_better_comes_first_at_the_same_risk() -> None:
    weak = {"call": KNOWN, "mail": KNOWN._replace(share=0.05)}
    found = choose([candidate("a", 0.5, 100.0, "mail"), candidate("b", 0.5, 100.0)], weak, {}, AT)
    assert names(found) == ["b", "a"]


def test_without_money_there_is_no_value_and_the_likeliest_comes_first() -> None:
    found = choose([candidate("a", 0.5, None), candidate("b", 0.7, None)], EFFECTS, {}, AT)
    assert names(found) == ["b", "a"]
    assert [one.expected_value for one in found] == [None, None]


def test_of_an_action_without_outcomes_a_tenth_is_believed_with_a_wide_interval() -> None:
    assert pytest.approx(0.1) == UNKNOWN.share
    assert UNKNOWN.low < -0.3
    assert UNKNOWN.high > 0.45
    assert not UNKNOWN.is_known


def test_fewer_who_left_than_foretold_is_an_effect_and_more_is_harm() -> None:
    results = [RecommendationResult("call", 0.5, happened=number < 20) for number in range(100)]
    results += [RecommendationResult("spam", 0.5, happened=number < 80) for number in range(100)]
    found = effects(results, [], prevents=True)
    assert found["call"].share == pytest.approx(1.0 - (9 + 20) / 60)
    assert found["call"].low > 0.3
    assert found["spam"].share < -0.3
    assert worth(candidate("a", 0.5, 100.0), found["spam"].share) == 0.0
    assert (found["call"].cases, found["call"].is_known) == (100, True)


def test_more_who_bought_than_foretold_is_an_effect() -> None:
    found = effects(
        [RecommendationResult("offer", 0.2, happened=number < 40) for number in range(100)], [], prevents=False
    )
    assert found["offer"].share == pytest.approx((11 + 40) / 30 - 1.0)
    assert 0.0 < found["offer"].low < found["offer"].share < found["offer"].high


def test_a_few_places_are_for_actions_of_which_little_is_known() -> None:
    rich = [candidate(f"c{number}", 0.5, 1000.0 + number) for number in range(30)]
    poor = [candidate(f"n{number}", 0.3, 10.0 + number, "new") for number in range(30)]
    found = choose(rich + poor, EFFECTS, {}, AT)
    assert len(found) == MAX_OF_ONE_MODEL
    assert names(found, explores=True) == ["n29", "n28"]
    assert len(names(found)) == MAX_OF_ONE_MODEL - EXPLORED


@settings(max_examples=60, deadline=None)
@given(
    drawn=st.lists(
        st.tuples(
            st.sampled_from([TENANT, OTHER]),
            st.floats(0.0, 1.0),
            st.none() | st.floats(0.0, 1e9),
            st.sampled_from(["call", "new"]),
        ),
        max_size=40,
    ),
    room=st.integers(-3, 10),
)
def test_nobody_is_recommended_twice_nor_more_than_there_is_room_for(
    drawn: list[tuple[UUID, float, float | None, str]], room: int
) -> None:
    candidates = [
        Candidate(user_id, f"c{number}", action, probability, money)
        for number, (user_id, probability, money, action) in enumerate(drawn)
    ]
    found = choose(candidates, EFFECTS, {TENANT: room}, AT)
    for user_id, places in ((TENANT, max(room, 0)), (OTHER, MAX_OF_ONE_MODEL)):
        own = [one for one in found if one.user_id == user_id]
        assert len(own) == min(places, sum(one.user_id == user_id for one in candidates))
        assert sum(one.explores for one in own) <= EXPLORED
    assert len({one.customer_id for one in found}) == len(found)
    assert choose(list(reversed(candidates)), EFFECTS, {TENANT: room}, AT) == found


def test_the_insight_says_what_acting_is_worth_and_on_what_that_rests() -> None:
    facts = customer()
    insight = churn.risk(CustomerScore(TENANT, facts.customer_id, AT, 0.4, 0.1, AT), facts, {})
    [one] = choose([candidate(facts.customer_id, 0.4, churn.at_stake(facts, AT))], EFFECTS, {}, AT)
    said = told(insight, one, KNOWN, "EUR")
    assert said.predicted_value == one.expected_value == pytest.approx(0.4 * 500.0 / 4.8 * 0.2, abs=0.01)
    assert said.id == insight.id
    assert "20% (measured on 90 outcomes, 10% to 30%)" in said.summary
    assert "Acting is expected to be worth €8.33: 40% of €104.17 at stake" in said.summary
    assert "worth KWD 8.333: 40% of KWD 104.167 at stake" in told(insight, one, KNOWN, "KWD").summary
    assert "worth 8.33 in the tenant's currency: 40% of 104.17 at stake" in told(insight, one, KNOWN, "").summary
    assert "exploration" not in said.summary
    assert "This is an exploration" in told(insight, one._replace(explores=True), UNKNOWN, "").summary
    assert "assumed, until more than 0 outcomes are known" in told(insight, one, UNKNOWN, "").summary


def test_every_reason_leads_to_an_action_that_is_known() -> None:
    facts = customer(satisfaction=2.0, satisfaction_before=4.5, failures_90d=3, resolution_minutes=90.0)
    for name in ("recency", "visits_30d", "unresolved", "failures", "value", "satisfaction_trend", "resolution"):
        assert churn.action_for(facts, {name: 2.0}, AT) in churn.ACTIONS
    assert churn.action_for(facts, {}, AT) == "silence"
    assert upsell.action_for(facts, {"growth": 1.0}) == "growth"
    assert upsell.action_for(facts, {}) in upsell.ACTIONS


def test_a_customer_without_value_has_nothing_at_stake() -> None:
    assert churn.at_stake(customer(value=0.0), AT) is None
    assert churn.at_stake(customer(first_at=datetime(2026, 3, 1, tzinfo=UTC)), AT) == pytest.approx(500.0)
