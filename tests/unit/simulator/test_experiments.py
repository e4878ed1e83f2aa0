"""Arms of simulated conversations, and that they move nothing else."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from models.errors import SettingsError
from models.topics import HEALTH, INTELLIGENCE, OUTCOMES, QUERIES
from simulator.experiments import SimulatedExperiment
from simulator.scenario import Scenario
from simulator.tenants import DEFAULT_TENANTS
from simulator.totals import Totals

_START = datetime(2026, 3, 2, tzinfo=UTC)
_DATA = SimulatedExperiment("data", withheld="shopify", traffic=0.7)
_SAME = SimulatedExperiment("same", control="a", treated="b", share=0.5, traffic=0.3)
_PLAIN = Scenario(seed=3, start=_START, end=_START + timedelta(days=8), tenants=DEFAULT_TENANTS[:1], rate=0.004)


def _events(scenario: Scenario) -> dict[str, list[dict[str, Any]]]:
    found: dict[str, list[dict[str, Any]]] = {topic.name: [] for topic in (QUERIES, OUTCOMES, HEALTH, INTELLIGENCE)}
    for topic, _, value in (one for part in scenario.history() for one in part):
        found[topic].append(json.loads(value))
    return found


def _without_labels(events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{name: value for name, value in one.items() if name not in {"experiment", "arm"}} for one in events]


def test_arms_have_their_shares_and_stay_with_the_conversation() -> None:
    events = _events(replace(_PLAIN, experiments=(_DATA, _SAME)))
    arms: dict[str, set[tuple[str, str]]] = {}
    for one in (*events[OUTCOMES.name], *events[INTELLIGENCE.name]):
        arms.setdefault(one["conversation_id"], set()).add((one["experiment"], one["arm"]))
    assert all(len(known) == 1 for known in arms.values())
    counts = Counter(next(iter(known)) for known in arms.values())
    assert set(counts) == {("data", "with"), ("data", "without"), ("same", "a"), ("same", "b")}
    assert counts["data", "without"] / len(arms) == pytest.approx(0.14, abs=0.04)
    assert counts["same", "a"] / len(arms) == pytest.approx(0.15, abs=0.04)


def test_an_experiment_in_which_nothing_differs_changes_no_other_field() -> None:
    plain, labelled = _events(_PLAIN), _events(replace(_PLAIN, experiments=(replace(_SAME, traffic=1.0),)))
    assert {topic: _without_labels(events) for topic, events in labelled.items()} == plain


def test_withheld_data_changes_only_the_conversations_that_would_have_used_it() -> None:
    plain, labelled = _events(_PLAIN), _events(replace(_PLAIN, experiments=(_DATA, _SAME)))
    assert labelled[QUERIES.name] == plain[QUERIES.name]
    health = [[{**one, "event_id": ""} for one in events[HEALTH.name]] for events in (plain, labelled)]
    assert health[0] == health[1]
    before = {one["event_id"]: one for one in plain[INTELLIGENCE.name]}
    changed = [
        one
        for one, known in zip(labelled[INTELLIGENCE.name], _without_labels(labelled[INTELLIGENCE.name]), strict=True)
        if known != before[one["event_id"]]
    ]
    assert changed
    assert {(one["experiment"], one["arm"]) for one in changed} == {("data", "without")}
    without = [one for one in labelled[OUTCOMES.name] if one["arm"] == "without"]
    assert all("shopify" not in one["integration_types_used"] for one in without)
    assert any("shopify" in one["integration_types_used"] for one in labelled[OUTCOMES.name] if one["arm"] == "with")
    assert all(bool(one["integration_types_used"]) == one["integration_data_used"] for one in without)


def test_the_truth_names_the_experiments() -> None:
    scenario = replace(_PLAIN, experiments=(_DATA,))
    truth = json.loads(scenario.truth(scenario.end, Totals()).to_json())
    assert truth["experiments"] == [
        {
            "experiment": "data",
            "control": "without",
            "shares": {"with": 0.8, "without": 0.2},
            "traffic": 0.7,
            "withheld": "shopify",
        }
    ]


@pytest.mark.parametrize("wrong", [(_DATA, _DATA), (replace(_SAME, share=1.5),), (replace(_DATA, withheld="fax"),)])
def test_experiments_that_cannot_be_are_refused(wrong: tuple[SimulatedExperiment, ...]) -> None:
    with pytest.raises(SettingsError, match="experiment"):
        replace(_PLAIN, experiments=wrong)
