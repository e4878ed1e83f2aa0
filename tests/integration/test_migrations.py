"""Migrations on a real ClickHouse: repeatable, checked, and ending in the schema that the program is written for."""

from __future__ import annotations

import random
import uuid
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from clickhouse_connect.driver.client import Client

from models.errors import SchemaMismatch, Unreachable
from models.histogram import buckets_of, nearest_rank, quantile
from models.measures import WINDOW_SUMS
from models.rows import HISTOGRAM, LABEL, LABELS, MONEY, SCORE, TIME, UUID, UUIDS, WRITTEN
from sinks.clickhouse import ClickHouseSink
from sinks.migrations import known, migrate, missing, require_current
from storage.connection import ClickHouseAddress, connect
from storage.schema_sql import schema_sql
from streams.windows import Chunk
from tests.examples.queries import SOURCE, START_MS, Query, batch_of

pytestmark = pytest.mark.stack

# The tables of the requirements with their columns; "id" is the event_id where rows are events.
_PROMISED = {
    "integration_query_metrics": (
        "id user_id conversation_id integration_provider query_type query_success response_time_ms "
        "data_freshness_hours ai_confidence_score customer_satisfaction_impact created_at"
    ),
    "conversation_outcomes": (
        "id conversation_id user_id integration_data_used integration_types_used outcome_type "
        "resolution_time_minutes customer_satisfaction_score business_value_generated created_at"
    ),
    "business_impact_metrics": (
        "id user_id metric_type integration_provider baseline_value current_value improvement_percentage "
        "period_start period_end created_at"
    ),
    "integration_health_metrics": (
        "id user_id integration_provider sync_status last_sync_at sync_success_rate error_rate "
        "data_freshness_score api_rate_limit_usage created_at"
    ),
    "conversation_intelligence": (
        "id conversation_id user_id data_types_accessed knowledge_gaps_identified ai_confidence_with_data "
        "ai_confidence_without_data customer_journey_stage conversion_probability created_at"
    ),
    "predictive_insights": (
        "id user_id insight_type confidence_score predicted_value contributing_factors recommended_actions created_at"
    ),
    "scheduled_reports": (
        "id user_id name type format schedule_config recipients filters template_config is_active last_generated "
        "created_at"
    ),
    "generated_reports": (
        "id user_id config_id title format file_url file_size_bytes generation_time_ms data_period_start "
        "data_period_end summary created_at"
    ),
}
_BESIDES = {
    "integration_health_history",
    "query_windows",
    "dead_letters",
    "tenant_names",
    "tenant_settings",
    "audit_log",
    "schema_migrations",
    "detector_states",
}
# What the worker writes as this Arrow type may be any of these in ClickHouse.
_TYPES: dict[pa.DataType, set[str]] = {
    UUID: {"UUID"},
    LABEL: {"String", "LowCardinality(String)"},
    LABELS: {"Array(LowCardinality(String))", "Array(String)"},
    UUIDS: {"Array(UUID)"},
    TIME: {"DateTime64(3, 'UTC')", "Nullable(DateTime64(3, 'UTC'))"},
    SCORE: {"Decimal(18, 4)", "Nullable(Decimal(18, 4))"},
    MONEY: {"Nullable(Decimal(38, 4))"},
    HISTOGRAM: {"Tuple(Array(Int16), Array(UInt64))"},
    pa.timestamp("s", "UTC"): {"DateTime('UTC')"},
    pa.bool_(): {"Bool"},
    pa.binary(): {"String"},
    pa.int32(): {"Int32"},
    pa.int64(): {"Int64"},
    pa.uint8(): {"UInt8"},
    pa.float64(): {"Nullable(Float64)"},
    pa.uint32(): {"UInt32", "Nullable(UInt32)"},
    pa.uint64(): {"UInt64"},
}


@pytest.fixture
def client(database: ClickHouseAddress) -> Iterator[Client]:
    with connect(database) as opened:
        yield opened


def _columns(client: Client, table: str) -> dict[str, str]:
    """Name → type of the table's columns, in order."""
    rows = client.query(
        "SELECT name, type FROM system.columns WHERE database = currentDatabase() AND table = {table:String} "
        "ORDER BY position",
        parameters={"table": table},
    ).result_rows
    return {str(name): str(kind) for name, kind in rows}


def test_migrating_applies_everything_once(empty_database: ClickHouseAddress) -> None:
    assert migrate(empty_database) == known()
    assert migrate(empty_database) == []
    assert missing(empty_database) == []
    require_current(empty_database)


def test_the_schema_that_is_written_down_is_that_of_the_migrations(client: Client) -> None:
    written = (Path(__file__).parents[2] / "docs" / "schema.sql").read_text(encoding="utf-8")
    assert written.endswith(schema_sql(client)), "run 'romashka schema --sql' and commit docs/schema.sql"


def test_what_was_applied_is_recorded_with_its_checksum(client: Client) -> None:
    rows = client.query("SELECT version, name, checksum FROM schema_migrations FINAL ORDER BY version").result_rows
    assert [tuple(row) for row in rows] == [
        (migration.version, migration.name, migration.checksum) for migration in known()
    ]


