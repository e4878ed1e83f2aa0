"""Small files of real input through the real command line: the figure that each must give."""

from __future__ import annotations

import json
import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import pytest
from confluent_kafka import Producer

from jobs.roll_ups import refresh
from kpis.sql.conditions import is_one_of
from models.sync_status import Condition, condition_of, words_of
from models.topics import INGEST
from storage.connection import ClickHouseAddress, connect
from storage.reading import query_rows
from streams.kafka import KafkaAddress
from tests.worker_process import WorkerProcess, romashka, wait_for

pytestmark = [pytest.mark.stack, pytest.mark.long, pytest.mark.kafka]

_CASES: Final = Path(__file__).parent.parent / "examples" / "cases"
_TABLES: Final = (
    "integration_query_metrics",
    "conversation_outcomes",
    "integration_health_history",
    "conversation_intelligence",
)


def _case(name: str) -> list[dict[str, Any]]:
    """Return a case's events, moved as a whole so that the last one is of an hour ago."""
    events = [json.loads(line) for line in (_CASES / name).read_text().splitlines()]
    times = [datetime.fromisoformat(event["created_at"]) for event in events]
    shift = datetime.now(UTC) - timedelta(hours=1) - max(times)
    return [event | {"created_at": (at + shift).isoformat()} for event, at in zip(events, times, strict=True)]


def _figures(env: dict[str, str], tenant: str, *ids: str) -> dict[str, Any]:
    printed = romashka(env, "kpi", "get", *ids, "--tenant", tenant, "--format", "json")
    rows, _ = json.JSONDecoder().raw_decode(printed)  # what is not counted yet may be said after it
    return {row["id"]: row["value"] for row in rows}


def test_a_tenant_without_dashes_replayed_twice_counts_once(
    env: dict[str, str], database: ClickHouseAddress, tmp_path: Path
) -> None:
    events = _case("tenant-without-dashes.jsonl")
    tenant = str(uuid.UUID(events[0]["user_id"]))
    file = tmp_path / "events.jsonl"
    file.write_text("".join(json.dumps(event) + "\n" for event in events))
    for _ in range(2):
        romashka(env, "replay", str(file), "--topic", "queries")
    with WorkerProcess(env) as worker, connect(database) as client:
        worker.wait_until_ready()
        wait_for(lambda: worker.metric("romashka_messages_total") == 40, 60, worker.log)
        wait_for(lambda: worker.metric("romashka_consumer_lag") == 0, 30, worker.log)
        exported = tmp_path / "out.jsonl"
        romashka(env, "export", "queries", "--tenant", tenant, "--out", str(exported))
        assert len(exported.read_text().splitlines()) == 20
        assert _figures(env, tenant, "query_count") == {"query_count": 20}
        refresh(client)
        assert _figures(env, tenant, "query_count") == {"query_count": 20}


def test_an_event_counts_once_whatever_partition_and_key_it_came_with(
    env: dict[str, str], topics: KafkaAddress, database: ClickHouseAddress
) -> None:
    """Every event of every topic in all partitions: with its key it counts once, without it is a dead letter."""
    tenant, now = str(uuid.uuid4()), datetime.now(UTC) - timedelta(minutes=2)
    common = {"user_id": tenant, "created_at": now.isoformat(), "conversation_id": str(uuid.uuid4())}
    fields: list[dict[str, Any]] = [
        {
            "integration_provider": "hubspot",
            "query_type": "x",
            "query_success": True,
            "response_time_ms": 5,
            "channel": "chat",
        },
        {"integration_data_used": True, "outcome_type": "resolved"},
        {"integration_provider": "hubspot", "sync_status": "ok", "sync_job_id": "1"},
        {"data_types_accessed": ["orders"]},
    ]
    producer = Producer({"bootstrap.servers": topics.bootstrap})
    for topic, own in zip(INGEST, fields, strict=True):
        for number in range(10):
            value = json.dumps({**common, **own, "event_id": str(uuid.uuid5(uuid.UUID(tenant), str(number)))})
            for partition in range(topic.partitions):
                producer.produce(topic.name, value, key=tenant, partition=partition)
            producer.produce(topic.name, value, partition=number % topic.partitions)
    assert producer.flush(30) == 0
    with WorkerProcess(env) as worker, connect(database) as client:
        worker.wait_until_ready()
        letters = "SELECT count() FROM dead_letters FINAL WHERE reason = 'wrong_key'"
        wait_for(lambda: client.query(letters).result_rows == [(40,)], 60, worker.log)
        wait_for(lambda: worker.metric("romashka_moved_events_total") == 70, 30, worker.log)
        wait_for(lambda: worker.metric("romashka_repeated_events_total") == 70, 30, worker.log)
        wait_for(lambda: worker.metric("romashka_consumer_lag") == 0, 30, worker.log)
        rows = [client.query(f"SELECT count() FROM {table} FINAL").result_rows[0][0] for table in _TABLES]
        assert rows == [10, 10, 10, 10]
        for _ in range(2):  # from windows and events, then from roll-ups
            figures = _figures(env, tenant, "query_count", "conversation_count", "sync_job_count")
            if figures["conversation_count"]:
                assert figures == {"query_count": 10, "conversation_count": 1, "sync_job_count": 1}
            refresh(client)
        by_channel = json.loads(
            romashka(env, "kpi", "get", "query_count", "--by", "channel", "--tenant", tenant, "--format", "json")
        )
        assert [row["value"] for row in by_channel] == [10]


