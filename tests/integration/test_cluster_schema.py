"""The real engine parses every statement of a cluster, and makes its replicated tables with a stand-in Keeper."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from sinks.cluster_schema import ClusterSchema
from sinks.migrations import statements_of
from storage.connection import ClickHouseAddress, connect
from storage.topology import Topology

pytestmark = pytest.mark.stack

# The engine's own stand-in for Keeper, made for its tests: with it tables can be made, not changed nor written.
CONFIG = """<clickhouse><zookeeper><implementation>testkeeper</implementation></zookeeper><tcp_port>9000</tcp_port>
<macros><shard>01</shard><replica>a</replica></macros><remote_servers><analytics><shard><replica><host>127.0.0.1</host>
<port>9000</port></replica></shard></analytics></remote_servers></clickhouse>"""
PROGRAM = """
import os, sys
from pathlib import Path
from embedded.binding import open_connection
connection = open_connection(f"{sys.argv[1]}?config-file={sys.argv[2]}")
try:
    for statement in Path(sys.argv[3]).read_text().split("\\0"):
        connection.query(statement.encode())
except RuntimeError as error:
    print(error, file=sys.stderr, flush=True)
    os._exit(1)
asked = "SELECT countIf(engine LIKE 'Replicated%'), countIf(engine = 'Distributed') FROM system.tables"
asked += " WHERE database = 'd'"
print(connection.query(asked.encode(), "TSV").bytes().decode(), flush=True)
os._exit(0)  # the stand-in does not end in order
"""


def of(topology: Topology, *, spread: bool = True) -> list[str]:
    schema = ClusterSchema(topology, "d", spread=spread)
    return [schema.database_statement(), *(one for part in statements_of(schema).values() for one in part)]


@pytest.mark.parametrize("topology", [Topology("analytics"), Topology()], ids=["cluster", "cloud"])
def test_the_engine_parses_every_statement(clickhouse_url: str, topology: Topology) -> None:
    with connect(ClickHouseAddress(clickhouse_url, "default")) as client:
        for statement in of(topology):
            formatted = client.query("SELECT formatQuery({sql:String})", parameters={"sql": statement}).result_rows[0][
                0
            ]
            assert ("ON CLUSTER analytics" in formatted) == ("ON CLUSTER" in statement)


def test_the_engine_makes_every_replicated_and_distributed_table(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "config.xml").write_text(CONFIG)
    # Without the view whose columns are added by ALTER, which the stand-in refuses.
    every = [one for one in of(Topology("analytics"), spread=False) if one.startswith("CREATE")]
    made = [one for one in every if "VIEW IF NOT EXISTS insight_changes_note" not in one]
    made.insert(1, "USE d")
    (tmp_path / "statements").write_text("\0".join(made))
    command = [sys.executable, "-c", PROGRAM, *(str(tmp_path / name) for name in ("data", "config.xml", "statements"))]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    tables = {one.split()[5] for one in made if one.startswith("CREATE TABLE")}
    whole = sum(one.startswith("CREATE TABLE") and "/all/" in one for one in made)
    distributed = {one for one in tables if f"{one}_local" in tables}
    assert done.stdout.split() == [str(len(distributed) + whole), str(len(distributed))], done.stderr[-2000:]