def test_an_edited_migration_is_an_error_that_names_it(database: ClickHouseAddress, client: Client) -> None:
    client.insert("schema_migrations", [(2, "windows", "0" * 64)], column_names=["version", "name", "checksum"])
    for check in (migrate, missing, require_current):
        with pytest.raises(SchemaMismatch, match=r"migration 0002_windows was changed after it was applied"):
            check(database)


def test_an_empty_database_lacks_everything(empty_database: ClickHouseAddress) -> None:
    with connect(empty_database, database="default") as client:
        client.command(f"CREATE DATABASE {empty_database.database}")
    assert missing(empty_database) == known()
    with pytest.raises(SchemaMismatch, match=r"lacks the migrations 0001_events, .*run 'romashka migrate'"):
        require_current(empty_database)


def test_a_database_that_is_not_there_is_named_with_what_to_run(empty_database: ClickHouseAddress) -> None:
    with pytest.raises(Unreachable, match=f"has no database '{empty_database.database}'; run 'romashka migrate' first"):
        missing(empty_database)


def test_a_migrator_that_died_half_way_is_finished_by_the_next(database: ClickHouseAddress, client: Client) -> None:
    """Its statements ran, but it was not recorded; and one of its tables is not there."""
    (results,) = [migration for migration in known() if migration.name == "results"]
    client.command(
        "ALTER TABLE schema_migrations DELETE WHERE version = {version:UInt32} SETTINGS mutations_sync = 1",
        parameters={"version": results.version},
    )
    client.command("DROP TABLE generated_reports SYNC")
    assert migrate(database) == [results]
    assert _columns(client, "generated_reports")


def test_migrators_at_the_same_time_end_in_the_same_schema(empty_database: ClickHouseAddress) -> None:
    with ThreadPoolExecutor(3) as pool:
        list(pool.map(migrate, [empty_database] * 3))
    assert missing(empty_database) == []
    with connect(empty_database) as client:
        tables = {str(row[0]) for row in client.query("SHOW TABLES").result_rows}
        assert set(_PROMISED) | _BESIDES <= tables
        assert _first(client, "SELECT count() FROM schema_migrations FINAL") == (len(known()),)


@pytest.mark.parametrize("table", WRITTEN)
def test_a_table_has_the_columns_that_the_worker_writes_in_their_order(client: Client, table: str) -> None:
    written = WRITTEN[table]
    live = [name for name in _columns(client, table) if name in written.names]
    assert live == written.names


@pytest.mark.parametrize("table", WRITTEN)
def test_a_table_has_the_types_that_the_worker_writes(client: Client, table: str) -> None:
    live = _columns(client, table)
    wrong = {field.name: live[field.name] for field in WRITTEN[table] if live[field.name] not in _TYPES[field.type]}
    assert wrong == {}


@pytest.mark.parametrize("table", WRITTEN)
def test_what_the_worker_does_not_write_has_a_default(client: Client, table: str) -> None:
    rows = client.query(
        "SELECT name FROM system.columns WHERE database = currentDatabase() AND table = {table:String} "
        "AND default_kind = '' AND NOT startsWith(type, 'Nullable')",
        parameters={"table": table},
    ).result_rows
    assert {str(row[0]) for row in rows} <= set(WRITTEN[table].names)


@pytest.mark.parametrize("table", _PROMISED)
def test_a_promised_table_has_every_promised_column(client: Client, table: str) -> None:
    assert set(_PROMISED[table].split()) - set(_columns(client, table)) == set()


@pytest.mark.parametrize("table", ["query_windows", "recent_query_windows", "query_hours", "query_days"])
def test_windows_and_roll_ups_of_queries_hold_every_sum(client: Client, table: str) -> None:
    forgotten = set(WINDOW_SUMS) - set(_columns(client, table))
    assert forgotten == set(), f"a migration has to add these to {table}"


def test_the_copy_of_recent_windows_has_every_sum(client: Client) -> None:
    names = ", ".join(WINDOW_SUMS)
    values = ", ".join(str(number) for number in range(1, len(WINDOW_SUMS) + 1))
    client.command(
        f"INSERT INTO query_windows (user_id, window_start, {names}) SELECT generateUUIDv4(), now('UTC'), {values}"
    )
    stored, copied = (
        client.query(f"SELECT {names} FROM {table}") for table in ("query_windows", "recent_query_windows")
    )
    [expected], [found] = stored.result_rows, copied.result_rows
    forgotten = [name for name, a, b in zip(WINDOW_SUMS, expected, found, strict=True) if a != b]
    assert forgotten == [], "a migration has to create recent_query_windows_copy again: its columns are those of then"


@pytest.mark.parametrize("table", sorted(_BESIDES))
def test_the_other_tables_are_there(client: Client, table: str) -> None:
    assert _columns(client, table)


