from __future__ import annotations

import json
from dataclasses import asdict

from simulator.effects import EFFECTS
from simulator.rows import Message
from simulator.scenario import Scenario
from simulator.totals import Totals

from .conftest import INCIDENTS


def test_the_truth_is_one_json_document(scenario: Scenario, messages: list[Message]) -> None:
    totals = Totals()
    totals.add(messages)
    document = json.loads(scenario.truth(scenario.end, totals).to_json())
    assert document["seed"] == scenario.seed
    assert [row["id"] for row in document["incidents"]] == [incident.id for incident in INCIDENTS]
    assert document["effects"] == asdict(EFFECTS)
    assert document["totals"] == totals.as_dict()
    assert {"user_id", "customer_id", "at", "announced"} == set(document["churned"][0])
    assert document["upsell_ready"]


def test_the_truth_covers_live_time_too(scenario: Scenario) -> None:
    later = scenario.truth(scenario.end + (scenario.end - scenario.start), Totals())
    assert len(later.churned) > len(scenario.truth(scenario.end, Totals()).churned)
