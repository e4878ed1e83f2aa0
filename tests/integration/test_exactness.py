"""Events damaged on purpose: every number equals an independent recomputation, to the last unit."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from cli.verification import stored_events
from jobs.roll_ups import refresh
from models.topics import EVENT_TABLES, QUERIES
from simulator.faults import damage
from simulator.scenario import Scenario, rate_for
from storage.connection import ClickHouseAddress, connect
from storage.dead_letter_store import DeadLetterFilter, DeadLetterStore
from storage.payload_cipher import PayloadCipher
from streams.bulk_producer import BulkProducer, OutgoingMessage
from streams.kafka import KafkaAddress
from tests.faults.scale import APACHE, FULL
from tests.oracle import Expected, hours, stored_ids, stored_windows
from tests.worker_process import SECRET, WorkerProcess, romashka, wait_for

pytestmark = [pytest.mark.stack, pytest.mark.long, pytest.mark.kafka]

EVENTS = 200_000 if FULL or APACHE else 50_000


def history(events: int, seed: int) -> list[tuple[str, bytes, bytes]]:
    """Exactly so many events of the last three days."""
    end = datetime.now(UTC) - timedelta(minutes=1)
    span = timedelta(days=3)
    scenario = Scenario(seed=seed, start=end - span, end=end, rate=rate_for(round(events * 1.1), span))
    messages = [message for part in scenario.history() for message in part]
    assert len(messages) >= events
    return messages[:events]


def publish(kafka: KafkaAddress, messages: list[tuple[str, bytes, bytes]]) -> None:
    with BulkProducer(kafka) as producer:
        for topic, key, value in messages:
            producer.send(OutgoingMessage(topic, key, value))


def test_numbers_are_exact_despite_malformed_repeated_and_late_events(
    env: dict[str, str],
    topics: KafkaAddress,
    database: ClickHouseAddress,
    tmp_path: Path,
    record_property: Callable[[str, object], None],
) -> None:
    sent = history(EVENTS, seed=42)
    damaged = damage(
        sent, seed=42, now=datetime.now(UTC), malformed=0.01, duplicated=0.02, late=0.05, distance=EVENTS // 10
    )
    expected = Expected()
    expected.add(damaged.valid)
    publish(topics, damaged.messages)
    with WorkerProcess(env) as worker, connect(database) as client:
        valid = sum(len(ids) for ids in expected.ids.values())
        letters = "SELECT count() FROM dead_letters FINAL"
        wait_for(lambda: stored_events(client) == valid, 120, worker.log)
        wait_for(lambda: client.query(letters).result_rows[0][0] == len(damaged.malformed), 30, worker.log)
        wait_for(lambda: worker.metric("romashka_consumer_lag") == 0, 30, worker.log)

        for topic, table in EVENT_TABLES.items():
            stored = stored_ids(client, table)
            assert len(stored) == len(set(stored))
            assert set(stored) == expected.ids[topic]
        assert stored_windows(client) == {key: counted.row() for key, counted in expected.windows.items()}
        merged = "sumMap(response_time_histogram.1, response_time_histogram.2)"
        for q in (0.5, 0.95, 0.99):
            found = client.query(f"SELECT romashka_quantile({merged}, {q}) FROM query_windows FINAL").result_rows[0][0]
            assert found == pytest.approx(expected.quantile(q), rel=0.01)
        refresh(client)
        assert stored_windows(client, "query_hours", "hour_start") == hours(expected.windows)

        kept = DeadLetterStore(client, PayloadCipher(SECRET)).find(DeadLetterFilter(limit=EVENTS))
        assert Counter((letter.topic, letter.raw) for letter in kept) == Counter(
            (topic, value) for topic, _, value in (one.message for one in damaged.malformed)
        )
        repaired = _repair(
            sent, expected, [(x.topic, x.partition, x.offset) for x in kept], tmp_path / "repaired.jsonl"
        )
        assert f"sent {len(kept):,} messages again" in romashka(
            env, "dead-letters", "replay", "--repaired", str(repaired), "--limit", str(EVENTS)
        )
        assert "nothing to send again" in romashka(env, "dead-letters", "replay")
        wait_for(lambda: stored_events(client) == EVENTS, 60, worker.log)
        queries = sum(topic == QUERIES.name for topic, _, _ in sent)
        # A chunk's windows follow its rows.
        wait_for(lambda: sum(row[0] for row in stored_windows(client).values()) >= queries, 30, worker.log)
        assert sum(row[0] for row in stored_windows(client).values()) == queries
    record_property(
        "figure",
        f"{EVENTS:,} events, {len(damaged.malformed):,} bad inputs, 2% sent twice, 5% late: lost 0, double 0",
    )


def _repair(
    sent: list[tuple[str, bytes, bytes]], arrived: Expected, places: list[tuple[str, int, int]], file: Path
) -> Path:
    """Write each dead letter's place with an event that is still missing from its topic."""
    missing: dict[str, list[object]] = {}
    for topic, _, value in sent:
        event = json.loads(value)
        if event["event_id"] not in arrived.ids[topic]:
            missing.setdefault(topic, []).append(event)
    rows = [
        {"topic": topic, "partition": partition, "offset": offset, "value": missing[topic].pop()}
        for topic, partition, offset in places
    ]
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return file
