"""The programs of ``examples/``, run as they stand."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple
from uuid import UUID

import pytest
from confluent_kafka import Consumer, Producer

from models.insight_message import key_of, value_of
from models.topics import HEALTH, INSIGHTS, INTELLIGENCE, OUTCOMES, QUERIES
from streams.decode import Decoder, RecordSource
from streams.kafka import KafkaAddress
from tests.examples.insights import STARTED, insight

pytestmark = [pytest.mark.stack, pytest.mark.long]

_EXAMPLES = Path(__file__).parents[2] / "examples"
_TENANT = UUID(int=20)


class _Record(NamedTuple):
    offset: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...] = ()


def _run(program: str, *options: str) -> str:
    return subprocess.run(
        [sys.executable, _EXAMPLES / program, *options], check=True, capture_output=True, text=True, timeout=60
    ).stdout


def test_the_chat_service_reports_four_kinds_of_valid_events(topics: KafkaAddress, group: str) -> None:
    printed = _run("chat_service.py", "--bootstrap", topics.bootstrap, "--conversations", "6", "--tenant", str(_TENANT))
    assert f"romashka kpi summary --tenant {_TENANT}" in printed
    wanted = {QUERIES.name: 12, INTELLIGENCE.name: 6, OUTCOMES.name: 6, HEALTH.name: 2}
    assert _valid_events(topics, group, wanted) == wanted


def _valid_events(kafka: KafkaAddress, group: str, wanted: dict[str, int]) -> dict[str, int]:
    consumer = Consumer({"bootstrap.servers": kafka.bootstrap, "group.id": group, "auto.offset.reset": "earliest"})
    consumer.subscribe(list(wanted))
    decoders = {topic.name: Decoder(topic) for topic in (QUERIES, OUTCOMES, HEALTH, INTELLIGENCE)}
    valid: Counter[str] = Counter()
    deadline = datetime.now(UTC) + timedelta(seconds=30)
    while valid.total() < sum(wanted.values()) and datetime.now(UTC) < deadline:
        message = consumer.poll(0.5)
        if message is None:
            continue
        topic = str(message.topic())
        record = _Record(message.offset() or 0, message.key(), message.value())
        decoded = decoders[topic].decode([record], RecordSource(topic, 0, 0), now=datetime.now(UTC))
        assert not decoded.rejected, decoded.rejected
        valid[topic] += 1
    consumer.close()
    return dict(valid)


def test_the_consumer_tells_a_finding_once_and_again_when_it_changes(topics: KafkaAddress, group: str) -> None:
    opened = insight(severity="warning", title="HubSpot is slow", recommended_actions=("Look at its status page.",))
    later = opened._replace(updated_at=STARTED + timedelta(minutes=5))
    worse = later._replace(severity="critical", updated_at=STARTED + timedelta(minutes=9))
    producer = Producer({"bootstrap.servers": topics.bootstrap})
    for one in (opened, opened, later, worse, opened):
        producer.produce(INSIGHTS.name, key=key_of(one), value=value_of(one))
    assert producer.flush(30) == 0
    printed = _run("insight_consumer.py", "--bootstrap", topics.bootstrap, "--group", group, "--seconds", "3")
    assert [line.split()[0] for line in printed.splitlines() if "HubSpot is slow" in line] == [
        "warning",
        "critical",
    ]
    assert printed.count("Look at its status page.") == 2
