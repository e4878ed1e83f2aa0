"""Simulated experiments whose true effects are known, for tests."""

from __future__ import annotations

import json
import uuid
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from clickhouse_connect.driver.client import Client

from kpis.experiments.design import ExperimentPlan
from kpis.scope import Scope
from models.topics import INTELLIGENCE, OUTCOMES
from simulator.experiments import SimulatedExperiment
from simulator.rows import Message
from simulator.scenario import Scenario
from simulator.tenants import DEFAULT_TENANTS
from storage.connection import ClickHouseAddress
from tests import business_oracle as oracle

SHOP, OTHER = DEFAULT_TENANTS[0], DEFAULT_TENANTS[1]
PAST, START, END = (datetime(2026, *day, tzinfo=UTC) for day in ((2, 1), (3, 1), (3, 21)))
NOW = datetime(2026, 4, 4, tzinfo=UTC)
DATA = SimulatedExperiment("shopify data", share=0.2, traffic=0.7, withheld="shopify")
SAME = SimulatedExperiment("greeting", control="a", treated="b", share=0.5, traffic=0.3)
PLAN = ExperimentPlan("shopify data", "without", {"with": 0.8, "without": 0.2}, "durable_resolution", 0.02, 4_000)
MONTH = Scenario(seed=11, start=START, end=END, tenants=(SHOP, OTHER), rate=0.002, experiments=(DATA, SAME))
SCOPE = Scope(START, END + timedelta(days=1), SHOP.id, as_of=NOW)


class Lab(NamedTuple):
    """A database with four weeks without and three weeks with experiments, and the messages of the latter."""

    address: ClickHouseAddress
    client: Client
    messages: list[Message]


def events_of(scenario: Scenario) -> list[Message]:
    return [one for part in scenario.history() for one in part if one[0] in {OUTCOMES.name, INTELLIGENCE.name}]


def labelled(changes: dict[str, Any]) -> Message:
    event = {
        "event_id": str(uuid.uuid4()),
        "user_id": str(SHOP.id),
        "conversation_id": str(uuid.uuid4()),
        "created_at": (START + timedelta(days=3, hours=2)).isoformat(),
        "experiment": DATA.name,
        "arm": "with",
        **changes,
    }
    return INTELLIGENCE.name, str(SHOP.id).encode(), json.dumps(event).encode()


def arms_of(messages: list[Message], name: str) -> dict[str, str]:
    """Return the arm of each conversation in an experiment."""
    events = [json.loads(value) for _, _, value in messages]
    return {one["conversation_id"]: one["arm"] for one in events if one.get("experiment") == name}


def true_effect(measure: str, scenario: Scenario = MONTH) -> float:
    """Return the true effect: the same conversations, once all with the data and once all without."""
    means = []
    for share in (0.0, 1.0):
        world = replace(scenario, tenants=(SHOP,), experiments=(replace(DATA, share=share), SAME))
        messages = events_of(world)
        inside = arms_of(messages, DATA.name)
        values = [
            float(value)
            for one in oracle.talks(messages, str(SHOP.id), NOW)
            if one.id in inside and (value := getattr(one, measure)) is not None
        ]
        means.append(sum(values) / len(values))
    return means[0] - means[1]
