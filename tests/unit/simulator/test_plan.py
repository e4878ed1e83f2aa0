from __future__ import annotations

from datetime import UTC, datetime, timedelta

from simulator.incidents import SimulatedIncident
from simulator.plan import Plan
from simulator.tenants import DEFAULT_TENANTS
from simulator.times import DAY_MS, to_ms

START = datetime(2026, 3, 2, 11, tzinfo=UTC)
BEGIN = to_ms(START)
GIVEN = SimulatedIncident("mine", "stale_sync", "shopify", None, START, START + timedelta(hours=5))


def test_a_quiet_plan_holds_only_what_was_given() -> None:
    plan = Plan(1, DEFAULT_TENANTS, 0.0, (GIVEN,), BEGIN)
    assert plan.between(BEGIN, BEGIN + 30 * DAY_MS) == [GIVEN]


def test_nothing_is_placed_before_the_start() -> None:
    plan = Plan(1, DEFAULT_TENANTS, 50.0, (), BEGIN)
    assert plan.between(0, BEGIN) == []
    assert min(incident.start for incident in plan.between(BEGIN, BEGIN + DAY_MS)) >= START


def test_any_part_of_time_shows_the_same_incidents() -> None:
    plan = Plan(1, DEFAULT_TENANTS, 4.0, (GIVEN,), BEGIN)
    whole = plan.between(BEGIN, BEGIN + 6 * DAY_MS)
    parts = [one for day in range(6) for one in plan.between(BEGIN + day * DAY_MS, BEGIN + (day + 1) * DAY_MS)]
    assert len(whole) > 10
    assert {incident.id for incident in parts} == {incident.id for incident in whole}
