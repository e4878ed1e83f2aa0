"""The commands, as a person runs them: plain lines when something is wrong, never a traceback."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from cli.commands.doctor import CHECKS
from models.topics import ALL
from storage.connection import ClickHouseAddress, connect
from streams.kafka import KafkaAddress
from streams.record_reader import IS_COMPILED
from tests.worker_process import ROMASHKA, environment, romashka

pytestmark = pytest.mark.stack


@pytest.fixture
def taken_port() -> Iterator[int]:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield listener.getsockname()[1]


@pytest.fixture
def nowhere() -> dict[str, str]:
    """Settings that point at servers that are not there."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    return environment(KafkaAddress(f"127.0.0.1:{port}"), ClickHouseAddress(f"http://127.0.0.1:{port}", "none"), "g")


def the_one_line(printed: str) -> str:
    lines = printed.strip().splitlines()
    assert len(lines) == 1, printed
    assert "Traceback" not in printed
    return lines[0]


def test_doctor_finds_everything_right_on_a_stack_that_is_set_up(env: dict[str, str]) -> None:
    printed = romashka(env, "doctor")
    assert "✘" not in printed
    assert printed.count("✔") == 1 + len(CHECKS) - (not IS_COMPILED)


@pytest.mark.long
def test_who_asks_while_nobody_counts_conversations_is_told(env: dict[str, str], database: ClickHouseAddress) -> None:
    with connect(database) as client:
        client.command(
            "INSERT INTO touched_conversations "
            "SELECT generateUUIDv4(), generateUUIDv4(), now64(3, 'UTC') - INTERVAL 130 SECOND"
        )
    behind = "conversations stored in the last 3 minutes are not counted yet"
    assert behind in romashka(env, "doctor", expect=1)
    assert behind in romashka(env, "kpi", "get", "csat")
    romashka(env, "jobs", "run", "roll-ups")
    assert "not counted" not in romashka(env, "kpi", "get", "csat") + romashka(env, "doctor")


def test_doctor_says_for_each_failure_what_to_do(nowhere: dict[str, str]) -> None:
    printed = romashka(nowhere | {"ROMASHKA_PSEUDONYM_KEY": "short"}, "doctor", expect=1)
    assert "check ROMASHKA_KAFKA_BOOTSTRAP" in printed
    assert "check ROMASHKA_CLICKHOUSE_URL" in printed
    assert "make one with: openssl rand" in printed
    assert "Traceback" not in printed


def test_doctor_names_missing_topics_and_migrations(kafka: KafkaAddress, empty_database: ClickHouseAddress) -> None:
    printed = romashka(environment(kafka, empty_database, "g"), "doctor", expect=1)
    assert "run 'romashka migrate'" in printed


@pytest.mark.parametrize("command", [["topics"], ["migrate"], ["worker"], ["kpi", "summary"], ["dead-letters", "list"]])
def test_an_unreachable_server_is_one_line_that_says_what_to_check(nowhere: dict[str, str], command: list[str]) -> None:
    line = the_one_line(romashka(nowhere, *command, expect=1))
    assert re.search(r"does not answer( \(Connection refused\))?; check ROMASHKA_", line)


@pytest.mark.parametrize(
    ("setting", "value", "expected"),
    [
        ("ROMASHKA_KAFKA_SESSION_SECONDS", "soon", "expected a valid number"),
        ("ROMASHKA_CLICKHOUSE_URL", "localhost", "expected something like http://"),
        ("ROMASHKA_METRICS_PORT", "99999", "expected less than or equal to 65535"),
        ("ROMASHKA_KAFKA_SECURITY_PROTOCOL", "TLS", "expected 'PLAINTEXT', 'SSL'"),
    ],
)
def test_a_wrong_setting_is_one_line_that_names_it(
    env: dict[str, str], setting: str, value: str, expected: str
) -> None:
    line = the_one_line(romashka(env | {setting: value}, "migrate", expect=1))
    assert setting in line
    assert expected in line


def test_a_worker_without_a_secret_does_not_start(env: dict[str, str]) -> None:
    line = the_one_line(romashka(env | {"ROMASHKA_PSEUDONYM_KEY": ""}, "worker", expect=1))
    assert "ROMASHKA_PSEUDONYM_KEY is missing" in line


def test_a_worker_needs_its_topics_and_its_migrations(kafka: KafkaAddress, empty_database: ClickHouseAddress) -> None:
    line = the_one_line(romashka(environment(kafka, empty_database, "g"), "worker", expect=1))
    assert "run 'romashka " in line


def test_a_worker_whose_metrics_port_is_taken_says_which_setting_to_change(
    env: dict[str, str], taken_port: int
) -> None:
    line = the_one_line(romashka(env | {"ROMASHKA_METRICS_PORT": str(taken_port)}, "worker", expect=1))
    assert f"port {taken_port} on 127.0.0.1 cannot serve the metrics" in line
    assert "ROMASHKA_METRICS_PORT" in line


def test_topics_and_migrate_may_be_run_again(env: dict[str, str]) -> None:
    assert "every topic is there already" in romashka(env, "topics")
    assert "every migration was applied already" in romashka(env, "migrate")


def test_a_port_in_use_is_one_line_that_names_it(taken_port: int) -> None:
    line = the_one_line(romashka(dict(os.environ), "embedded", "--kafka-port", str(taken_port), expect=1))
    assert str(taken_port) in line
    assert "--kafka-port" in line


@pytest.mark.long
def test_embedded_prints_addresses_that_other_commands_take(tmp_path: Path) -> None:
    arguments = ["embedded", "--kafka-port", "0", "--clickhouse-port", "0", "--data-dir", str(tmp_path / "data")]
    with subprocess.Popen([ROMASHKA, *arguments], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as running:
        assert running.stdout is not None
        lines = [running.stdout.readline().decode().strip() for _ in range(3)]
        exported = dict(line.removeprefix("export ").split("=", 1) for line in lines)
        env = {**os.environ, **exported, "ROMASHKA_PSEUDONYM_KEY": "MDEyMzQ1Njc4OWFiY2RlZg=="}
        created = romashka(env, "topics")
        assert all(topic.name in created for topic in ALL)
        romashka(env, "migrate")
        assert "✘" not in romashka(env, "doctor")
        running.terminate()
        assert running.wait(30) == 0


def test_simulate_publishes_history_and_writes_the_ground_truth(env: dict[str, str], tmp_path: Path) -> None:
    truth = tmp_path / "truth.json"
    printed = romashka(env, "simulate", "--days", "2", "--events", "6000", "--seed", "3", "--truth", str(truth))
    written = json.loads(truth.read_text())
    assert f"published {sum(written['totals']['events'].values()):,} events" in printed
    assert written["seed"] == 3


def test_a_file_that_is_not_there_is_one_line(env: dict[str, str]) -> None:
    line = the_one_line(romashka(env, "replay", "/no/such/file.jsonl", "--topic", "queries", expect=1))
    assert "/no/such/file.jsonl cannot be read" in line


def test_the_statement_of_a_figure_is_laid_out_by_the_database(env: dict[str, str]) -> None:
    printed = romashka(env, "kpi", "show", "query_success_rate", "--sql")
    lines = printed[printed.index("SELECT") :].splitlines()
    assert lines[0].strip() == "SELECT"
    assert 20 < len(lines) <= 60
    assert "{start:DateTime('UTC')}" in printed
