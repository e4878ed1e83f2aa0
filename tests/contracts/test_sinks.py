"""What every sink promises: the fake and the real one run the same tests; then what only a server can do wrong."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from decimal import Decimal
from uuid import UUID

import pyarrow as pa
import pytest

from models.errors import SinkRejected
from models.keys import key_of
from models.layouts import DRAINED, Layout, Layouts, PendingLayout
from models.rows import QUERY_METRICS, WRITTEN
from sinks.sink import STORED_QUERY_COLUMNS, HomeRange, KnownTenants, StoredRange
from streams.java_partitioner import home_partitions
from streams.layouts import begin_layouts, open_layout, plan_layout
from tests.contracts.sink_rows import (
    HEALTH,
    NOW,
    QUERIES,
    WINDOWS,
    ClickHousePlace,
    MemoryPlace,
    Place,
    Row,
    batch_of,
    by_key,
    query_row,
    row_of,
    sparse_row,
)


@pytest.fixture(params=["memory", pytest.param("clickhouse", marks=pytest.mark.stack)])
def place(request: pytest.FixtureRequest) -> Place:
    if request.param == "memory":
        return MemoryPlace()
    return ClickHousePlace(request.getfixturevalue("database"))


@pytest.mark.parametrize("table", WRITTEN)
def test_values_of_every_type_survive(place: Place, table: str) -> None:
    rows = [row_of(table, 1), sparse_row(table, 2)]
    place.sink.write(table, batch_of(table, *rows))
    assert by_key(place.rows(table)) == rows


@pytest.mark.parametrize("table", WRITTEN)
def test_the_same_batch_twice_shows_once(place: Place, table: str) -> None:
    rows = [row_of(table, number) for number in (1, 2, 3)]
    place.sink.write(table, batch_of(table, *rows))
    place.sink.write(table, batch_of(table, *rows))
    place.sink.write(table, batch_of(table, rows[1]))
    assert by_key(place.rows(table)) == rows


@pytest.mark.parametrize("table", WRITTEN)
def test_what_repeats_within_a_batch_shows_once(place: Place, table: str) -> None:
    rows = [row_of(table, number) for number in (1, 2)]
    place.sink.write(table, batch_of(table, *rows, *rows, rows[0]))
    assert by_key(place.rows(table)) == rows


@pytest.mark.parametrize("value", ["0.0000", "-0.0001", "99999999999999.9999", "-99999999999999.9999"])
def test_decimals_survive_to_the_last_digit(place: Place, value: str) -> None:
    place.sink.write(WINDOWS, batch_of(WINDOWS, row_of(WINDOWS, data_freshness_hours_sum=Decimal(value))))
    assert [row["data_freshness_hours_sum"] for row in place.rows(WINDOWS)] == [Decimal(value)]


def test_a_large_batch_arrives_whole(place: Place) -> None:
    """Large enough to be sent compressed in several frames."""
    offsets = range(20_000)
    columns = dict(batch_of(QUERIES, query_row(0)).take([0] * len(offsets)).to_pydict())
    columns |= {"event_id": [offset.to_bytes(16, "big") for offset in offsets], "kafka_offset": list(offsets)}
    place.sink.write(QUERIES, pa.RecordBatch.from_pydict(columns, schema=QUERY_METRICS))
    assert [row["kafka_offset"] for row in by_key(place.rows(QUERIES))] == list(offsets)


@pytest.mark.parametrize(("first", "then", "stays"), [(5, 9, 9), (9, 5, 9), (7, 7, 7)])
def test_the_window_row_with_the_highest_version_stays_whatever_order_they_arrive_in(
    place: Place, first: int, then: int, stays: int
) -> None:
    for version in (first, then):
        place.sink.write(WINDOWS, batch_of(WINDOWS, row_of(WINDOWS, version=version, queries=version)))
    assert [(row["version"], row["queries"]) for row in place.rows(WINDOWS)] == [(stays, stays)]


@pytest.mark.parametrize(
    "key", ["user_id", "integration_provider", "query_type", "window_start", "topic_epoch", "partition", "chunk_id"]
)
def test_windows_that_differ_in_any_part_of_their_key_stay_apart(place: Place, key: str) -> None:
    other: Row = {
        "user_id": bytes(16),
        "integration_provider": "other",
        "query_type": "other",
        "window_start": NOW.replace(second=0) - timedelta(minutes=1),
        "topic_epoch": 5,
        "partition": 6,
        "chunk_id": 7,
    }
    place.sink.write(WINDOWS, batch_of(WINDOWS, row_of(WINDOWS), row_of(WINDOWS, **{key: other[key]})))
    assert len(place.rows(WINDOWS)) == 2


@pytest.mark.parametrize("order", [(1, 2), (2, 1)])
def test_older_health_does_not_replace_newer(place: Place, order: tuple[int, int]) -> None:
    for minutes in order:
        row = row_of(HEALTH, created_at=NOW + timedelta(minutes=minutes), sync_status=f"{minutes}")
        place.sink.write(HEALTH, batch_of(HEALTH, row))
    assert [row["sync_status"] for row in place.rows(HEALTH)] == ["2"]


def test_each_integration_of_each_tenant_has_its_own_health(place: Place) -> None:
    rows = [row_of(HEALTH, user_id=bytes([n]) * 16, integration_provider=name) for n in (1, 2) for name in ("a", "b")]
    place.sink.write(HEALTH, batch_of(HEALTH, *rows))
    assert len(place.rows(HEALTH)) == 4


def test_the_history_keeps_every_state(place: Place) -> None:
    table = "integration_health_history"
    rows = [row_of(table, number, integration_provider="shopify", user_id=bytes(16)) for number in (1, 2, 3)]
    place.sink.write(table, batch_of(table, *rows))
    assert len(place.rows(table)) == 3


@pytest.mark.parametrize(
    "table", [QUERIES, "conversation_outcomes", "conversation_intelligence", "integration_health_history"]
)
def test_an_event_id_means_nothing_outside_its_tenant(place: Place, table: str) -> None:
    place.sink.write(table, batch_of(table, row_of(table), row_of(table, user_id=bytes(16))))
    assert len(place.rows(table)) == 2


def test_stored_queries_are_those_of_the_range_in_order(place: Place) -> None:
    place.sink.write(QUERIES, batch_of(QUERIES, *(query_row(offset) for offset in (14, 13))))
    place.sink.write(QUERIES, batch_of(QUERIES, *(query_row(offset) for offset in (12, 11, 10, 9))))
    found = place.sink.stored_queries(StoredRange(7, 2, 10, 14))
    assert found["kafka_offset"].to_pylist() == [10, 11, 12, 13]


@pytest.mark.parametrize("elsewhere", [{"topic_epoch": 8}, {"kafka_partition": 3}])
def test_stored_queries_of_another_topic_or_partition_are_left_out(place: Place, elsewhere: Row) -> None:
    place.sink.write(QUERIES, batch_of(QUERIES, query_row(10) | elsewhere, query_row(11)))
    assert place.sink.stored_queries(StoredRange(7, 2, 0, 100))["kafka_offset"].to_pylist() == [11]


def test_stored_queries_come_back_as_they_were_written(place: Place) -> None:
    rows = [query_row(10), sparse_row(QUERIES, 3) | {"topic_epoch": 7, "kafka_partition": 2, "kafka_offset": 11}]
    place.sink.write(QUERIES, batch_of(QUERIES, *rows))
    found = place.sink.stored_queries(StoredRange(7, 2, 0, 100))
    assert found.schema.equals(pa.schema([QUERY_METRICS.field(name) for name in STORED_QUERY_COLUMNS]))
    assert found.to_pylist() == [{name: row[name] for name in STORED_QUERY_COLUMNS} for row in rows]


def test_a_query_that_was_written_twice_is_stored_once(place: Place) -> None:
    for _ in range(2):
        place.sink.write(QUERIES, batch_of(QUERIES, query_row(10)))
    assert place.sink.stored_queries(StoredRange(7, 2, 0, 100)).num_rows == 1


def test_an_epoch_may_be_any_64_bit_number(place: Place) -> None:
    place.sink.write(QUERIES, batch_of(QUERIES, query_row(10) | {"topic_epoch": 2**64 - 1}))
    assert place.sink.stored_queries(StoredRange(2**64 - 1, 2, 0, 100)).num_rows == 1


def test_nothing_stored_is_a_batch_without_rows(place: Place) -> None:
    found = place.sink.stored_queries(StoredRange(7, 2, 0, 100))
    assert (found.num_rows, found.schema.names) == (0, list(STORED_QUERY_COLUMNS))


def test_known_tenants_are_those_that_were_written_and_new_those_since_a_moment(place: Place) -> None:
    many = [number.to_bytes(16, "big") for number in range(5_000)]
    rows = [row_of("known_tenants", user_id=many[0], first_seen=NOW - timedelta(hours=2))]
    rows += [row_of("known_tenants", user_id=one, first_seen=NOW) for one in (many[1], many[1], many[4_999])]
    place.sink.write("known_tenants", batch_of("known_tenants", *rows))
    found = place.sink.known_tenants(many, NOW - timedelta(hours=1))
    assert found == KnownTenants(frozenset({many[0], many[1], many[4_999]}), 2)


def test_a_column_that_the_table_lacks_is_refused_for_good(place: Place) -> None:
    batch = batch_of(HEALTH, row_of(HEALTH)).append_column("mood", pa.array(["fine"]))
    with pytest.raises(SinkRejected, match="mood"):
        place.sink.write(HEALTH, batch)
    assert place.rows(HEALTH) == []


def test_a_table_that_is_not_there_is_refused_for_good(place: Place) -> None:
    with pytest.raises(SinkRejected, match="integration_moods"):
        place.sink.write("integration_moods", batch_of(HEALTH, row_of(HEALTH)))


def test_after_a_refusal_the_sink_goes_on(place: Place) -> None:
    with pytest.raises(SinkRejected):
        place.sink.write("integration_moods", batch_of(HEALTH, row_of(HEALTH)))
    place.sink.write(HEALTH, batch_of(HEALTH, row_of(HEALTH)))
    assert len(place.rows(HEALTH)) == 1


def test_threads_may_share_a_sink(place: Place) -> None:
    batches = [batch_of(QUERIES, query_row(offset)) for offset in range(20)]
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda batch: place.sink.write(QUERIES, batch), batches))
        found = list(pool.map(place.sink.stored_queries, [StoredRange(7, 2, 0, 100)] * 4))
    assert [batch.num_rows for batch in found] == [20] * 4


def test_ids_of_a_range_are_those_of_the_tenants_whose_home_it_is(place: Place) -> None:
    tenants = [UUID(int=number) for number in range(1, 25)]
    rows = [query_row(offset, user_id=tenant.bytes) for offset, tenant in enumerate(tenants)]
    place.sink.write(QUERIES, batch_of(QUERIES, *rows))
    for home in range(3):
        found = place.sink.stored_ids(HomeRange(StoredRange(7, 2, 4, 20), 3, home))
        assert found == {
            row["event_id"]
            for tenant, row in zip(tenants, rows, strict=True)
            if 4 <= row["kafka_offset"] < 20 and home_partitions(3)(key_of(tenant)) == home
        }
    assert place.sink.stored_ids(HomeRange(StoredRange(8, 2, 4, 20), 1, 0)) == frozenset()


def test_layouts_are_recorded_step_by_step_and_what_was_first_counts(place: Place) -> None:
    assert place.sink.layouts(7) == Layouts()
    first = Layout(0, 8)
    assert begin_layouts(place.sink, 7, 8) == Layouts((first,))
    assert begin_layouts(place.sink, 7, 12) == Layouts((first,))  # somebody added partitions since
    assert plan_layout(place.sink, 7, 1, 24) == Layouts((first,), PendingLayout(1, 24))
    drained = row_of("topic_layouts", topic_epoch=7, generation=1, event=DRAINED, partition=3, boundary=90)
    place.sink.write("topic_layouts", batch_of("topic_layouts", drained))
    assert place.sink.layouts(7) == Layouts((first,), PendingLayout(1, 24, {3: 90}))
    grown = Layouts((first, Layout(1, 24, {3: 90, 4: 7})))
    assert open_layout(place.sink, 7, 1, 24, {3: 90, 4: 7}) == grown
    assert open_layout(place.sink, 7, 1, 8, {3: 91}) == grown  # another command at the same time
    assert place.sink.layouts(8) == Layouts()
