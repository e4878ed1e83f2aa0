"""The statements for a cluster come from the migrations, and a kind of statement that is not known is refused."""

from __future__ import annotations

import pytest

from models.errors import SchemaMismatch
from sinks.cluster_schema import ClusterSchema
from sinks.migrations import known, statements_of
from storage.topology import Topology

CLUSTER = Topology("analytics")
TABLE = "CREATE TABLE IF NOT EXISTS t (user_id UUID, v UInt64 CODEC(ZSTD(1))) ENGINE = {} ORDER BY user_id"
SHARD = "'/clickhouse/tables/{shard}/{database}/{table}', '{replica}'"
ALL = "'/clickhouse/tables/all/{database}/{table}', '{shard}-{replica}'"
WHOLE = {
    "api_key_uses",
    "api_keys",
    "audit_log",
    "customer_model_deciles",
    "customer_model_quality",
    "dead_letters",
    "experiment_plans",
    "insight_changes",
    "job_leases",
    "key_fingerprints",
    "predictive_insights",
    "probes",
    "producer_rejections",
    "producer_scopes",
    "rollup_progress",
    "schema_columns",
    "schema_migrations",
    "topic_layouts",
}


def rewritten(*statements: str, topology: Topology = CLUSTER) -> list[str]:
    return ClusterSchema(topology, "d").statements(statements)


@pytest.mark.parametrize(
    ("engine", "there"),
    [
        ("MergeTree", f"ReplicatedMergeTree({SHARD})"),
        ("ReplacingMergeTree", f"ReplicatedReplacingMergeTree({SHARD})"),
        ("ReplacingMergeTree(v)", f"ReplicatedReplacingMergeTree({SHARD}, v)"),
        ("ReplacingMergeTree(v, d)", f"ReplicatedReplacingMergeTree({SHARD}, v, d)"),
    ],
)
def test_a_table_of_tenants_is_replicated_in_its_shard_under_a_distributed_one(engine: str, there: str) -> None:
    local, distributed = rewritten(TABLE.format(engine))
    assert local == TABLE.replace(" t (", " t_local ON CLUSTER `analytics` (").format(there.replace("{", "{{")).replace(
        "{{", "{"
    )
    assert distributed == (
        "CREATE TABLE IF NOT EXISTS t ON CLUSTER `analytics` AS t_local "
        "ENGINE = Distributed('analytics', 'd', 't_local', cityHash64(user_id))"
    )


def test_a_table_without_tenants_is_whole_on_every_node() -> None:
    (made,) = rewritten("CREATE TABLE IF NOT EXISTS t (a UInt8, b Tuple(user_id UUID)) ENGINE = MergeTree ORDER BY a")
    assert "t ON CLUSTER `analytics` (" in made
    assert f"ReplicatedMergeTree({ALL})" in made


def test_a_view_reads_and_writes_within_its_shard() -> None:
    view = (
        "CREATE MATERIALIZED VIEW IF NOT EXISTS v TO t AS SELECT user_id, 1 AS v "
        "FROM (SELECT * FROM t) AS s JOIN t USING v"
    )
    assert rewritten(TABLE.format("MergeTree"), view)[2] == (
        "CREATE MATERIALIZED VIEW IF NOT EXISTS v ON CLUSTER `analytics` TO t_local AS SELECT user_id, 1 AS v "
        "FROM (SELECT * FROM t_local) AS s JOIN t_local USING v"
    )


def test_columns_are_changed_in_both_tables_and_the_rest_where_the_rows_are() -> None:
    changes = rewritten(
        TABLE.format("MergeTree"),
        "ALTER TABLE t ADD COLUMN IF NOT EXISTS a Decimal(18, 2), ADD INDEX IF NOT EXISTS i a TYPE minmax",
        "ALTER TABLE t UPDATE v = 1, a = 2 WHERE v IN (3, 4)",
    )
    assert changes[2:] == [
        (
            "ALTER TABLE t_local ON CLUSTER `analytics` ADD COLUMN IF NOT EXISTS a Decimal(18, 2), "
            "ADD INDEX IF NOT EXISTS i a TYPE minmax"
        ),
        "ALTER TABLE t ON CLUSTER `analytics` ADD COLUMN IF NOT EXISTS a Decimal(18, 2)",
        "ALTER TABLE t_local ON CLUSTER `analytics` UPDATE v = 1, a = 2 WHERE v IN (3, 4)",
    ]


def test_dropping_drops_both() -> None:
    assert rewritten(TABLE.format("MergeTree"), "DROP TABLE IF EXISTS t SYNC")[2:] == [
        "DROP TABLE IF EXISTS t ON CLUSTER `analytics` SYNC",
        "DROP TABLE IF EXISTS t_local ON CLUSTER `analytics` SYNC",
    ]


def test_the_cloud_has_the_same_tables_without_macros_and_without_shards() -> None:
    cloud = rewritten(TABLE.format("ReplacingMergeTree(v)"), topology=Topology())
    assert cloud == [TABLE.format("SharedReplacingMergeTree(v)")]


@pytest.mark.parametrize(
    "statement",
    [
        "RENAME TABLE a TO b",
        "OPTIMIZE TABLE t FINAL",
        "ALTER TABLE t MODIFY ORDER BY a",
        "CREATE TABLE t (user_id UUID) ENGINE = MergeTree ORDER BY user_id",
        "CREATE TABLE IF NOT EXISTS t (user_id UUID) ENGINE = SummingMergeTree ORDER BY user_id",
        "CREATE MATERIALIZED VIEW IF NOT EXISTS v ENGINE = MergeTree ORDER BY a AS SELECT 1 AS a",
        "CREATE DICTIONARY d (a UInt8) PRIMARY KEY a",
    ],
)
def test_a_statement_of_another_kind_is_refused_rather_than_run_on_one_node(statement: str) -> None:
    with pytest.raises(SchemaMismatch, match="no cluster is known to take"):
        rewritten(statement)


def test_every_migration_is_known_to_a_cluster_and_to_the_cloud() -> None:
    for topology in (CLUSTER, Topology()):
        made = statements_of(ClusterSchema(topology, "d"))
        assert made.keys() == {None, *(migration.version for migration in known())}


def test_every_table_is_either_sharded_or_whole_on_every_node() -> None:
    """A new table has to be in one of both on purpose."""
    schema = ClusterSchema(CLUSTER, "d")
    made = [one for part in statements_of(schema).values() for one in part]
    whole = {one.split()[5] for one in made if one.startswith("CREATE TABLE") and ALL in one}
    assert whole == WHOLE
    assert not whole & schema.sharded
    assert {one.split()[5] for one in made if "Distributed(" in one} == schema.sharded


def test_without_a_cluster_the_statements_are_those_of_the_files() -> None:
    assert statements_of(None)[1] == known()[0].statements
