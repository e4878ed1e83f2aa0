from __future__ import annotations

import json
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest

from simulator.customers import DRIFT_MS, TERM_MS, Customers
from simulator.scenario import Scenario
from simulator.tenants import DEFAULT_TENANTS
from simulator.times import DAY_MS, to_ms
from simulator.totals import Totals
from simulator.truth import Truth

START = datetime(2026, 3, 2, tzinfo=UTC)
TENANT = DEFAULT_TENANTS[1]
BEGIN = to_ms(START)


@pytest.fixture(scope="module")
def story() -> tuple[Truth, dict[str, list[dict[str, Any]]]]:
    """The truth of a month, and the outcomes of each customer."""
    scenario = Scenario(seed=4, start=START, end=START + timedelta(days=30), rate=0.08, tenants=(TENANT,))
    ends: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for topic, _, value in (message for batch in scenario.history() for message in batch):
        event = json.loads(value)
        if topic == "integration.outcomes.v1" and event["customer_id"] is not None:
            ends[event["customer_id"]].append(event)
    return scenario.truth(scenario.end, Totals()), ends


def test_the_truth_lists_who_left_with_the_date(story: tuple[Truth, dict[str, list[dict[str, Any]]]]) -> None:
    truth, ends = story
    assert 30 < len(truth.churned) < 500
    for one in truth.churned:
        assert truth.start <= one.at < truth.end
        later = [end for end in ends[one.customer_id] if datetime.fromisoformat(end["opened_at"]) > one.at]
        assert later == []


def test_most_who_leave_say_so(story: tuple[Truth, dict[str, list[dict[str, Any]]]]) -> None:
    truth, ends = story
    announced = {one.customer_id for one in truth.churned if one.announced and one.at < truth.end - timedelta(hours=9)}
    cancelled = {name for name, own in ends.items() if any(end["outcome_type"] == "cancelled" for end in own)}
    assert announced <= cancelled
    assert cancelled <= {one.customer_id for one in truth.churned if one.announced}
    assert 0.45 < sum(one.announced for one in truth.churned) / len(truth.churned) < 0.75


def test_whoever_leaves_comes_less_often_and_is_less_content_before(
    story: tuple[Truth, dict[str, list[dict[str, Any]]]],
) -> None:
    truth, ends = story
    visits = {"late": 0, "early": 0}
    stars: dict[str, list[float]] = {"late": [], "early": []}
    for one in truth.churned:
        for end in ends[one.customer_id]:
            ahead = (one.at - datetime.fromisoformat(end["created_at"])) / timedelta(days=1)
            when = "late" if ahead < 10 else "early"
            if end["outcome_type"] != "cancelled" and ahead < 30 and one.at > truth.start + timedelta(days=20):
                visits[when] += 1
                stars[when] += [end["customer_satisfaction_score"]] if end["customer_satisfaction_score"] else []
    # Ten late days against twenty early ones, of which a few lie before the start.
    assert visits["late"] < 0.4 * visits["early"]
    assert np.mean(stars["late"]) < np.mean(stars["early"]) - 0.25


def test_whoever_is_ready_for_more_buys_more(story: tuple[Truth, dict[str, list[dict[str, Any]]]]) -> None:
    truth, ends = story
    since = {one.customer_id: one.at for one in truth.upsell_ready}
    ready, other = list[bool](), list[bool]()
    for name, own in ends.items():
        for end in own:
            is_ready = name in since and datetime.fromisoformat(end["opened_at"]) >= since[name]
            (ready if is_ready else other).append(end["outcome_type"] == "upsold")
    assert np.mean(ready) > 4 * np.mean(other)


def test_what_becomes_of_a_customer_does_not_depend_on_where_one_looks_from() -> None:
    whole = Customers(1, TENANT, 500).leavers(BEGIN, BEGIN + 40 * DAY_MS)
    pool = Customers(1, TENANT, 500)
    late = pool.leavers(BEGIN + 20 * DAY_MS, BEGIN + 40 * DAY_MS)
    early = pool.leavers(BEGIN, BEGIN + 20 * DAY_MS)
    assert whole == early + late


def test_places_change_hands() -> None:
    pool = Customers(1, TENANT, 200)
    rng = np.random.default_rng(0)
    at = np.full(5_000, BEGIN)
    before = pool.choose(rng, at)
    after = pool.choose(rng, at + TERM_MS)
    first, second = (set(zip(one.place.tolist(), one.turn.tolist(), strict=True)) for one in (before, after))
    assert not first & second
    assert {place for place, _ in first} == {place for place, _ in second} | {place for place, _ in first}


def test_nobody_comes_after_leaving_and_drift_ends_at_one() -> None:
    pool = Customers(1, TENANT, 50)
    fate = pool.leavers(BEGIN, BEGIN + 60 * DAY_MS)[0]
    rng = np.random.default_rng(0)
    for at, comes in ((fate.at - 2 * DRIFT_MS, True), (fate.at + 1, False)):
        seen = pool.choose(rng, np.full(20_000, at))
        mine = seen.known & (seen.place == fate.place) & (seen.turn == fate.turn)
        assert mine.any() == comes
    assert pool.visitors_of([fate]).drift.tolist() == [1.0]
