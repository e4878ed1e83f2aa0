"""The events themselves must show the effects that the ground truth claims."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest

from simulator.arrays import Bools, Floats
from simulator.conversations import STAGES
from simulator.customers import CHANNELS
from simulator.effects import EFFECTS
from simulator.scenario import Scenario

START = datetime(2026, 3, 2, tzinfo=UTC)
GOOD = {"resolved", "converted", "upsold"}


@dataclass(frozen=True)
class Talk:
    """One conversation as its events tell of it."""

    used: bool
    stale: float
    gap: bool
    failed: int
    stage: str
    channel: str
    end: dict[str, Any]


@pytest.fixture(scope="module")
def talks() -> list[Talk]:
    scenario = Scenario(seed=21, start=START, end=START + timedelta(days=6), rate=0.05)
    queries: dict[str, list[dict[str, Any]]] = defaultdict(list)
    thoughts: dict[str, dict[str, Any]] = {}
    ends: dict[str, dict[str, Any]] = {}
    for topic, _, value in (message for batch in scenario.history() for message in batch):
        event = json.loads(value)
        if topic == "integration.queries.v1":
            queries[event["conversation_id"]].append(event)
        elif topic == "integration.intelligence.v1":
            thoughts[event["conversation_id"]] = event
        elif topic == "integration.outcomes.v1":
            ends.setdefault(event["conversation_id"], event)
    return [_talk(queries[name], thoughts[name], end) for name, end in ends.items() if name in thoughts]


def _talk(queries: list[dict[str, Any]], thought: dict[str, Any], end: dict[str, Any]) -> Talk:
    ages = [query["data_freshness_hours"] for query in queries if query["query_success"]]
    return Talk(
        used=end["integration_data_used"],
        stale=min(float(np.mean(ages)), 24.0) if ages else 0.0,
        gap=bool(thought["knowledge_gaps_identified"]),
        failed=min(sum(not query["query_success"] for query in queries), 2),
        stage=thought["customer_journey_stage"],
        channel=thought["channel"],
        end=end,
    )


def _logistic(talks: Iterable[Talk], positive: str | set[str]) -> tuple[Floats, Floats]:
    """Return the log-odds of data, staleness, gap and failed queries, adjusted for stage and channel; and errors."""
    kept = list(talks)
    rows = [
        [talk.used, talk.stale, talk.gap, talk.failed]
        + [talk.stage == stage for stage in STAGES]
        + [talk.channel == channel for channel in CHANNELS[1:]]
        for talk in kept
    ]
    design = np.array(rows, dtype=np.float64)
    happened: Bools = np.array([talk.end["outcome_type"] in positive for talk in kept])
    weights = np.zeros(design.shape[1])
    for _ in range(15):
        likely = 1.0 / (1.0 + np.exp(-design @ weights))
        curvature = (design * (likely * (1.0 - likely))[:, None]).T @ design
        weights += np.linalg.solve(curvature, design.T @ (happened - likely))
    return weights[:4], np.sqrt(np.diag(np.linalg.inv(curvature)))[:4]


def test_resolution_depends_on_data_its_age_and_gaps_as_the_truth_says(talks: list[Talk]) -> None:
    found, error = _logistic((talk for talk in talks if talk.end["outcome_type"] != "cancelled"), GOOD)
    true = [
        EFFECTS.resolution_log_odds_with_data,
        EFFECTS.resolution_log_odds_per_stale_hour,
        EFFECTS.resolution_log_odds_with_gap,
        EFFECTS.resolution_log_odds_per_failed_query,
    ]
    assert np.all(error < [0.1, 0.05, 0.1, 0.15])
    assert np.all(np.abs(found - true) < 3.5 * error)


def test_conversion_depends_on_data_as_the_truth_says(talks: list[Talk]) -> None:
    found, error = _logistic((talk for talk in talks if talk.end["outcome_type"] in GOOD), {"converted"})
    true = [
        EFFECTS.conversion_log_odds_with_data,
        EFFECTS.conversion_log_odds_per_stale_hour,
        EFFECTS.conversion_log_odds_with_gap,
    ]
    assert np.all(np.abs(found - [*true, 0.0]) < 3.5 * error)


def test_data_is_used_less_often_at_stages_that_also_convert_less(talks: list[Talk]) -> None:
    used = {stage: np.mean([talk.used for talk in talks if talk.stage == stage]) for stage in STAGES}
    assert used["awareness"] < used["consideration"] < used["purchase"]


def test_conversations_with_data_are_rated_higher_and_take_less_time(talks: list[Talk]) -> None:
    def of(field: str, *, used: bool) -> list[float]:
        values = [t.end[field] for t in talks if t.used is used and t.end["outcome_type"] == "resolved"]
        return [value for value in values if value is not None]

    stars = [np.mean(of("customer_satisfaction_score", used=used)) for used in (True, False)]
    assert stars[0] - stars[1] > 0.25
    minutes = [np.median(of("resolution_time_minutes", used=used)) for used in (True, False)]
    assert minutes[0] < 0.85 * minutes[1]


def test_only_sales_are_worth_money(talks: list[Talk]) -> None:
    for talk in talks:
        value = talk.end["business_value_generated"]
        if talk.end["outcome_type"] in {"converted", "upsold"}:
            assert value > 0
        else:
            assert value in {None, 0.0}


def test_an_escalation_has_a_reason_that_fits(talks: list[Talk]) -> None:
    reasons: dict[tuple[bool, bool], Counter[str]] = defaultdict(Counter)
    for talk in talks:
        assert (talk.end["handoff_reason"] is not None) == (talk.end["outcome_type"] == "escalated")
        if talk.end["outcome_type"] == "escalated":
            reasons[talk.failed > 0, talk.gap][talk.end["handoff_reason"]] += 1
    assert set(reasons[True, False]) == {"integration_error"}
    assert set(reasons[False, True]) == {"missing_data"}
    assert len(reasons[False, False]) == 3


def test_some_conversations_come_back_days_later_and_most_of_those_are_closed_again() -> None:
    scenario = Scenario(seed=2, start=START, end=START + timedelta(days=10), rate=0.03)
    by_talk = defaultdict(list)
    for topic, _, value in (message for batch in scenario.history() for message in batch):
        if topic == "integration.outcomes.v1":
            event = json.loads(value)
            by_talk[event["conversation_id"]].append(event)
    returned = [ends for ends in by_talk.values() if len(ends) > 1]
    assert 0.005 < len(returned) / len(by_talk) < 0.03
    assert all([end["outcome_type"] for end in ends[:2]] == ["resolved", "reopened"] for ends in returned)
    assert {end["outcome_type"] for ends in returned for end in ends[2:]} == {"resolved"}
    assert {end["handled_by"] for ends in returned for end in ends[2:]} == {"human"}
    days = [
        (datetime.fromisoformat(ends[1]["created_at"]) - datetime.fromisoformat(ends[0]["created_at"]))
        / timedelta(days=1)
        for ends in returned
    ]
    assert max(days) > 3
    assert max(days) <= 6.01
