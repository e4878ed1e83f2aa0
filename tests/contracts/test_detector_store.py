"""What detectors read back: the fake and the real one run the same tests."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import pyarrow as pa
import pytest

from models.keys import key_of
from models.minutes import Series
from models.rows import HEALTH
from sinks.clickhouse import ClickHouseSink
from sinks.memory import MemorySink
from sinks.memory_detectors import MemoryDetectors
from sinks.sink import Sink
from storage.clickhouse_detectors import ClickHouseDetectors
from storage.detector_store import NO_PARTITION, DetectorStore, SavedState, StoredState, state_rows, version_of
from streams.java_partitioner import home_partitions
from tests.examples.queries import Query, batch_of

# Tables forget what is older than their TTL, so rows are of now.
_NOW = datetime.now(UTC).replace(second=0, microsecond=0)
_ONE: Series = ((1).to_bytes(16, "big"), "hubspot")
_TWO: Series = ((2).to_bytes(16, "big"), "shopify")


class Place:
    """Where a worker writes, and where detectors read."""

    def __init__(self, sink: Sink, store: DetectorStore) -> None:
        self.sink = sink
        self.store = store


@pytest.fixture(params=["memory", pytest.param("clickhouse", marks=pytest.mark.stack)])
def place(request: pytest.FixtureRequest) -> Place:
    if request.param == "memory":
        sink = MemorySink()
        return Place(sink, MemoryDetectors(sink))
    address = request.getfixturevalue("database")
    return Place(ClickHouseSink(address), ClickHouseDetectors(address))


def _at(minute: int, seconds: float = 0.0) -> int:
    return int((_NOW + timedelta(minutes=minute, seconds=seconds)).timestamp() * 1000)


def _query(number: int, minute: int, series: Series = _ONE, **facts: Any) -> Query:
    tenant = int.from_bytes(series[0], "big")
    return Query(number, number, tenant, series[1], at_ms=_at(minute, number % 60))._replace(**facts)


def _saved(series: Series, saved: int, minute: int = 0, partition: int = 3) -> SavedState:
    sealed = b"\x00\xffstate %d" % saved
    return SavedState(series, partition, _NOW + timedelta(minutes=minute), saved, sealed)


def test_minutes_of_a_series_are_counted_with_their_errors_and_moments(place: Place) -> None:
    rows = [_query(1, -9, response_time_ms=9), _query(2, -9, response_time_ms=99, success=False), _query(3, -7)]
    place.sink.write("integration_query_metrics", batch_of([*rows, _query(4, -9, _TWO)]))
    history = place.store.history([_ONE], _NOW - timedelta(minutes=20), _NOW)
    assert list(history.minutes) == [_ONE]
    (first, counts), (second, _) = history.minutes[_ONE]
    assert (first, second) == (_NOW - timedelta(minutes=9), _NOW - timedelta(minutes=7))
    logs = [math.log(10), math.log(100)]
    assert (counts.queries, counts.errors, counts.error_kinds) == (2, 1, {})
    assert counts.log_latency_sum == pytest.approx(sum(logs))
    assert counts.log_latency_squares == pytest.approx(sum(log * log for log in logs))


def test_error_kinds_are_counted_by_name(place: Place) -> None:
    kinds = ["auth", "auth", "timeout", "auth"]
    batch = batch_of([_query(number, -5, success=number == 3) for number in range(4)])
    named = batch.set_column(batch.schema.get_field_index("error_kind"), "error_kind", pa.array(kinds))
    place.sink.write("integration_query_metrics", named)
    ((_, counts),) = place.store.history([_ONE], _NOW - timedelta(minutes=20), _NOW).minutes[_ONE]
    assert counts.error_kinds == {"auth": 2, "timeout": 1}


def test_history_takes_its_beginning_in_leaves_its_end_out_and_counts_repeats_once(place: Place) -> None:
    batch = batch_of([_query(60, -10), _query(120, -5), _query(180, 0)])
    for _ in range(2):
        place.sink.write("integration_query_metrics", batch)
    history = place.store.history([_ONE, _TWO], _NOW - timedelta(minutes=10), _NOW)
    assert [(start, counts.queries) for start, counts in history.minutes[_ONE]] == [
        (_NOW - timedelta(minutes=10), 1),
        (_NOW - timedelta(minutes=5), 1),
    ]


def test_health_comes_as_detectors_take_it_and_is_not_cut_at_the_end(place: Place) -> None:
    row: dict[str, Any] = {field.name: None for field in HEALTH} | {
        "event_id": bytes(16),
        "user_id": _ONE[0],
        "integration_provider": _ONE[1],
        "created_at": _NOW + timedelta(minutes=3),
        "last_sync_at": _NOW - timedelta(hours=1),
        "sync_status": "healthy",
        "sync_success_rate": Decimal("0.9500"),
        "records_synced": 7,
        "topic_epoch": 1,
        "kafka_partition": 3,
        "kafka_offset": 5,
    }
    labels = ("customer_id", "channel", "country", "customer_segment", "sync_job_id", "error_kind")
    batch = pa.RecordBatch.from_pylist([row | dict.fromkeys(labels, "")], schema=HEALTH)
    place.sink.write("integration_health_history", batch)
    (facts,) = place.store.history([_ONE], _NOW - timedelta(minutes=20), _NOW).health[_ONE]
    assert facts.at == _NOW + timedelta(minutes=3)
    assert facts.last_sync_at == _NOW - timedelta(hours=1)
    assert (facts.sync_status, facts.sync_success_rate, facts.records_synced) == ("healthy", 0.95, 7)
    assert (facts.error_kind, facts.sync_job_id, facts.error_rate) == (None, None, None)


def test_two_generations_of_a_state_are_kept_and_the_oldest_makes_room(place: Place) -> None:
    for saved in (1, 2, 3):
        place.sink.write("detector_states", state_rows([_saved(_ONE, saved, minute=saved)]))
    found = sorted(place.store.states(3), key=lambda state: state.version)
    assert [state.sealed for state in found] == [b"\x00\xffstate 2", b"\x00\xffstate 3"]


def test_a_worker_that_writes_late_does_not_replace_what_is_newer(place: Place) -> None:
    place.sink.write("detector_states", state_rows([_saved(_ONE, 4, minute=9)]))
    place.sink.write("detector_states", state_rows([_saved(_ONE, 6, minute=2)]))
    (kept,) = place.store.states(3)
    assert kept == StoredState(_ONE, version_of(_NOW + timedelta(minutes=9), 4), b"\x00\xffstate 4")


def test_states_are_found_by_partition_and_by_series(place: Place) -> None:
    place.sink.write("detector_states", state_rows([_saved(_ONE, 1), _saved(_TWO, 1, partition=5)]))
    assert [state.series for state in place.store.states(5)] == [_TWO]
    assert [state.series for state in place.store.states_of([_ONE])] == [_ONE]
    assert place.store.states(7) == []
    assert place.store.states_of([(_ONE[0], "shopify")]) == []


def test_states_are_found_by_the_home_of_their_tenant_wherever_they_were_saved(place: Place) -> None:
    place.sink.write("detector_states", state_rows([_saved(_ONE, 1), _saved(_TWO, 1, partition=5)]))
    leader = (bytes(16), "")
    place.sink.write("detector_states", state_rows([_saved(leader, 1, partition=NO_PARTITION)]))
    for partitions in (1, 3):
        found = {
            state.series: home for home in range(partitions) for state in place.store.states_at_home(home, partitions)
        }
        homes = home_partitions(partitions)
        assert found == {series: homes(key_of(UUID(bytes=series[0]))) for series in (_ONE, _TWO)}
