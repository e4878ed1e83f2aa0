"""The collector as a process: real keys, a real broker, the tracker's HTTP transport, and no Kafka at all."""

from __future__ import annotations

import asyncio
import base64
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from confluent_kafka import Consumer, TopicPartition

from collector.access import add_producer_key
from romashka_tracker import IntegrationTracker
from storage.connection import ClickHouseAddress, connect
from streams.kafka import KafkaAddress
from tests.unit.collector.sending import query

pytestmark = [pytest.mark.stack, pytest.mark.kafka]
QUERIES = "integration.queries.v1"


@contextmanager
def collecting(env: dict[str, str], *command: str) -> Iterator[str]:
    """Run a command that collects; yields its URL."""
    process = subprocess.Popen(
        [sys.executable, "-m", "cli.main", *command, "--port", "0"], env=env, stderr=subprocess.PIPE, text=True
    )
    assert process.stderr is not None
    try:
        said = ""
        for line in process.stderr:
            said += line
            if found := re.search(r"(http://127\.0\.0\.1:\d+)/v1", line):
                yield found[1]
                break
        else:
            pytest.fail(said)
    finally:
        process.terminate()
        process.communicate(timeout=30)


def secret_of(env: dict[str, str]) -> bytes:
    return base64.b64decode(env["ROMASHKA_PSEUDONYM_KEY"])


@pytest.fixture
def key(env: dict[str, str], database: ClickHouseAddress) -> str:
    with connect(database) as client:
        return add_producer_key(
            client, secret_of(env), tenants=[], all_tenants=True, topics=[], label="test", now=datetime.now(UTC)
        )[1]


def _stored(kafka: KafkaAddress, topic: str, count: int) -> list[tuple[bytes | None, bytes | None]]:
    consumer = Consumer({"bootstrap.servers": kafka.bootstrap, "group.id": uuid4().hex, "log_level": 0})
    try:
        consumer.assign([TopicPartition(topic, partition, 0) for partition in range(8)])
        found = [record for record in consumer.consume(count + 1, timeout=5) if record.error() is None]
        return [(_bytes(record.key()), _bytes(record.value())) for record in found]
    finally:
        consumer.close()


def _bytes(value: object) -> bytes | None:
    return value if isinstance(value, bytes) else None


def _rejected(url: str, key: str) -> dict[str, Any]:
    """Send what is not valid; return what the collector then says of this key."""
    now = datetime.now(UTC).isoformat()
    bad = [query(created_at=now, response_time_ms=-1) for _ in range(3)]
    with httpx.Client(base_url=url, headers={"Authorization": f"Bearer {key}"}) as client:
        assert client.post("/v1/events?topic=queries", json=bad).status_code == 422
        assert client.get("/v1/openapi.json").json()["openapi"] == "3.1.0"
        wrong = client.post("/v1/events?topic=queries", json=bad, headers={"Authorization": "Bearer rmk_no"})
        assert wrong.status_code == 401
        letters: dict[str, Any] = client.get("/v1/dead-letters").json()
        return letters


async def test_a_tracker_delivers_through_the_collector_and_what_is_wrong_is_counted_for_its_key(
    env: dict[str, str], kafka: KafkaAddress, key: str
) -> None:
    tenant = uuid4()
    with collecting(env, "collector") as url:
        async with IntegrationTracker.to_collector(url, key) as tracker:
            for milliseconds in range(300):
                await tracker.track_integration_query(tenant, uuid4(), "hubspot", "contact_lookup", True, milliseconds)
            await tracker.flush(30)
            assert tracker.counters.delivered == 300
        letters = await asyncio.to_thread(_rejected, url, key)
    assert [(one["reason"], one["events"]) for one in letters["reasons"]] == [("out_of_range", 3)]
    stored = _stored(kafka, QUERIES, 300)
    assert [json.loads(value or b"")["response_time_ms"] for _, value in stored] == list(range(300))
    assert {record_key for record_key, _ in stored} == {str(tenant).encode()}


def test_the_api_takes_events_too_where_it_is_told_to(
    env: dict[str, str], kafka: KafkaAddress, database: ClickHouseAddress
) -> None:
    tenant = UUID(int=9)
    with connect(database) as client:
        _, key = add_producer_key(
            client,
            secret_of(env),
            tenants=[tenant],
            all_tenants=False,
            topics=["queries"],
            label="test",
            now=datetime.now(UTC),
        )
    now = datetime.now(UTC).isoformat()
    with (
        collecting(env, "api", "--collector") as url,
        httpx.Client(headers={"Authorization": f"Bearer {key}"}) as client,
    ):
        taken = client.post(
            f"{url}/v1/events?topic=queries", json=[query(tenant, created_at=now), query(created_at=now)]
        )
        assert [one.get("reason") for one in taken.json()["events"]] == [None, "foreign_tenant"]
        assert client.get(f"{url}/v1/kpis").status_code == 403  # a producer's key reads nothing
    assert len(_stored(kafka, QUERIES, 1)) == 1


def test_without_kafka_nothing_is_acknowledged(env: dict[str, str], key: str) -> None:
    away = {**env, "ROMASHKA_KAFKA_BOOTSTRAP": "127.0.0.1:1", "ROMASHKA_COLLECTOR_DELIVERY_SECONDS": "1"}
    with collecting(away, "collector") as url:
        answer = httpx.post(
            f"{url}/v1/events?topic=queries",
            json=query(created_at=datetime.now(UTC).isoformat()),
            headers={"Authorization": f"Bearer {key}"},
            timeout=30,
        )
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
    assert answer.json()["events"][0]["reason"] == "not_acknowledged"
