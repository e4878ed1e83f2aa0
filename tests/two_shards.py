"""Two shards in one embedded engine, for statements through ``Distributed`` tables.

The cluster names this engine as both of its shards, so both read the same local tables; a row filter on each local
table shows every shard the rows of its own tenants alone (``shardNum()`` is the shard that reads). A statement that
reads a local table outside a shard sees nothing. The network, replicas and Keeper are not part of it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from embedded.database import Database
from sinks.cluster_schema import ClusterSchema
from sinks.migrations import migrate, statements_of
from storage.connection import ClickHouseAddress
from storage.topology import LOCAL, Topology

TOPOLOGY: Final = Topology("two", "0")
DATABASE: Final = "sharded"
_SHARD: Final = "<shard><replica><host>127.0.0.1</host><port>9000</port></replica></shard>"
_CONFIG: Final = (
    "<clickhouse><users_config>{users}</users_config><tcp_port>9000</tcp_port>"
    "<ignore_empty_sql_security_in_create_view_query>0</ignore_empty_sql_security_in_create_view_query>"
    f"<remote_servers><two>{_SHARD * 2}</two></remote_servers></clickhouse>"
)
_USERS: Final = (
    # Views get what was inserted on their shard, whole: the filter is for reading.
    "<clickhouse><profiles><default><default_materialized_view_sql_security>NONE</default_materialized_view_sql_security>"
    "</default></profiles><quotas><default/></quotas><users><default><password/><access_management>1</access_management>"
    "<networks><ip>::/0</ip></networks><profile>default</profile><quota>default</quota>"
    "<databases><{database}>{filters}</{database}></databases></default></users></clickhouse>"
)
_FILTER: Final = "<{table}><filter>cityHash64(user_id) % 2 + 1 = shardNum()</filter></{table}>"


def sharded_tables() -> frozenset[str]:
    """Return the tables that the migrations shard by tenant."""
    schema = ClusterSchema(TOPOLOGY, DATABASE)
    statements_of(schema)
    return schema.sharded


def two_shards(folder: Path) -> Database:
    """Return a database, not started, whose cluster ``two`` has two shards."""
    users, config = folder / "users.xml", folder / "cluster.xml"
    filters = "".join(_FILTER.format(table=f"{table}{LOCAL}") for table in sorted(sharded_tables()))
    users.write_text(_USERS.format(database=DATABASE, filters=filters))
    config.write_text(_CONFIG.format(users=users))
    return Database(config=config)


def migrated(url: str) -> ClickHouseAddress:
    """Migrate the sharded database and return its address."""
    address = ClickHouseAddress(url, DATABASE, topology=TOPOLOGY)
    migrate(address, replicated=False)
    return address
