"""What goes wrong in simulated traffic is found, named and explained, once each, and told wherever it is promised."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from confluent_kafka import OFFSET_BEGINNING, Consumer, TopicPartition

from cli.findings import matched
from cli.verification import detected_through
from models.insights import Insight
from models.topics import INSIGHTS
from simulator.incidents import one_a_day
from simulator.rows import Message
from simulator.scenario import Scenario, rate_for
from simulator.tenants import DEFAULT_TENANTS
from storage.backlog import read_backlog
from storage.connection import ClickHouseAddress, connect
from storage.insight_store import InsightFilter, stored_insights
from streams.kafka import KafkaAddress, client_settings
from tests.integration.test_exactness import publish
from tests.worker_process import WorkerProcess, romashka, wait_for

pytestmark = [pytest.mark.stack, pytest.mark.long, pytest.mark.timeout(600)]

TENANTS = DEFAULT_TENANTS[:2]
SPAN = timedelta(days=7)
SEED = 1
_NEVER = datetime(2000, 1, 1, tzinfo=UTC)


# The simulator's chances follow from its times: the same week is the same traffic, whenever this runs.
_END = datetime(2026, 1, 12, tzinfo=UTC)
_SCENARIO = Scenario(
    seed=SEED,
    start=_END - SPAN,
    end=_END,
    tenants=TENANTS,
    rate=rate_for(100_000, SPAN, TENANTS),
    incidents=one_a_day(TENANTS, _END - timedelta(hours=1), timedelta(hours=3)),
)


def _moved(messages: list[Message], by: timedelta) -> list[Message]:
    """The messages, as if all of it had happened so much later."""
    return [(topic, key, _moved_value(value, by)) for topic, key, value in messages]


def _moved_value(value: bytes, by: timedelta) -> bytes:
    event = json.loads(value)
    for name in ("created_at", "last_sync_at", "opened_at"):
        if event.get(name) is not None:
            event[name] = (datetime.fromisoformat(event[name]) + by).isoformat()
    return json.dumps(event).encode()


def _published(kafka: KafkaAddress, expected: set[str]) -> set[str]:
    """The ids of the insights topic, read until the expected ones are among them or half a minute is over."""
    consumer = Consumer(client_settings(kafka) | {"group.id": "never joined: that would take half a session"})
    partitions = range(INSIGHTS.partitions)
    consumer.assign([TopicPartition(INSIGHTS.name, partition, OFFSET_BEGINNING) for partition in partitions])
    found: set[str] = set()
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline and not expected <= found:
        message = consumer.poll(0.2)
        if message is not None and message.error() is None:
            found.add(json.loads(message.value() or b"")["id"])
    consumer.close()
    return found


def test_each_kind_of_incident_is_one_finding_with_its_name_and_quiet_hours_have_none(
    env: dict[str, str], topics: KafkaAddress, database: ClickHouseAddress
) -> None:
    by = (datetime.now(UTC) - _END) // timedelta(weeks=1) * timedelta(weeks=1)
    end = _END + by
    publish(topics, [message for part in _SCENARIO.history() for message in _moved(part, by)])
    with WorkerProcess(env) as worker, connect(database) as client:
        judged = end - timedelta(minutes=20)  # later minutes close once the producer has been silent for ten
        wait_for(
            lambda: (detected_through(client) or _NEVER) >= judged,
            240,
            lambda: f"judged through {detected_through(client)}, wanted {judged}\n{worker.log()}",
        )
        incidents = [replace(one, start=one.start + by, end=one.end + by) for one in _SCENARIO.incidents]

        def found() -> list[Insight]:
            # After its end the simulated world is silent, which is remarkable, too.
            return stored_insights(client, InsightFilter(insight_type="performance_anomaly", until=end))

        # What several tenants suffer from is put together by a job, once a minute.
        wait_for(lambda: all(match.alone for match in matched(incidents, found())[0]), 90, lambda: str(found()))
        insights = found()
        matches, others = matched(incidents, insights)
        assert [(match.incident.kind, match.named, match.alone) for match in matches] == [
            (incident.kind, True, True) for incident in incidents
        ]
        assert others == []
        assert all(one.recommended_actions and one.contributing_factors and one.summary for one in insights)
        ids = {str(one.id) for one in insights}
        assert ids <= _published(topics, ids)
        assert worker.metric("romashka_insights_total", insight_type="performance_anomaly") >= len(ids)
        assert worker.metric("romashka_job_last_success_timestamp_seconds", job="providers") > 0
    outage = next(match for match in matches if match.incident.kind == "provider_outage")
    listed = romashka(env, "insights", "list", "--type", "performance_anomaly", "--since", "30d")
    assert outage.findings[0].title in listed
    shown = romashka(env, "insights", "show", str(outage.findings[0].id)[:8])
    assert "What to do" in shown
    assert outage.findings[0].recommended_actions[0][:40] in shown
    # Jobs that need all of yesterday wait, and say so, where the simulated week ended longer ago.
    with connect(database) as client:
        waits = read_backlog(client, datetime.now(UTC)).reached is not None
    done = romashka(env, "jobs", "run", "--all", expect=int(waits))
    assert ("it waits for the backlog" in done) == waits
    assert "unexpected" not in done
    assert all(job in done for job in ("roll-ups", "providers", "kpi-changes", "churn"))
