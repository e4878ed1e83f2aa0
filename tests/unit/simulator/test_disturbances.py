from __future__ import annotations

from statistics import mean, median

from simulator.incidents import SimulatedIncident

from .conftest import INCIDENTS, Events, struck

BY_KIND: dict[str, SimulatedIncident] = {incident.kind: incident for incident in INCIDENTS}


def test_an_outage_fails_queries_of_every_tenant_of_the_provider_and_of_no_other_provider(events: Events) -> None:
    outage = BY_KIND["provider_outage"]
    hit = struck(events("queries"), outage, outage.start, outage.end)
    assert len({event["user_id"] for event in hit}) == 4
    assert mean(event["error_kind"] in {"provider_down", "timeout"} for event in hit) > 0.8
    others = [
        event
        for event in events("queries")
        if event["integration_provider"] != outage.provider and outage.start <= event["at"] < outage.end
    ]
    assert mean(event["query_success"] for event in others) > 0.9


def test_a_latency_creep_rises_slowly_without_failing_much(events: Events) -> None:
    creep = BY_KIND["latency_creep"]
    third = (creep.end - creep.start) / 3
    steps = [
        struck(events("queries"), creep, creep.start + step * third, creep.start + (step + 1) * third)
        for step in (-1, 0, 1, 2)
    ]
    medians = [median(event["response_time_ms"] for event in step if event["query_success"]) for step in steps]
    assert medians == sorted(medians)
    assert medians[3] > 2.5 * medians[0]
    assert mean(event["query_success"] for event in steps[3]) > 0.85


def test_an_error_burst_is_of_one_kind(events: Events) -> None:
    burst = BY_KIND["error_burst"]
    failed = [event for event in struck(events("queries"), burst, burst.start, burst.end) if not event["query_success"]]
    assert mean(event["error_kind"] == "auth" for event in failed) > 0.9


def test_a_stale_sync_says_healthy_while_data_ages_and_queries_find_nothing(events: Events) -> None:
    stale = BY_KIND["stale_sync"]
    health = struck(events("health"), stale, stale.start, stale.end)
    assert {event["sync_status"] for event in health} <= {"healthy", "syncing"}
    assert {event["sync_success_rate"] for event in health if event["sync_status"] == "healthy"} == {1.0}
    assert {event["records_synced"] for event in health} <= {0, None}
    assert len({event["last_sync_at"] for event in health}) <= 2
    half = (stale.end - stale.start) / 2
    before, late = (
        struck(events("queries"), stale, begin, begin + half) for begin in (stale.start - half, stale.end - half)
    )
    ages = [mean(event["data_freshness_hours"] or 0.0 for event in part) for part in (before, late)]
    assert ages[1] > ages[0] + 1.0
    missed = [mean(event["error_kind"] == "not_found" for event in part) for part in (before, late)]
    assert missed[1] > missed[0] + 0.08


def test_rate_limit_usage_climbs_to_the_top_before_queries_fail(events: Events) -> None:
    spent = BY_KIND["rate_limit_exhaustion"]
    half = spent.start + (spent.end - spent.start) / 2
    climbing = [event["api_rate_limit_usage"] for event in struck(events("health"), spent, spent.start, half)]
    assert climbing == sorted(climbing)
    assert climbing[-1] > 0.7
    assert {e["api_rate_limit_usage"] for e in struck(events("health"), spent, half, spent.end)} == {1.0}
    first, second = (
        [event["error_kind"] for event in struck(events("queries"), spent, *span)]
        for span in ((spent.start, half), (half, spent.end))
    )
    assert first.count("rate_limit") <= 0.1 * len(first)
    assert second.count("rate_limit") > 0.5 * len(second)


def test_nothing_is_left_of_an_incident_an_hour_later(events: Events) -> None:
    for incident in INCIDENTS:
        after = struck(events("queries"), incident, incident.end, incident.end + (incident.end - incident.start) / 3)
        assert mean(event["query_success"] for event in after) > 0.85, incident.kind
