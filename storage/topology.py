"""How tables lie on several ClickHouse servers, and where a statement that changes a table has to go.

On a cluster a table of tenants is a ``Distributed`` table under its own name, and on every shard a table with
``_local`` behind its name holds the rows of the shard's tenants. A table without tenants is whole on every node.
Programs read and insert by the table's own name; ``ALTER`` goes to the tables that hold rows.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from clickhouse_connect.driver.client import Client

from storage.reading import query_rows

LOCAL: Final = "_local"
# Seconds that a replica may be behind and still be read: the roll-ups allow a minute for rows that are being written.
_MAX_DELAY_SECONDS: Final = 30
_ENGINE: Final = (
    "SELECT engine_full AS engine FROM system.tables WHERE database = currentDatabase() AND name = {t:String}"
)
_ELSEWHERE: Final = "SELECT countIf(NOT is_local) AS nodes FROM system.clusters WHERE cluster = {cluster:String}"
_DISTRIBUTED: Final = re.compile(r"Distributed\('?(?P<cluster>[^',]+)'?, '?[^',]+'?, '?(?P<table>[^',)]+)'?")


class Topology(NamedTuple):
    """Several servers: a cluster of the server's configuration, or ClickHouse Cloud.

    ``cluster`` is the name in ``remote_servers``; empty: ClickHouse Cloud, with one shard that it replicates itself.
    ``insert_quorum`` is the number of replicas that must have a row before its insert returns; ``auto``: the majority.
    """

    cluster: str = ""
    insert_quorum: str = "auto"


def reading_settings(topology: Topology | None) -> dict[str, str | int]:
    """Return the settings with which statements are exact on the cluster; none on one server.

    ``local`` joins tables within a shard, which is right because both sides have the tenant in the key that they are
    sharded by (docs/adr/0048-clickhouse-cluster.md lists what that covers).
    """
    if topology is None or not topology.cluster:
        return {}
    return {
        "distributed_product_mode": "local",
        "max_replica_delay_for_distributed_queries": _MAX_DELAY_SECONDS,
        "fallback_to_stale_replicas_for_distributed_queries": 0,
        "optimize_skip_unused_shards": 1,
    }


def session_settings(topology: Topology | None) -> dict[str, str | int]:
    """Return the settings of a connection that reads and writes; none on one server."""
    if topology is None:
        return {}
    # The condition of a fenced job is a subquery: a mutation gets its result, replicas would refuse the subquery.
    mutations: dict[str, str | int] = {"mutations_sync": 2, "mutations_execute_subqueries_on_initiator": 1}
    if not topology.cluster:
        return mutations
    return {
        **reading_settings(topology),
        **mutations,
        # The insert returns when the rows are on the shards, not when the node has queued them.
        "distributed_foreground_insert": 1,
        # Rows of INSERT ... SELECT go to the shard of their tenant, not to the shard that computed them.
        "parallel_distributed_insert_select": 0,
        "insert_quorum": topology.insert_quorum,
    }


def spread(client: Client, cluster: str) -> bool:
    """Return whether a cluster has other nodes than this one; raises ``Unreachable``."""
    (row,) = query_rows(client, _ELSEWHERE, {"cluster": cluster})
    return bool(row["nodes"])


def altered(client: Client, table: str) -> str:
    """Return what ``ALTER TABLE`` has to name to change a table's rows on every shard; raises ``Unreachable``."""
    rows = query_rows(client, _ENGINE, {"t": table})
    found = _DISTRIBUTED.match(rows[0]["engine"]) if rows else None
    if found is None:
        return table
    cluster = found["cluster"]
    return f"{found['table']}{on_cluster(cluster)}" if spread(client, cluster) else found["table"]


def on_cluster(cluster: str) -> str:
    """Return the clause that runs a statement on every node."""
    return f" ON CLUSTER `{cluster}`"


def public_name(table: str) -> str:
    """Return the name by which programs know a table."""
    return table.removesuffix(LOCAL)
