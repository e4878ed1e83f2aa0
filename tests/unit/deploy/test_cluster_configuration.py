"""The engine takes the configuration of a cluster's nodes, and compose gives each node its shard and replica."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from cli.commands.backup import _place
from cli.settings import Settings
from models.errors import ConfigurationError
from tests.unit.deploy.files import DEPLOY

CLUSTER = DEPLOY / "clickhouse/cluster"
NODES = {
    "clickhouse-1a": ("1", "a"),
    "clickhouse-1b": ("1", "b"),
    "clickhouse-2a": ("2", "a"),
    "clickhouse-2b": ("2", "b"),
}
USERS = (
    "<clickhouse><profiles><default/></profiles><quotas><default/></quotas><users><default><password/>"
    "<networks><ip>::/0</ip></networks><profile>default</profile><quota>default</quota></default></users></clickhouse>"
)
PROGRAM = """
import os, sys
from embedded.binding import open_connection
connection = open_connection(f"{sys.argv[1]}?config-file={sys.argv[2]}")
asked = "SELECT shard_num, replica_num, host_name FROM system.clusters WHERE cluster = 'romashka' ORDER BY ALL"
print(connection.query(asked.encode(), "TSV").bytes().decode())
print(connection.query(b"SELECT getMacro('shard'), getMacro('replica')", "TSV").bytes().decode(), flush=True)
os._exit(0)
"""


def test_the_engine_reads_shards_replicas_and_macros(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    config = tmp_path / "cluster.xml"
    config.write_text((CLUSTER / "cluster.xml").read_text(encoding="utf-8"), encoding="utf-8")
    (tmp_path / "users.xml").write_text(USERS)  # the image's own, beside its configuration
    command = [sys.executable, "-c", PROGRAM, str(tmp_path / "data"), str(config)]
    env = {**os.environ, "SHARD": "2", "REPLICA": "b", "CLUSTER_SECRET": "s"}
    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    *nodes, macros = [line.split("\t") for line in done.stdout.splitlines() if line]
    assert {host: (shard, "ab"[int(replica) - 1]) for shard, replica, host in nodes} == NODES
    assert macros == ["2", "b"]


def test_compose_starts_these_nodes_and_publishes_one_on_loopback() -> None:
    services = yaml.safe_load((CLUSTER / "docker-compose.yml").read_text(encoding="utf-8"))["services"]
    assert services.keys() == {"keeper", *NODES}
    for name, (shard, replica) in NODES.items():
        assert (services[name]["environment"]["SHARD"], services[name]["environment"]["REPLICA"]) == (shard, replica)
    ports = [port for one in services.values() for port in one.get("ports", ())]
    assert len(ports) == 1
    assert ports[0].startswith("127.0.0.1:")


def test_backups_of_one_server_are_refused_on_a_cluster() -> None:
    with pytest.raises(ConfigurationError, match="ON CLUSTER"):
        _place(Settings(clickhouse_cluster="analytics", backup_destination="disk:backups"))
