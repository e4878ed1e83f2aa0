"""A real event in at Kafka, a right number out of ClickHouse."""

from __future__ import annotations

import json
import uuid
from datetime import UTC, datetime
from pathlib import Path

import pytest
from confluent_kafka import Producer

from storage.connection import ClickHouseAddress, connect
from streams.kafka import KafkaAddress
from tests.worker_process import WorkerProcess, romashka, wait_for

pytestmark = [pytest.mark.stack, pytest.mark.kafka]

TENANT = "7c2f8c9e-4a0d-4f5c-9b57-3d1f1e6f0a11"


def query(**changes: object) -> dict[str, object]:
    return {
        "event_id": str(uuid.uuid4()),
        "user_id": TENANT,
        "conversation_id": str(uuid.uuid4()),
        "integration_provider": "hubspot",
        "query_type": "contact_lookup",
        "query_success": True,
        "response_time_ms": 250,
        "data_freshness_hours": 2,
        "ai_confidence_score": 0.95,
        "customer_satisfaction_impact": 0.8,
        "created_at": datetime.now(UTC).isoformat(),
        "customer_id": "anna@example.com",
        **changes,
    }


def test_messages_of_a_plain_kafka_client_arrive_and_count(
    env: dict[str, str], topics: KafkaAddress, database: ClickHouseAddress
) -> None:
    events = [query(response_time_ms=100 + n, query_success=n % 4 != 0) for n in range(200)]
    producer = Producer({"bootstrap.servers": topics.bootstrap})
    for event in events:
        producer.produce("integration.queries.v1", json.dumps(event), key=TENANT)
    assert producer.flush(30) == 0
    with WorkerProcess(env) as worker, connect(database) as client:
        counted = "SELECT sum(queries), sum(successes), sum(response_time_ms_sum) FROM query_windows FINAL"
        wait_for(lambda: client.query(counted).result_rows[0][0] == 200, 60, worker.log)
        assert client.query(counted).result_rows[0] == (200, 150, sum(100 + n for n in range(200)))
        assert client.query("SELECT uniqExact(event_id) FROM integration_query_metrics").result_rows == [(200,)]
        stored = client.query("SELECT DISTINCT customer_id FROM integration_query_metrics").result_rows
    assert len(stored) == 1
    assert "anna" not in stored[0][0]


def test_the_figures_are_those_of_the_events(env: dict[str, str], tmp_path: Path) -> None:
    file = tmp_path / "events.jsonl"
    file.write_text("".join(json.dumps(query(response_time_ms=ms)) + "\n" for ms in range(1, 101)))
    romashka(env, "replay", str(file), "--topic", "queries")
    ids = ("query_count", "query_success_rate", "latency_p50_ms", "latency_p95_ms")

    def asked() -> dict[str, float]:
        rows = json.loads(romashka(env, "kpi", "get", *ids, "--tenant", TENANT, "--format", "json"))
        return {row["id"]: row["value"] for row in rows}

    with WorkerProcess(env) as worker:
        wait_for(lambda: asked()["query_count"] == 100, 60, worker.log)
    figures = asked()
    assert figures["query_success_rate"] == 1
    assert figures["latency_p50_ms"] == pytest.approx(50, rel=0.01)
    assert figures["latency_p95_ms"] == pytest.approx(95, rel=0.01)


def test_a_rejected_message_is_kept_and_counts_after_its_repair(
    env: dict[str, str], database: ClickHouseAddress, tmp_path: Path
) -> None:
    good, broken = query(), query(response_time_ms="fast")
    lines = [json.dumps(good), json.dumps(broken), "{not json"]
    romashka(env, "replay", "-", "--topic", "queries", stdin="\n".join(lines).encode())
    with WorkerProcess(env) as worker, connect(database) as client:
        letters = "SELECT count() FROM dead_letters FINAL"
        wait_for(lambda: client.query(letters).result_rows == [(2,)], 60, worker.log)
        listed = romashka(env, "dead-letters", "list")
        assert "wrong_type" in listed
        assert "response_time_ms: expected whole milliseconds" in listed
        where = client.query(
            "SELECT topic, partition, offset FROM dead_letters FINAL WHERE reason = 'wrong_type'"
        ).result_rows[0]
        place = [f"--{name}={value}" for name, value in zip(("topic", "partition", "offset"), where, strict=True)]
        raw = romashka(env, "dead-letters", "show", "--raw", *place)
        assert json.loads(raw) == broken
        sealed = client.query("SELECT raw FROM dead_letters", column_formats={"raw": "bytes"}).result_rows
        assert not any(b"anna" in row[0] for row in sealed)

        repaired = tmp_path / "repaired.jsonl"
        row = {"topic": where[0], "partition": where[1], "offset": where[2], "value": broken | {"response_time_ms": 9}}
        repaired.write_text(json.dumps(row) + "\n")
        assert "sent 1 message again" in romashka(env, "dead-letters", "replay", "--repaired", str(repaired))
        counted = "SELECT sum(queries) FROM query_windows FINAL"
        wait_for(lambda: client.query(counted).result_rows == [(2,)], 30, worker.log)
        assert "nothing to send again" in romashka(env, "dead-letters", "replay", "--repaired", str(repaired))


def test_a_worker_that_is_stopped_writes_everything_commits_and_goes_on_where_it_was(
    env: dict[str, str], database: ClickHouseAddress
) -> None:
    first = "\n".join(json.dumps(query()) for _ in range(500)).encode()
    with WorkerProcess(env) as worker, connect(database) as client:
        worker.wait_until_ready()
        romashka(env, "replay", "-", "--topic", "queries", stdin=first)
        wait_for(lambda: worker.metric("romashka_messages_total") == 500, 30, worker.log)
        assert worker.terminate() == 0
        counted = "SELECT sum(queries) FROM query_windows FINAL"
        assert client.query(counted).result_rows == [(500,)]
        romashka(env, "replay", "-", "--topic", "queries", stdin=json.dumps(query()).encode())
        worker.start()
        wait_for(lambda: client.query(counted).result_rows == [(501,)], 60, worker.log)


@pytest.mark.long
def test_a_topic_full_of_nonsense_stops_the_worker_before_it_is_drained(
    env: dict[str, str], database: ClickHouseAddress
) -> None:
    nonsense = b"\n".join(b'{"event_id": %d}' % n for n in range(40_000))
    romashka(env, "replay", "-", "--topic", "queries", stdin=nonsense)
    with WorkerProcess(env) as worker, connect(database) as client:
        assert worker.exit_code(60) == 1
        assert "were rejected; stopped without committing" in worker.log()
        assert client.query("SELECT count() FROM dead_letters FINAL").result_rows[0][0] < 20_000
        worker.start()
        assert worker.exit_code(60) == 1
        assert client.query("SELECT count() FROM dead_letters FINAL").result_rows[0][0] < 20_000