def test_the_id_of_an_event_is_its_event_id(database: ClickHouseAddress, client: Client) -> None:
    now = int(datetime.now(UTC).timestamp() * 1000)
    ClickHouseSink(database).write("integration_query_metrics", batch_of([Query(1, 77, at_ms=now)]))
    assert _first(client, "SELECT id FROM integration_query_metrics") == (uuid.UUID(int=77),)


def test_quantiles_in_sql_are_those_of_the_program(client: Client) -> None:
    chance = random.Random(20260115)
    for _ in range(60):
        values = [
            chance.choice([0, chance.randrange(50), chance.randrange(2**31)]) for _ in range(chance.randrange(40))
        ]
        buckets, counts = _histogram(values)
        q = chance.choice([0.0, 0.5, 0.95, 0.99, 1.0, chance.random()])
        (found,) = _first(
            client,
            "SELECT romashka_quantile(({buckets:Array(Int16)}, {counts:Array(UInt64)}), {q:Float64})",
            buckets=buckets.tolist(),
            counts=counts.tolist(),
            q=q,
        )
        expected = quantile(buckets, counts, q)
        assert found == (None if expected is None else pytest.approx(expected, rel=1e-12)), (values, q)


def test_quantiles_of_windows_merge_over_minutes(database: ClickHouseAddress, client: Client) -> None:
    """sumMap adds the histograms of many windows; the quantile of the sum is within half a percent of the exact one."""
    chance = random.Random(7)
    now = int(datetime.now(UTC).timestamp() * 1000)
    queries = [
        Query(i, i, at_ms=now - 60_000 * chance.randrange(50), response_time_ms=int(chance.lognormvariate(5, 1)))
        for i in range(2_000)
    ]
    chunk = Chunk(SOURCE, 0)
    chunk.add(batch_of(queries))
    rows = chunk.take_changed()
    assert rows is not None
    ClickHouseSink(database).write("query_windows", rows)
    exact = sorted(query.response_time_ms for query in queries)
    for q in (0.5, 0.95, 0.99):
        value, counted = _first(
            client,
            "SELECT romashka_quantile(sumMap(response_time_histogram.1, response_time_histogram.2), {q:Float64}), "
            "sum(queries) FROM query_windows FINAL",
            q=q,
        )
        assert value == pytest.approx(exact[nearest_rank(q, len(exact)) - 1], rel=0.005)
        assert counted == len(queries)


def test_repeated_inserts_collapse_before_and_after_clickhouse_merges(
    database: ClickHouseAddress, client: Client
) -> None:
    now = int(datetime.now(UTC).timestamp() * 1000)
    sink = ClickHouseSink(database)
    batch = batch_of([Query(i, i, at_ms=now - 86_400_000 * i, confidence=Decimal("0.5000")) for i in range(60)])
    for _ in range(3):
        sink.write("integration_query_metrics", batch)
    counted = "SELECT count(), sum(ai_confidence_score) FROM integration_query_metrics FINAL"
    assert _first(client, counted) == (60, Decimal("30.0000"))
    client.command("OPTIMIZE TABLE integration_query_metrics FINAL")
    assert _first(client, counted) == (60, Decimal("30.0000"))


def test_collapsing_never_needs_two_partitions(database: ClickHouseAddress, client: Client) -> None:
    """The setting that makes FINAL fast assumes it: a repeat lies in its original's partition."""
    now = int(datetime.now(UTC).timestamp() * 1000)
    sink = ClickHouseSink(database)
    batch = batch_of([Query(i, i, at_ms=now - 86_400_000 * i) for i in range(60)])
    for _ in range(2):
        sink.write("integration_query_metrics", batch)
    setting = "do_not_merge_across_partitions_select_final"
    assert _first(client, f"SELECT count() FROM integration_query_metrics FINAL SETTINGS {setting} = 1") == (60,)


def test_one_insert_may_span_hundreds_of_months(database: ClickHouseAddress, client: Client) -> None:
    client.command("ALTER TABLE integration_query_metrics REMOVE TTL")  # or most of them would be forgotten at once
    start = datetime.fromtimestamp(START_MS / 1000, UTC).replace(day=1)
    months = [(start - timedelta(days=30 * i)).timestamp() * 1000 for i in range(300)]
    batch = batch_of([Query(i, i, at_ms=int(at_ms)) for i, at_ms in enumerate(months)])
    ClickHouseSink(database).write("integration_query_metrics", batch)
    count, parts = _first(client, "SELECT count(), uniqExact(_partition_id) FROM integration_query_metrics")
    assert count == 300
    assert parts > 250


def _first(client: Client, sql: str, **parameters: Any) -> tuple[Any, ...]:
    """The only row that a query returns."""
    (row,) = client.query(sql, parameters=parameters).result_rows
    return tuple(row)


def _histogram(values: list[int]) -> tuple[np.typing.NDArray[np.int16], np.typing.NDArray[np.uint64]]:
    counted = sorted(Counter(buckets_of(np.array(values, dtype=np.int64)).tolist()).items())
    buckets = np.array([bucket for bucket, _ in counted], dtype=np.int16)
    return buckets, np.array([count for _, count in counted], dtype=np.uint64)
