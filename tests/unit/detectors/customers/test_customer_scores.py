"""Who stands out, and since when."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors.customers.customer_scores import (
    MAX_PER_TENANT,
    Bounds,
    CustomerScore,
    Key,
    advance,
    beginners,
    bounds_for,
    first_of,
    recently_ended,
    staying,
)

TENANT = UUID(int=7)
AT = datetime(2026, 3, 2, tzinfo=UTC)
LATER = AT + timedelta(hours=6)
BOUNDS = Bounds(enter=0.5, leave=0.3)
ANNA: Key = (TENANT, "anna")


def latest(standings: list[CustomerScore]) -> dict[Key, CustomerScore]:
    return {(one.user_id, one.customer_id): one for one in standings}


def test_an_episode_begins_above_the_upper_bound_and_goes_on_above_the_lower() -> None:
    first = latest(advance({}, {ANNA: 0.6}, 0.2, BOUNDS, AT))
    second = latest(advance(first, {ANNA: 0.4}, 0.2, BOUNDS, LATER))
    assert first[ANNA].started_at == second[ANNA].started_at == AT
    assert second[ANNA].is_open


def test_between_the_bounds_none_begins() -> None:
    [standing] = advance({}, {ANNA: 0.4}, 0.2, BOUNDS, AT)
    assert standing.started_at is None


def test_it_ends_when_the_risk_falls() -> None:
    first = latest(advance({}, {ANNA: 0.6}, 0.2, BOUNDS, AT))
    [standing] = advance(first, {ANNA: 0.1}, 0.2, BOUNDS, LATER)
    assert (standing.ended_at, standing.ended, standing.is_open) == (LATER, "recovered", False)


def test_it_ends_when_the_customer_is_gone() -> None:
    first = latest(advance({}, {ANNA: 0.6}, 0.2, BOUNDS, AT))
    [standing] = advance(first, {}, 0.2, BOUNDS, LATER)
    assert (standing.ended_at, standing.ended) == (LATER, "gone")


def test_a_second_episode_begins_anew() -> None:
    first = latest(advance({}, {ANNA: 0.6}, 0.2, BOUNDS, AT))
    second = latest(advance(first, {ANNA: 0.1}, 0.2, BOUNDS, LATER))
    [third] = advance(second, {ANNA: 0.7}, 0.2, BOUNDS, LATER + timedelta(days=1))
    assert third.started_at == LATER + timedelta(days=1)
    assert third.is_open


@pytest.mark.parametrize("score", [0.6, 0.1])
def test_doing_a_run_again_changes_nothing(score: float) -> None:
    first = latest(advance({}, {ANNA: 0.6}, 0.2, BOUNDS, AT))
    second = latest(advance(first, {ANNA: score}, 0.2, BOUNDS, LATER))
    assert latest(advance(second, {ANNA: score}, 0.2, BOUNDS, LATER)) == second


def test_a_tenant_is_told_of_a_bounded_number_the_likeliest_first() -> None:
    scores: dict[Key, float] = {(TENANT, f"c{number:02d}"): 0.5 + number / 100 for number in range(40)}
    opened = [one for one in advance({}, scores, 0.2, BOUNDS, AT) if one.is_open]
    assert len(opened) == MAX_PER_TENANT
    assert min(one.probability or 0.0 for one in opened) == pytest.approx(0.7)
    again = advance(latest(advance({}, scores, 0.2, BOUNDS, AT)), scores, 0.2, BOUNDS, LATER)
    assert sum(one.is_open for one in again) == MAX_PER_TENANT


def test_what_ended_lately_is_told_again() -> None:
    ended = CustomerScore(*ANNA, LATER, 0.1, 0.2, AT, LATER, "recovered")
    open_ = CustomerScore(TENANT, "bert", LATER, 0.9, 0.2, AT)
    assert recently_ended([ended, open_], AT) == [ended]
    assert recently_ended([ended], LATER + timedelta(seconds=1)) == []


def test_the_bounds_rise_with_the_usual_share_and_stay_below_one() -> None:
    rare, common, nearly_all = bounds_for(0.001), bounds_for(0.2), bounds_for(0.95)
    assert rare.enter == 0.1
    assert 0.3 < common.leave < common.enter < 0.5
    assert nearly_all.enter < 1.0
    assert rare.leave < rare.enter


@settings(deadline=None, max_examples=100)
@given(st.data(), st.integers(2, 7))
def test_who_begins_an_episode_is_the_same_when_the_customers_of_tenants_are_looked_at_in_parts(
    data: st.DataObject, parts: int
) -> None:
    keys = [(UUID(int=1 + number % 2), f"c{number}") for number in range(90)]
    scores = {key: data.draw(st.sampled_from((0.1, 0.4, 0.6, 0.7, 0.9))) for key in keys}
    open_ = {key for key in keys if data.draw(st.integers(0, 9)) == 0}
    before = {key: CustomerScore(*key, AT, 0.6, 0.2, AT) for key in open_}
    whole = beginners(before, scores, BOUNDS, LATER)
    stays, found = Counter[UUID](), dict[Key, float]()
    for part in range(parts):
        of_part = {key: score for number, (key, score) in enumerate(scores.items()) if number % parts == part}
        before_part = {key: one for key, one in before.items() if key in of_part}
        stays += staying(before_part, of_part, BOUNDS)
        found |= {key: of_part[key] for key in beginners(before_part, of_part, BOUNDS, LATER)}
    assert first_of(found, stays) == whole
