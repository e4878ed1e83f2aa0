"""Settings and rights on a cluster: what holds for a table holds for the tables of its shards too."""

from __future__ import annotations

import re

import pytest

from cli.settings import Settings
from models.errors import SettingsError
from storage import access
from storage.access_rights import ROLES, Role, Table, api_columns, granted
from storage.topology import Topology, reading_settings, session_settings

CLUSTER = Topology("analytics")
TENANTS = ("user_id", "recipients", "v")
TABLES = [
    Table(name, TENANTS)
    for public in ("query_hours", "detector_states", "touched_conversations", "insight_responses", "customer_scores")
    for name in (public, f"{public}_local")
]
ONE_SERVER = [table for table in TABLES if not table.name.endswith("_local")]


def statements(tables: list[Table], topology: Topology | None) -> list[str]:
    reader = access.Reader("grafana_executive", "executive", "secret")
    return access.statements(
        "d", tables, [reader], worker_password="w", api_password="a", admin="me", settings=reading_settings(topology)
    )


@pytest.mark.parametrize("role", ROLES)
def test_a_role_reads_the_tables_of_shards_that_it_reads_whole_and_no_others(role: Role) -> None:
    given = granted(TABLES, role)
    assert {name.removesuffix("_local") for name in given} == granted(ONE_SERVER, role).keys()
    assert all(name in given and f"{name}_local" in given for name in granted(ONE_SERVER, role))
    assert all("recipients" not in columns for columns in given.values())


def test_the_api_reads_no_states_on_shards() -> None:
    assert {name.removesuffix("_local") for name in api_columns(TABLES)} == api_columns(ONE_SERVER).keys()


def test_rows_are_kept_apart_on_every_shard() -> None:
    made = statements(TABLES, CLUSTER)
    policies = {found for one in made for found in re.findall(r"romashka_strangers ON `d`\.`(\w+)`", one)}
    assert policies == {table.name for table in TABLES}


def test_the_worker_may_change_rows_on_shards_and_nothing_more_on_one_server() -> None:
    (cluster,) = [one for one in statements(TABLES, CLUSTER) if "TO `romashka_worker` WITH" in one]
    assert "ALTER DELETE ON `d`.`touched_conversations_local`" in cluster
    assert "CLUSTER ON *.*" in cluster
    (alone,) = [one for one in statements(ONE_SERVER, None) if "TO `romashka_worker` WITH" in one]
    assert "CLUSTER" not in alone


def test_readers_get_the_settings_with_which_statements_are_exact() -> None:
    (profile,) = [one for one in statements(TABLES, CLUSTER) if one.startswith("ALTER SETTINGS PROFILE")]
    assert "distributed_product_mode = 'local'" in profile
    (alone,) = [one for one in statements(ONE_SERVER, None) if one.startswith("ALTER SETTINGS PROFILE")]
    assert "distributed" not in alone


def test_one_server_is_sent_no_setting() -> None:
    assert session_settings(None) == reading_settings(None) == reading_settings(Topology()) == {}
    assert session_settings(CLUSTER)["insert_quorum"] == "auto"
    assert session_settings(CLUSTER)["parallel_distributed_insert_select"] == 0


def test_a_cluster_and_the_cloud_exclude_each_other() -> None:
    both = Settings(clickhouse_cluster="analytics", clickhouse_cloud=True)
    with pytest.raises(SettingsError, match="ROMASHKA_CLICKHOUSE_CLUSTER is set"):
        _ = both.topology
    assert Settings().topology is None
    assert Settings(clickhouse_cloud=True).topology == Topology()
    assert Settings(clickhouse_cluster="a", clickhouse_insert_quorum="2").topology == Topology("a", "2")
