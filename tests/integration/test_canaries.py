"""Personal data in every free field, in malformed messages too, is found nowhere except sealed."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final, get_args, get_origin, get_type_hints
from uuid import UUID, uuid4

import pytest
from clickhouse_connect.driver.client import Client
from confluent_kafka import OFFSET_BEGINNING, Consumer, Producer, TopicPartition

from models.topics import DEAD_LETTERS, INGEST, INSIGHTS, Topic
from storage.connection import ClickHouseAddress, connect
from storage.reading import query_rows
from streams.kafka import KafkaAddress, client_settings
from tests.examples import events
from tests.worker_process import WorkerProcess, romashka, wait_for

pytestmark = [pytest.mark.stack, pytest.mark.long, pytest.mark.timeout(600)]

_TENANT: Final = UUID(int=91)
# One of each kind; what is searched for is the part that identifies somebody.
_CANARIES: Final = {
    "e-mail": ("canary.person@example.com", "canary.person"),
    "phone": ("+44 20 7031 3001", "7031 3001"),
    "card": ("4012 8888 8888 1881", "8888 8888"),
}
_CUSTOMER: Final = "canary-customer-7f3a"
_TEXTS: Final = """
SELECT table, groupArray(name) AS names FROM system.columns
WHERE database = currentDatabase() AND position(type, 'String') > 0
    AND NOT (table = 'dead_letters' AND name IN ('raw', 'message_key'))
    AND table IN (SELECT name FROM system.tables WHERE database = currentDatabase() AND engine LIKE '%MergeTree')
GROUP BY table
"""


def _free_fields(topic: Topic) -> list[tuple[str, bool]]:
    """The fields that take any text, and whether each is a list."""
    found = []
    for name, hint in get_type_hints(topic.event, include_extras=True).items():
        text = str(hint)
        if "1 to 128 characters" in text or "C0 and C1" in text or "x00-" in text:
            found.append((name, "list[" in text or get_origin(get_args(hint)[0] if get_args(hint) else hint) is list))
    return found


def _messages(topic: Topic) -> list[bytes]:
    """Events with a canary in every free field, one kind at a time, and messages that are no events."""
    now = datetime.now(UTC) - timedelta(minutes=2)
    made = []
    for token, _ in _CANARIES.values():
        ids = {"event_id": str(uuid4()), "user_id": str(_TENANT), "created_at": now.isoformat()}
        fields: dict[str, Any] = {
            name: [f"wants {token}"] if many else f"wants {token}" for name, many in _free_fields(topic)
        }
        made.append(events.message(topic, **{**fields, **ids, "customer_id": _CUSTOMER}))
        made.append(events.message(topic, **{**ids, "user_id": token}))
        made.append(events.message(topic, **{**ids, token: token, "created_at": token}))
        made.append(f'{{"customer_id": "{_CUSTOMER}", "note": "{token}'.encode())
        made.append(token.encode())
    return made


def _in_tables(client: Client, needles: list[str]) -> list[tuple[str, str]]:
    found = []
    for row in query_rows(client, _TEXTS, {}):
        text = "concat('', " + ", ".join(f"toString({name})" for name in row["names"]) + ")"
        among = f"arrayFilter(one -> position({text}, one) > 0, {{needles:Array(String)}})"
        sql = f"SELECT groupUniqArrayArray({among}) AS seen FROM {row['table']}"
        (answer,) = query_rows(client, sql, {"needles": needles})
        found += [(row["table"], needle) for needle in answer["seen"]]
    return found


def _published(kafka: KafkaAddress) -> bytes:
    """Everything on the topics that we write to."""
    settings = {**client_settings(kafka), "group.id": f"canary-{uuid4()}", "auto.offset.reset": "earliest"}
    consumer = Consumer(settings)
    consumer.subscribe([DEAD_LETTERS.name, INSIGHTS.name])
    wait_for(lambda: consumer.poll(0.2) is None and len(consumer.assignment()) > 0, 60, lambda: "no partitions")
    for partition in consumer.assignment():
        consumer.seek(TopicPartition(partition.topic, partition.partition, OFFSET_BEGINNING))
    content = b""
    silent = 0
    while silent < 3:
        message = consumer.poll(1.0)
        silent = silent + 1 if message is None else 0
        if message is not None and message.error() is None:
            content += (message.key() or b"") + (message.value() or b"")
    consumer.close()
    return content


def test_canaries_are_found_nowhere_except_sealed(
    env: dict[str, str], topics: KafkaAddress, database: ClickHouseAddress, tmp_path: Path
) -> None:
    needles = [needle for _, needle in _CANARIES.values()] + [_CUSTOMER]
    producer = Producer({"bootstrap.servers": topics.bootstrap})
    sent = 0
    for topic in INGEST:
        assert len(_free_fields(topic)) >= 1, topic.name
        for value in _messages(topic):
            producer.produce(topic.name, value, key=str(_TENANT))
            sent += 1
    assert producer.flush(30) == 0
    events_sent = len(INGEST) * len(_CANARIES)
    with WorkerProcess(env) as worker, connect(database) as client:
        worker.wait_until_ready(180)
        wait_for(
            lambda: query_rows(client, "SELECT count() AS n FROM dead_letters", {})[0]["n"] == sent - events_sent,
            120,
            worker.log,
        )
        wait_for(lambda: worker.metric("romashka_events_total") == events_sent, 60, worker.log)
        wait_for(
            lambda: worker.metric("romashka_rows_written_total", table="conversation_outcomes") > 0, 60, worker.log
        )
        assert worker.metric("romashka_screened_labels_total") >= events_sent
        romashka(env, "jobs", "run", "roll-ups")
        shown = {
            "log": worker.log(),
            "metrics": worker.scrape(),
            "audit": romashka(env, "audit", "list", expect=0),
            "dead letters": romashka(env, "dead-letters", "list"),
        }
        assert _in_tables(client, needles) == []
    folder = {"report": "report.json", "page": "report.html", "export": "export.csv"}
    report = ("report", "generate", "executive", "--tenant", str(_TENANT))
    romashka(env, *report, "--format", "json", "--out", str(tmp_path / folder["report"]))
    romashka(env, *report, "--format", "html", "--out", str(tmp_path / folder["page"]))
    romashka(
        env,
        "export",
        "outcomes",
        "--tenant",
        str(_TENANT),
        "--customers",
        "--range",
        "7d",
        "--out",
        str(tmp_path / folder["export"]),
    )
    romashka(env, "dashboards", "preview", "--days", "7", "--out", str(tmp_path / "pages"))
    files = [one for one in tmp_path.rglob("*") if one.is_file()]
    assert len(files) > 5
    shown |= {one.name: one.read_text(encoding="utf-8", errors="replace") for one in files}
    assert [(place, needle) for place, text in shown.items() for needle in needles if needle in text] == []
    content = _published(topics)
    assert content
    assert [needle for needle in needles if needle.encode() in content] == []
    assert json.loads(_messages(INGEST[0])[0])["customer_id"] == _CUSTOMER
