"""Starting, stopping, restarting and losing the embedded servers."""

from __future__ import annotations

import http.client
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from embedded.broker import Broker
from embedded.database import Database
from embedded.lifecycle import EmbeddedServer
from embedded.stack import EmbeddedStack
from models.errors import PortInUse, RomashkaError, SettingsError, Unreachable

pytestmark = pytest.mark.stack

SERVERS = [Broker, Database]


def eventually(condition: Callable[[], bool], seconds: float = 15) -> bool:
    """Poll until the condition holds; return whether it did before the deadline."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


def query(database: Database, sql: str, timeout: float = 30) -> str:
    connection = http.client.HTTPConnection("127.0.0.1", database.port, timeout=timeout)
    try:
        connection.request("POST", "/", sql)
        reply = connection.getresponse()
        text = reply.read().decode()
        assert reply.status == 200, text
        return text
    finally:
        connection.close()


@pytest.mark.parametrize("kind", SERVERS)
def test_a_server_answers_while_it_is_wanted_and_leaves_nothing_behind(
    kind: type[EmbeddedServer], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))

    with kind() as server:
        process = psutil.Process(server.pid)
        socket.create_connection(("127.0.0.1", server.port)).close()
        assert list(tmp_path.iterdir()) != []

    assert not process.is_running()
    assert not server.running
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", server.port))


@pytest.mark.parametrize("kind", SERVERS)
def test_a_port_in_use_is_a_clear_error(kind: type[EmbeddedServer]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]

        with pytest.raises(PortInUse) as refused:
            kind(port).start()

    assert f"Port {port} ({kind.port_setting}) is already taken" in str(refused.value)
    assert f"{kind.port_setting} 0 picks a free one" in str(refused.value)


@pytest.mark.parametrize("port", [-1, 65536])
def test_an_impossible_port_is_a_clear_error(port: int) -> None:
    with pytest.raises(SettingsError, match="--kafka-port"):
        Broker(port).start()


def test_several_run_at_once() -> None:
    with EmbeddedStack() as first, EmbeddedStack() as second:
        assert len({first.broker.port, second.broker.port, first.database.port, second.database.port}) == 4
        query(first.database, "CREATE TABLE t (a Int8) ENGINE = MergeTree ORDER BY a")
        assert query(second.database, "EXISTS TABLE t") == "0\n"


def test_starting_twice_and_using_what_is_not_started_are_clear_errors() -> None:
    broker = Broker()
    with pytest.raises(RomashkaError, match="not running; call start"):
        _ = broker.pid
    with broker, pytest.raises(RomashkaError, match="running already, on port"):
        broker.start()
    broker.stop()


def test_a_broker_that_was_killed_starts_again_on_its_port_as_another_cluster() -> None:
    broker = Broker().start()
    try:
        port, cluster = broker.port, broker.cluster_id
        with socket.create_connection(("127.0.0.1", port)):  # leaves a connection in TIME_WAIT behind
            os.kill(broker.pid, signal.SIGKILL)
            assert eventually(lambda: not broker.running)

        broker.start()

        assert broker.running
        assert broker.port == port
        assert broker.cluster_id != cluster
    finally:
        broker.stop()


@pytest.mark.parametrize("kind", SERVERS)
def test_a_hung_server_can_be_stopped_all_the_same(kind: type[EmbeddedServer], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kind, "grace_seconds", 0.2)
    server = kind().start()
    process = psutil.Process(server.pid)
    os.kill(server.pid, signal.SIGSTOP)

    server.stop()

    assert not process.is_running()


def test_what_was_inserted_is_there_after_a_stop_and_after_a_kill(tmp_path: Path) -> None:
    database = Database(data_dir=tmp_path / "it's a %20 name & \N{CYRILLIC SMALL LETTER YA}#")
    try:
        port = database.start().port
        query(database, "CREATE DATABASE kept")
        query(database, "CREATE TABLE kept.t (a UInt64) ENGINE = MergeTree ORDER BY a")
        query(database, "CREATE FUNCTION kept_twice AS (x) -> x * 2")
        query(database, "INSERT INTO kept.t SELECT number FROM numbers(1000)")
        database.stop()
        database.start()
        assert query(database, "SELECT count(), kept_twice(21) FROM kept.t") == "1000\t42\n"

        query(database, "INSERT INTO kept.t FORMAT CSV\n1000\n")
        os.kill(database.pid, signal.SIGKILL)
        assert eventually(lambda: not database.running)
        database.start()
        assert query(database, "SELECT count(), max(a) FROM kept.t") == "1001\t1000\n"
        assert database.port == port
    finally:
        database.stop()


def test_a_data_directory_in_use_is_a_clear_error(tmp_path: Path) -> None:
    with Database(data_dir=tmp_path) as first:
        with pytest.raises(SettingsError) as refused:
            Database(data_dir=tmp_path).start()

        assert f"The data directory {tmp_path} is in use by another running database" in str(refused.value)
        assert query(first, "SELECT 1") == "1\n"


def test_a_data_directory_that_cannot_be_used_is_a_clear_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(SettingsError, match="cannot be made"):
        Database(data_dir=tmp_path / "file" / "data").start()
    with pytest.raises(SettingsError, match="question mark"):
        Database(data_dir=tmp_path / "what?")


def test_a_start_that_fails_shows_the_servers_last_words(tmp_path: Path) -> None:
    (tmp_path / "status").mkdir()  # the engine wants a file of that name

    with pytest.raises(Unreachable) as failed:
        Database(data_dir=tmp_path).start()

    assert "The database stopped while starting. Its last words:" in str(failed.value)
    assert f"The engine cannot open {tmp_path}" in str(failed.value)


def test_the_stack_gives_both_addresses_and_stops_both() -> None:
    with EmbeddedStack() as stack:
        assert stack.kafka_bootstrap == f"127.0.0.1:{stack.broker.port}"
        assert stack.clickhouse_url == f"http://127.0.0.1:{stack.database.port}"
        assert query(stack.database, "SELECT timezone()") == "UTC\n"

    assert not stack.broker.running
    assert not stack.database.running


def test_a_stack_that_cannot_start_leaves_nothing_running() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        stack = EmbeddedStack(kafka_port=taken.getsockname()[1])

        with pytest.raises(PortInUse):
            stack.start()

    assert not stack.database.running


OWNER = """
import sys, time
from embedded.stack import EmbeddedStack
stack = EmbeddedStack().start()
print(stack.broker.pid, stack.database.pid, flush=True)
time.sleep(600)
"""


def test_no_server_outlives_an_owner_that_was_killed(tmp_path: Path) -> None:
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    owner = subprocess.Popen([sys.executable, "-c", OWNER], stdout=subprocess.PIPE, text=True, env=environment)
    assert owner.stdout is not None
    servers = [psutil.Process(int(pid)) for pid in owner.stdout.readline().split()]
    supervisors = [server.parent() for server in servers]
    assert len(servers) == 2

    owner.kill()
    owner.wait()
    owner.stdout.close()

    assert eventually(lambda: not any(process.is_running() for process in servers))
    assert eventually(lambda: not any(process.is_running() for process in supervisors if process is not None))
    assert eventually(lambda: list(tmp_path.iterdir()) == [])
