from __future__ import annotations

import json
from collections import Counter
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from pydantic import TypeAdapter

from models.errors import SettingsError
from models.topics import INGEST, OUTCOMES, QUERIES, Topic
from simulator.incidents import SimulatedIncident
from simulator.rows import Message
from simulator.scenario import Scenario, rate_for
from simulator.tenants import DEFAULT_TENANTS, SimulatedTenant, TenantIntegration
from simulator.totals import Totals

START = datetime(2026, 3, 2, tzinfo=UTC)
DAY = timedelta(days=1)


def _taken(scenario: Scenario) -> list[Message]:
    return [message for batch in scenario.history() for message in batch]


def _without_ids(value: bytes) -> dict[str, object]:
    return {name: content for name, content in json.loads(value).items() if name not in {"event_id", "conversation_id"}}


@pytest.mark.parametrize("topic", INGEST, ids=lambda topic: topic.name)
def test_every_event_satisfies_the_contract_of_its_topic(messages: list[Message], topic: Topic) -> None:
    adapter = TypeAdapter(topic.event)
    events = [adapter.validate_json(value) for name, _, value in messages if name == topic.name]
    assert len(events) > 500


def test_every_key_is_the_tenant(messages: list[Message]) -> None:
    assert all(key.decode() == json.loads(value)["user_id"] for _, key, value in messages)


def test_events_come_in_time_order_inside_the_span(scenario: Scenario, messages: list[Message]) -> None:
    times = [datetime.fromisoformat(json.loads(value)["created_at"]) for _, _, value in messages]
    assert times == sorted(times)
    assert scenario.start <= times[0]
    assert times[-1] < scenario.end


def test_event_ids_are_never_used_twice(messages: list[Message]) -> None:
    ids = {UUID(json.loads(value)["event_id"]) for _, _, value in messages}
    assert len(ids) == len(messages)
    assert {one.version for one in ids} == {4}


def test_event_times_have_milliseconds_and_the_tenants_own_offset(messages: list[Message]) -> None:
    offsets = {json.loads(value)["created_at"][23:] for _, _, value in messages}
    assert offsets == {"+01:00", "+02:00", "-05:00", "+05:30", "+00:00"}


def test_another_seed_makes_other_traffic_for_the_same_tenants() -> None:
    one, other = (Scenario(seed=seed, start=START, end=START + DAY, rate=0.01) for seed in (1, 2))
    first, second = _taken(one), _taken(other)
    assert {key for _, key, _ in first} == {key for _, key, _ in second}
    assert not {value for _, _, value in first} & {value for _, _, value in second}


def test_a_tenants_traffic_does_not_depend_on_who_else_takes_part() -> None:
    everyone = Scenario(seed=1, start=START, end=START + DAY, rate=0.02)
    alone = Scenario(seed=1, start=START, end=START + DAY, rate=0.02, tenants=DEFAULT_TENANTS[1:2])
    key = str(DEFAULT_TENANTS[1].id).encode()
    assert _taken(alone) == [message for message in _taken(everyone) if message[1] == key]


def test_an_incident_changes_nothing_but_the_links_it_strikes() -> None:
    tenant = DEFAULT_TENANTS[0]
    burst = SimulatedIncident("x", "error_burst", "shopify", tenant.id, START + DAY / 4, START + DAY / 2)
    quiet = Scenario(seed=1, start=START, end=START + DAY, rate=0.1)
    struck = Scenario(seed=1, start=START, end=START + DAY, rate=0.1, incidents=(burst,))
    before, after = ([value for topic, _, value in _taken(one) if topic == QUERIES.name] for one in (quiet, struck))
    changed = [(json.loads(old), json.loads(new)) for old, new in zip(before, after, strict=True) if old != new]
    assert {(new["user_id"], new["integration_provider"]) for _, new in changed} == {(str(tenant.id), "shopify")}
    failed = Counter(new["error_kind"] for old, new in changed if old["query_success"] and not new["query_success"])
    assert failed["auth"] > 0.9 * failed.total() > 50


def test_a_customer_of_history_comes_back_live() -> None:
    scenario = Scenario(seed=1, start=START, end=START + DAY, rate=0.05, live_rate=0.5)
    feed = scenario.feed(scenario.start)
    known = {json.loads(value).get("customer_id") for _, _, value in feed.until(scenario.end)} - {None}
    live = {json.loads(value).get("customer_id") for _, _, value in feed.until(scenario.end + timedelta(hours=2))}
    assert len(live & known) > len(live) / 10


def test_live_traffic_runs_at_the_live_rate() -> None:
    scenario = Scenario(seed=1, start=START, end=START + DAY, rate=0.02, live_rate=0.2)
    feed = scenario.feed(scenario.start)
    history = Counter(topic for topic, _, _ in feed.until(scenario.end))[QUERIES.name]
    live = Counter(topic for topic, _, _ in feed.until(scenario.end + DAY))[QUERIES.name]
    assert 7 < live / history < 14


def test_scenarios_of_different_rates_share_no_event_id() -> None:
    thin, dense = (Scenario(seed=1, start=START, end=START + DAY, rate=rate) for rate in (0.02, 0.03))
    ids = [{json.loads(value)["event_id"] for _, _, value in _taken(one)} for one in (thin, dense)]
    assert not ids[0] & ids[1]


