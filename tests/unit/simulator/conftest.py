"""One busy stretch of traffic with an incident of each kind, shared by the tests that look at it."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from simulator.incidents import SimulatedIncident, one_of_each
from simulator.rows import Message
from simulator.scenario import Scenario
from simulator.tenants import DEFAULT_TENANTS

START = datetime(2026, 3, 2, tzinfo=UTC)
INCIDENTS = one_of_each(DEFAULT_TENANTS, START + timedelta(hours=6), timedelta(hours=4), timedelta(hours=3))

Events = Callable[[str], list[dict[str, Any]]]


@pytest.fixture(scope="session")
def scenario() -> Scenario:
    return Scenario(seed=5, start=START, end=START + timedelta(hours=30), rate=0.2, incidents=INCIDENTS)


@pytest.fixture(scope="session")
def messages(scenario: Scenario) -> list[Message]:
    return [message for batch in scenario.history() for message in batch]


@pytest.fixture(scope="session")
def events(messages: list[Message]) -> Events:
    """Decoded events by the middle word of their topic, each with its moment under ``at``."""
    decoded: dict[str, list[dict[str, Any]]] = {}
    for topic, _, value in messages:
        event = json.loads(value)
        event["at"] = datetime.fromisoformat(event["created_at"])
        decoded.setdefault(topic.split(".")[1], []).append(event)
    return lambda name: decoded[name]


def struck(
    found: list[dict[str, Any]], incident: SimulatedIncident, begin: datetime, end: datetime
) -> list[dict[str, Any]]:
    """Return the events of an incident's links in ``[begin, end)``."""
    return [
        event
        for event in found
        if event["integration_provider"] == incident.provider
        and (incident.tenant is None or event["user_id"] == str(incident.tenant))
        and begin <= event["at"] < end
    ]
