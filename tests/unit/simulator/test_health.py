from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import groupby
from statistics import mean

from .conftest import INCIDENTS, Events, struck


def test_error_rate_is_that_of_the_queries_of_the_hour_before(events: Events) -> None:
    checked = 0
    for health in events("health")[500:2_000:50]:
        calls = [
            query
            for query in events("queries")
            if query["user_id"] == health["user_id"]
            and query["integration_provider"] == health["integration_provider"]
            and health["at"] - timedelta(hours=1) <= query["at"] < health["at"]
        ]
        if not calls:
            assert health["error_rate"] is None
            continue
        # An answer that nothing was found is not an error of the connection.
        failed = mean(not call["query_success"] and call["error_kind"] != "not_found" for call in calls)
        assert health["error_rate"] == round(failed, 4)
        checked += 1
    assert checked > 10


def test_last_sync_is_the_last_job_that_succeeded(events: Events) -> None:
    struck_links = {(incident.provider, incident.tenant) for incident in INCIDENTS}
    quiet = [e for e in events("health") if (e["integration_provider"], None) not in struck_links]
    finished = [e for e in quiet if e["sync_status"] in {"healthy", "degraded"} and e["records_synced"]]
    assert len(finished) > 100
    assert all(datetime.fromisoformat(event["last_sync_at"]) == event["at"] for event in finished)
    failing = [e for e in events("health") if e["sync_status"] == "failing"]
    assert failing
    assert all(datetime.fromisoformat(event["last_sync_at"]) < event["at"] for event in failing)
    assert all(event["error_kind"] is not None for event in failing)


def test_a_long_job_says_that_it_is_syncing_before_its_result(events: Events) -> None:
    syncing = [event for event in events("health") if event["sync_status"] == "syncing"]
    assert len(syncing) >= 15
    assert all(event["records_synced"] is None and event["duration_ms"] is None for event in syncing)
    results = {event["sync_job_id"] for event in events("health") if event["sync_status"] != "syncing"}
    assert mean(event["sync_job_id"] in results for event in syncing) > 0.9


def test_rate_limit_usage_grows_within_the_hour_and_starts_again(events: Events) -> None:
    outage = INCIDENTS[0]
    shop = struck(events("health"), outage, outage.start - timedelta(hours=6), outage.start)
    busiest = [event for event in shop if event["user_id"] == shop[0]["user_id"]]
    for _, hour in groupby(busiest, key=lambda event: event["at"].astimezone(UTC).hour):
        usage = [event["api_rate_limit_usage"] for event in hour]
        assert usage == sorted(usage)
        assert usage[-1] < 1.0
