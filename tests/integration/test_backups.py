"""A backup that is made while a worker writes is complete, and with Kafka brings back every figure to the last unit."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from confluent_kafka import Consumer

from cli.verification import stored_events
from embedded.database import Database
from models.topics import QUERIES
from sinks.migrations import migrate
from storage.backups import Backups, backup_place
from storage.connection import ClickHouseAddress, connect
from streams.group_offsets import rewind
from streams.kafka import KafkaAddress, client_settings
from tests.integration.test_exactness import history, publish
from tests.oracle import Expected, stored_windows
from tests.worker_process import WorkerProcess, environment, romashka, wait_for

pytestmark = [pytest.mark.stack, pytest.mark.long, pytest.mark.kafka]

EVENTS = 9_000


@pytest.fixture(scope="module")
def backups(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("backups")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, backups: Path) -> Iterator[Database]:
    with Database(data_dir=tmp_path_factory.mktemp("clickhouse"), backups=backups) as database:
        yield database


@pytest.fixture
def address(server: Database) -> Iterator[ClickHouseAddress]:
    found = ClickHouseAddress(server.url, "kept")
    migrate(found)
    yield found
    with connect(found, database="default") as client:
        client.command("DROP DATABASE kept")


def test_what_was_lost_after_a_backup_is_read_again_and_counts_once(
    topics: KafkaAddress, group: str, address: ClickHouseAddress, backups: Path
) -> None:
    env = environment(topics, address, group) | {"ROMASHKA_BACKUP_DESTINATION": f"file:{backups}"}
    sent = history(EVENTS, seed=21)
    expected = Expected()
    expected.add(sent)
    with connect(address, database="default") as client:
        with WorkerProcess(env) as worker, connect(address) as live:
            publish(topics, sent[: EVENTS // 2])
            wait_for(lambda: stored_events(live) > EVENTS // 4, 60, worker.log)
            assert "backup one:" in romashka(env, "backup", "create", "one")
            publish(topics, sent[EVENTS // 2 :])
            wait_for(lambda: stored_events(live) == EVENTS, 60, worker.log)
            wait_for(lambda: worker.metric("romashka_consumer_lag") == 0, 30, worker.log)
            assert "backup two:" in romashka(env, "backup", "create", "two", "--base", "one")
            assert "nothing is missing, and every figure is the same" in romashka(env, "backup", "check", "two")
            assert "restore into a server without it" in romashka(env, "backup", "restore", "one", expect=1)
            assert worker.terminate() == 0
        client.command("DROP DATABASE kept")
        client.command("DROP FUNCTION romashka_quantile")
        assert "will be read again" in romashka(env, "backup", "restore", "one")
        with connect(address) as live, WorkerProcess(env) as worker:
            assert 0 < stored_events(live) < EVENTS
            wait_for(lambda: stored_events(live) == EVENTS, 90, worker.log)
            wait_for(lambda: worker.metric("romashka_consumer_lag") == 0, 30, worker.log)
            wait_for(lambda: stored_windows(live) == {key: one.row() for key, one in expected.windows.items()}, 30)
        assert client.query("SELECT count() FROM system.databases WHERE name LIKE 'kept_check%'").result_rows == [(0,)]


def test_a_partition_that_began_after_the_backup_is_read_from_its_start(topics: KafkaAddress, group: str) -> None:
    publish(topics, history(EVENTS, seed=22))
    settings = {"group.id": group, "auto.offset.reset": "earliest", "session.timeout.ms": 6_000}
    consumer = Consumer(client_settings(topics) | settings)
    consumer.subscribe([QUERIES.name])
    assert consumer.consume(EVENTS, timeout=12)
    consumer.commit(asynchronous=False)
    committed = {(one.partition, one.offset) for one in consumer.committed(consumer.assignment()) if one.offset > 0}
    consumer.close()
    stored = {(QUERIES.name, number): end for number, end in sorted(committed)[1:]}
    rewound = rewind(topics, group, [QUERIES], stored)
    assert [(one.partition, one.committed, one.offset, one.lost) for one in rewound] == [(*min(committed), 0, 0)]


def test_a_backup_that_lacks_events_of_before_it_is_told(address: ClickHouseAddress, backups: Path) -> None:
    insert = (
        "INSERT INTO integration_query_metrics (event_id, user_id, created_at, kafka_offset) "
        "SELECT generateUUIDv4(), toUUID('0a6f7d52-3c1e-4b7a-9f7e-5b0c1d2e3f01'), now64(3), number FROM numbers({}, 10)"
    )
    env = environment(KafkaAddress("127.0.0.1:1"), address, "nobody") | {
        "ROMASHKA_BACKUP_DESTINATION": f"file:{backups}"
    }
    with connect(address) as client:
        client.command(insert.format(10))
        Backups(client, "kept", backup_place(f"file:{backups}"), lambda _: None).create("late")
        client.command(insert.format(0))  # of before the backup's last offset, but not in it
    said = romashka(env, "backup", "check", "late", expect=1)
    assert "backup late lacks 10 rows or tables" in said


def test_a_backup_that_cannot_be_made_says_what_to_do(address: ClickHouseAddress, backups: Path) -> None:
    env = environment(KafkaAddress("127.0.0.1:1"), address, "nobody")
    for destination, name, said in (
        ("", "one", "ROMASHKA_BACKUP_DESTINATION is not set; expected disk:NAME, file:/FOLDER"),
        ("file:/etc", "one", "allow the place in ClickHouse's configuration"),
        ("disk:nowhere", "one", "allow the place in ClickHouse's configuration"),
        (f"file:{backups}", "../one", "is no name of a backup"),
    ):
        refused = romashka(env | {"ROMASHKA_BACKUP_DESTINATION": destination}, "backup", "create", name, expect=1)
        assert said in refused
    env["ROMASHKA_BACKUP_DESTINATION"] = f"file:{backups}"
    assert "check the name and ROMASHKA_BACKUP_DESTINATION" in romashka(env, "backup", "check", "none", expect=1)
