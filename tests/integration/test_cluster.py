"""Two shards of two replicas with Keeper, in containers: migrations, exact figures, a replica that is away."""

from __future__ import annotations

import os
import secrets
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import pytest

from jobs.roll_ups import refresh
from kpis.query import ALL_TENANTS, Scope, build_query
from models.errors import SinkUnavailable
from models.topics import QUERIES
from simulator.scenario import Scenario, rate_for
from simulator.tenants import DEFAULT_TENANTS
from sinks.clickhouse import ClickHouseSink
from sinks.migrations import migrate
from storage.connection import ClickHouseAddress, connect
from storage.reading import query_rows
from storage.topology import Topology
from tests.kpi_oracle import Oracle
from tests.loading import Loader

_COMPOSE: Final = Path(__file__).parents[2] / "deploy/clickhouse/cluster/docker-compose.yml"
_NOW: Final = datetime.now(UTC).replace(microsecond=0)
_SPAN: Final = timedelta(hours=6)
_TENANTS: Final = DEFAULT_TENANTS[:6]


def _docker_answers() -> bool:
    if shutil.which("docker") is None:
        return False
    try:
        done = subprocess.run(["docker", "compose", "version"], capture_output=True, timeout=20, check=False)
        info = subprocess.run(["docker", "info"], capture_output=True, timeout=20, check=False)
    except subprocess.TimeoutExpired:
        return False
    return done.returncode == 0 and info.returncode == 0


pytestmark = [
    pytest.mark.long,
    pytest.mark.timeout(900),
    pytest.mark.skipif(not _docker_answers(), reason="Docker does not answer: Keeper and replicas need servers"),
]


class Cluster:
    """The containers."""

    def __init__(self) -> None:
        with closing(socket.create_server(("127.0.0.1", 0))) as free:
            self._port = free.getsockname()[1]
        self._password = secrets.token_hex(16)
        self._environment = {
            **os.environ,
            "CLICKHOUSE_PASSWORD": self._password,
            "CLUSTER_SECRET": secrets.token_hex(16),
            "CLUSTER_PORT": str(self._port),
        }

    @property
    def address(self) -> ClickHouseAddress:
        url = f"http://127.0.0.1:{self._port}"
        return ClickHouseAddress(url, "analytics", "romashka", self._password, Topology("romashka"))

    def compose(self, *arguments: str) -> str:
        command = ["docker", "compose", "--file", str(_COMPOSE), *arguments]
        done = subprocess.run(command, env=self._environment, capture_output=True, text=True, timeout=600, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def ask(self, node: str, sql: str) -> str:
        client = ["clickhouse-client", "--user", "romashka", "--password", self._password, "--query", sql]
        return self.compose("exec", "--no-TTY", node, *client).strip()


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    started = Cluster()
    try:
        started.compose("up", "--detach", "--wait")
        migrate(started.address)
        yield started
    finally:
        started.compose("down", "--volumes")


def test_a_cluster_has_every_row_twice_and_every_figure_exactly(cluster: Cluster) -> None:
    scenario = Scenario(
        seed=7,
        start=_NOW - _SPAN,
        end=_NOW,
        tenants=_TENANTS,
        rate=rate_for(5_000, _SPAN, _TENANTS),
        incidents_per_day=0,
    )
    messages = [message for part in scenario.history() for message in part]
    loader = Loader(ClickHouseSink(cluster.address), _NOW)
    loader.load(messages)
    oracle = Oracle(_NOW)
    oracle.add(messages)
    scope = Scope(_NOW - _SPAN, _NOW, ALL_TENANTS, as_of=_NOW)
    with connect(cluster.address, answer_seconds=300) as client:
        refresh(client)
        (figures,) = query_rows(client, *build_query(["query_count", "conversation_count"], scope))
        rows = query_rows(client, "SELECT count() AS rows FROM integration_query_metrics FINAL", {})[0]["rows"]
    assert figures["query_count"] == oracle.queries(_NOW - _SPAN, _NOW)["query_count"]
    assert rows == len({value for topic, _, value in messages if topic == QUERIES.name})
    count = "SELECT count() FROM analytics.integration_query_metrics_local FINAL"
    parts = {
        node: int(cluster.ask(node, count))
        for node in ("clickhouse-1a", "clickhouse-1b", "clickhouse-2a", "clickhouse-2b")
    }
    assert parts["clickhouse-1a"] == parts["clickhouse-1b"]
    assert parts["clickhouse-2a"] == parts["clickhouse-2b"]
    assert parts["clickhouse-1a"] + parts["clickhouse-2a"] == rows
    assert all(parts.values())


def test_an_insert_without_its_quorum_is_not_acknowledged_and_counts_once_when_repeated(cluster: Cluster) -> None:
    scenario = Scenario(
        seed=8, start=_NOW - _SPAN, end=_NOW, tenants=_TENANTS, rate=rate_for(500, _SPAN, _TENANTS), incidents_per_day=0
    )
    messages = [message for part in scenario.history() for message in part]
    count = "SELECT count() AS rows FROM integration_query_metrics FINAL"
    with connect(cluster.address) as client:
        (before,) = query_rows(client, count, {})
    cluster.compose("stop", "clickhouse-2b")
    try:
        with pytest.raises(SinkUnavailable):
            Loader(ClickHouseSink(cluster.address), _NOW).load(messages)
    finally:
        cluster.compose("start", "--wait", "clickhouse-2b")
    for _ in range(2):
        Loader(ClickHouseSink(cluster.address), _NOW).load(messages)
    with connect(cluster.address) as client:
        (after,) = query_rows(client, count, {})
    assert after["rows"] == before["rows"] + sum(topic == QUERIES.name for topic, _, _ in messages)