def test_replay_says_what_is_too_old_before_it_sends(
    env: dict[str, str], database: ClickHouseAddress, tmp_path: Path
) -> None:
    """Fifty sent, twenty stored: the other thirty are dead letters, and were announced."""
    recent = _case("tenant-without-dashes.jsonl")
    old = (datetime.now(UTC) - timedelta(days=401)).isoformat()
    events = [*recent, *({**recent[0], "event_id": str(uuid.uuid4()), "created_at": old} for _ in range(30))]
    told = romashka(
        env,
        "replay",
        "-",
        "--topic",
        "queries",
        stdin="\n".join(json.dumps(event) for event in events).encode(),
    )
    assert "30 of 50 messages will be rejected: too_old (created_at: is more than 400 days ago" in told
    with WorkerProcess(env) as worker, connect(database) as client:
        worker.wait_until_ready()
        letters = "SELECT count() FROM dead_letters FINAL WHERE reason = 'too_old'"
        wait_for(lambda: client.query(letters).result_rows == [(30,)], 60, worker.log)
        assert worker.metric("romashka_events_total") == 20


def test_an_id_that_stands_for_none_is_a_dead_letter_that_names_the_field(
    env: dict[str, str], topics: KafkaAddress, database: ClickHouseAddress
) -> None:
    """Between good events, so that the fast way is tried first; the nil tenant would be taken for all tenants."""
    good = _case("tenant-without-dashes.jsonl")[:16]
    tenant = str(uuid.UUID(good[0]["user_id"]))
    nil, greatest = str(uuid.UUID(int=0)), str(uuid.UUID(int=2**128 - 1))
    wrong = [{name: value} for name in ("event_id", "user_id", "conversation_id") for value in (nil, greatest)]
    events = [
        *({**event, "user_id": tenant} for event in good),
        *({**good[0], "user_id": tenant, **one} for one in wrong),
    ]
    told = romashka(
        env, "replay", "-", "--topic", "queries", stdin="\n".join(json.dumps(event) for event in events).encode()
    )
    assert "6 of 22 messages will be rejected: not_allowed (" in told
    with WorkerProcess(env) as worker, connect(database) as client:
        worker.wait_until_ready()
        stored = "SELECT reason, count() FROM dead_letters FINAL GROUP BY reason"
        wait_for(lambda: client.query(stored).result_rows == [("not_allowed", 6)], 60, worker.log)
        details = client.query(
            "SELECT detail, count() FROM dead_letters FINAL GROUP BY detail ORDER BY detail"
        ).result_rows
        assert [(detail.split(":")[0], n) for detail, n in details] == [
            ("conversation_id", 2),
            ("event_id", 2),
            ("user_id", 2),
        ]
        assert _figures(env, tenant, "query_count") == {"query_count": 16}
    refused = romashka(env, "kpi", "get", "query_count", "--tenant", nil, expect=1)
    assert "stands for no id" in refused


def test_a_word_means_the_same_to_the_database_and_to_the_program(database: ClickHouseAddress) -> None:
    known = [word for one in set(Condition) - {Condition.UNKNOWN} for word in words_of(one)]
    spelt = [*known, *(word.replace("_", " ").title() for word in known), "cancelled", "Unauthorised"]
    words = [
        *spelt,
        "不OK",
        "OKですか",
        "!ok",
        "ok?",
        "~healthy",
        "\uff2f\uff4b",
        "\u043ek",
        "completed_with_errors",
        "%ok",
        "ok\u200b",
    ]
    with connect(database) as client:
        for condition in set(Condition) - {Condition.UNKNOWN}:
            sql = "SELECT arrayFilter(word -> " + is_one_of("word", condition) + ", {words:Array(String)}) AS found"
            (row,) = query_rows(client, sql, {"words": words})
            assert row["found"] == [word for word in words if condition_of(word) is condition]


def test_words_that_no_list_has_are_neither_successes_nor_up(
    env: dict[str, str], database: ClickHouseAddress, tmp_path: Path
) -> None:
    """Nine jobs: one succeeded; four failed; two run, one was cancelled, and one word is not known."""
    events = _case("sync-words.jsonl")
    events.append(
        {
            **events[0],
            "event_id": str(uuid.uuid4()),
            "integration_provider": "own",
            "sync_job_id": "own",
            "sync_status": "Frobnicated OK",
            "error_kind": "token_revoked",
        }
    )
    tenant, file = events[0]["user_id"], tmp_path / "events.jsonl"
    file.write_text("".join(json.dumps(event) + "\n" for event in events))
    romashka(env, "replay", str(file), "--topic", "health")
    mapped = {**env, "ROMASHKA_SYNC_WORDS": '{"frobnicated_ok": "healthy"}'}
    with WorkerProcess(mapped) as worker, connect(database) as client:
        worker.wait_until_ready()
        stored = "SELECT count() FROM integration_health_history FINAL"
        wait_for(lambda: client.query(stored).result_rows == [(10,)], 60, worker.log)
        figures = _figures(env, tenant, "sync_success_rate", "sync_job_count", "unfinished_sync_jobs")
        assert figures == {"sync_success_rate": pytest.approx(2 / 6), "sync_job_count": 10, "unfinished_sync_jobs": 3}
        rows = json.loads(
            romashka(
                env, "kpi", "get", "integration_uptime", "--by", "provider", "--tenant", tenant, "--format", "json"
            )
        )
        up = {row["provider"]: row["value"] for row in rows}
        assert {name for name, value in up.items() if value} == {"p-succeeded", "own"}
        assert up["p-failed"] == up["p-timed-out"] == 0
        words = client.query("SELECT DISTINCT sync_status FROM integration_health_metrics FINAL").result_rows
        assert ("completed_with_errors",) in words
        assert client.query(
            "SELECT DISTINCT error_kind FROM integration_health_history FINAL WHERE error_kind != ''"
        ).result_rows == [("auth",)]
