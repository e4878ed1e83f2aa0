from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from uuid import UUID

from simulator.gaps import StandingGap
from simulator.rows import Message
from simulator.scenario import Scenario
from simulator.tenants import SimulatedTenant, TenantIntegration

NUMBER = re.compile(rb'"([a-z_]+)":(-?[0-9][^,}\]]*)')
START = datetime(2026, 3, 2, tzinfo=UTC)


def test_numbers_have_no_more_decimals_than_the_contract_keeps(messages: list[Message]) -> None:
    seen = set()
    for _, _, value in messages:
        for name, number in NUMBER.findall(value):
            decimals = number.partition(b".")[2]
            assert len(decimals) <= (2 if name == b"business_value_generated" else 4), (name, number)
            assert b"e" not in number
            seen.add(name)
    assert {b"business_value_generated", b"ai_confidence_score", b"error_rate", b"conversion_probability"} <= seen


def test_an_object_names_each_field_once(messages: list[Message]) -> None:
    for _, _, value in messages[::50]:
        names = [name for name, _ in json.loads(value, object_pairs_hook=list)]
        assert len(set(names)) == len(names)


def test_text_that_needs_escaping_survives() -> None:
    awkward = 'größe "x" \\ y'
    tenant = SimulatedTenant(
        UUID(int=9), "New", "shop", 0, 10.0, {'"Q"': 1.0}, (TenantIntegration("acme", 20.0, 10),),
        (StandingGap("acme", awkward, "missing content", 1.0),), 0.5,
    )  # fmt: skip
    scenario = Scenario(seed=1, start=START, end=START + timedelta(hours=6), tenants=(tenant,))
    events = [json.loads(value) for batch in scenario.history() for _, _, value in batch]
    assert any(tenant.gaps[0].label in event.get("knowledge_gaps_identified", ()) for event in events)
    assert {event["country"] for event in events if "country" in event} == {'"Q"'}
