"""Rows that the real database refuses for ever, in the worker's real path."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from uuid import UUID, uuid4

import pytest

from cli.verification import stored_events
from models.keys import key_of
from storage.connection import ClickHouseAddress, connect
from streams.bulk_producer import BulkProducer, OutgoingMessage
from streams.kafka import KafkaAddress
from tests.integration.test_main_path import query
from tests.worker_process import WorkerProcess, romashka, wait_for

pytestmark = [pytest.mark.stack, pytest.mark.long, pytest.mark.kafka, pytest.mark.timeout(300)]

QUERIES, TENANT, BAD = "integration.queries.v1", UUID(int=7), 4_242
CONSTRAINT = "ALTER TABLE integration_query_metrics ADD CONSTRAINT strange CHECK response_time_ms != 4242"


def _event(response_time: int) -> bytes:
    now = datetime.now(UTC).isoformat()
    fields = {"user_id": str(TENANT), "event_id": str(uuid4()), "created_at": now, "response_time_ms": response_time}
    return json.dumps(query() | fields).encode()


def test_exactly_the_refused_rows_are_dead_letters_and_count_once_the_table_takes_them(
    env: dict[str, str], topics: KafkaAddress, database: ClickHouseAddress
) -> None:
    values = [_event(BAD if number % 50 == 7 else number) for number in range(500)]
    bad = [value for value in values if json.loads(value)["response_time_ms"] == BAD]
    with WorkerProcess(env) as worker, connect(database) as client, BulkProducer(topics) as producer:
        client.command(CONSTRAINT)
        worker.wait_until_ready()
        for value in values:
            producer.send(OutgoingMessage(QUERIES, key_of(TENANT), value))
        producer.flush()
        wait_for(lambda: stored_events(client) == len(values) - len(bad), 60, worker.log)
        counted = "SELECT sum(queries) FROM query_windows FINAL"
        wait_for(lambda: client.query(counted).result_rows[0][0] == len(values) - len(bad), 30, worker.log)
        reasons = "SELECT stage, reason, count() FROM dead_letters FINAL GROUP BY ALL"
        wait_for(
            lambda: client.query(reasons).result_rows == [("store", "violated_constraint", len(bad))], 30, worker.log
        )
        assert worker.metric("romashka_dead_letters_total") == len(bad)
        client.command("ALTER TABLE integration_query_metrics DROP CONSTRAINT strange")
        romashka(env, "dead-letters", "replay")
        wait_for(lambda: stored_events(client) == len(values), 60, worker.log)
        wait_for(lambda: client.query(counted).result_rows[0][0] == len(values), 30, worker.log)
        assert worker.terminate() == 0