def test_scenarios_that_begin_amid_a_block_share_no_event_id_with_what_came_before() -> None:
    middle = START + timedelta(hours=13, minutes=17)
    first = Scenario(seed=1, start=START, end=middle, rate=0.05)
    second = Scenario(seed=1, start=middle, end=START + DAY, rate=0.05)
    ids = [{json.loads(value)["event_id"] for _, _, value in _taken(one)} for one in (first, second)]
    assert len(ids[1]) > 100
    assert not ids[0] & ids[1]


def test_the_rate_for_a_number_of_events_gives_about_that_many() -> None:
    span = timedelta(days=7)
    scenario = Scenario(seed=1, start=START, end=START + span, rate=rate_for(40_000, span))
    assert 36_000 < sum(len(batch) for batch in scenario.history()) < 44_000


def test_fewer_events_than_sync_jobs_is_a_clear_error() -> None:
    with pytest.raises(SettingsError, match="1,000 events are too few: the sync jobs"):
        rate_for(1_000, timedelta(days=30))


def test_a_provider_nobody_listed_works_too() -> None:
    tenant = SimulatedTenant(
        UUID(int=9), "New", "office", 0, 10.0, {"FR": 1.0}, (TenantIntegration("pipe_drive-2", 20.0, 10),)
    )
    scenario = Scenario(seed=1, start=START, end=START + DAY / 2, tenants=(tenant,))
    queries = [json.loads(value) for topic, _, value in _taken(scenario) if topic == QUERIES.name]
    assert {one["integration_provider"] for one in queries} == {"pipe_drive-2"}
    assert "record_lookup" in {one["query_type"] for one in queries}


def _incident(**changes: object) -> SimulatedIncident:
    fields: dict[str, object] = {
        "id": "i", "kind": "stale_sync", "provider": "shopify", "tenant": None, "start": START, "end": START + DAY,
    }  # fmt: skip
    return SimulatedIncident(**{**fields, **changes})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"seed": -1}, "seed must be 0 or more"),
        ({"start": datetime(2026, 3, 2)}, "start needs a time zone"),  # noqa: DTZ001 - the error that is looked for
        ({"end": START}, "start must be before end"),
        ({"start": datetime(1999, 1, 1, tzinfo=UTC)}, "not before 2000-02-01"),
        ({"rate": 0.0}, "rate must be above 0"),
        ({"live_rate": -1.0}, "live_rate must be above 0"),
        ({"incidents_per_day": -1.0}, "incidents_per_day must be"),
        ({"tenants": ()}, "at least one tenant"),
        ({"tenants": DEFAULT_TENANTS[:1] * 2}, "differ in their ids"),
        ({"incidents": (_incident(provider="acme"),)}, "no tenant of the scenario it names uses acme"),
        ({"incidents": (_incident(end=START + 4 * DAY),)}, "must last up to 3 days"),
        ({"incidents": (_incident(severity=2.0),)}, "severity must be between 0 and 1"),
        ({"incidents": (_incident(variant="auth"),)}, "variant must be one of standstill, empty"),
    ],
)
def test_a_scenario_that_cannot_be_simulated_says_why(changes: dict[str, object], complaint: str) -> None:
    fields: dict[str, object] = {"seed": 1, "start": START, "end": START + DAY}
    with pytest.raises(SettingsError, match=complaint):
        Scenario(**{**fields, **changes})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("links", "complaint"),
    [
        ((), "needs 1 to 15 links"),
        ((TenantIntegration("a", 1, 10), TenantIntegration("a", 1, 10)), "differ in their provider"),
        ((TenantIntegration("a", 0, 10),), "queries_per_minute must be above 0"),
        ((TenantIntegration("a", 1, 1),), "sync_minutes must be 5 to 1440"),
    ],
)
def test_a_tenant_that_cannot_be_simulated_says_why(links: tuple[TenantIntegration, ...], complaint: str) -> None:
    tenant = SimulatedTenant(UUID(int=9), "New", "office", 0, 10.0, {"FR": 1.0}, links)
    with pytest.raises(SettingsError, match=complaint):
        Scenario(seed=1, start=START, end=START + DAY, tenants=(tenant,))


def test_what_is_known_of_the_time_before_is_how_conversations_of_named_customers_ended() -> None:
    scenario = Scenario(seed=1, start=START, end=START + 5 * DAY, rate=0.02, named_share=0.3)
    everything, known = _taken(scenario), [message for batch in scenario.outcomes() for message in batch]
    ends = [message for message in everything if message[0] == OUTCOMES.name]
    named = [message for message in ends if json.loads(message[2])["customer_id"] is not None]
    assert known == named
    assert 0.15 < len(named) / len(ends) < 0.35
    full = Scenario(seed=1, start=START, end=START + 5 * DAY, rate=0.02)
    others = [json.loads(value)["customer_id"] for topic, _, value in _taken(full) if topic == OUTCOMES.name]
    assert {json.loads(value)["customer_id"] for _, _, value in named} < set(others)


def test_leavers_whom_a_tenant_cannot_name_are_nobody_to_be_found() -> None:
    span = (START, START + 60 * DAY)
    few, all_ = (Scenario(seed=1, start=span[0], end=span[1], rate=0.02, named_share=share) for share in (0.3, 1.0))
    truth = few.truth(span[1], Totals()).churned
    assert 0 < len(truth) < len(all_.truth(span[1], Totals()).churned)
    assert set(truth) < set(all_.truth(span[1], Totals()).churned)
