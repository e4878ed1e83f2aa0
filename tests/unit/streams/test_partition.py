"""Repeats, remembered ids and the head of a chunk, case by case; tests/properties covers every way to combine them."""

from __future__ import annotations

import gc

import pyarrow as pa
import pytest

from models.rows import QUERY_METRICS
from sinks.sink import STORED_QUERY_COLUMNS
from streams.partition import QueryPartition, remembered_range
from streams.windows import CHUNK_SIZE, REMEMBERED_CHUNKS, Chunk
from tests.examples.queries import SOURCE, Query, batch_of


def _stored(*queries: Query) -> pa.RecordBatch:
    return batch_of(queries).select(list(STORED_QUERY_COLUMNS))


def _fresh() -> QueryPartition:
    return QueryPartition(SOURCE, _stored())


def _chunks_alive() -> int:
    gc.collect()
    return sum(isinstance(thing, Chunk) for thing in gc.get_objects())


def _new(partition: QueryPartition, *queries: Query) -> list[int]:
    folded = partition.fold(batch_of(queries))
    return [offset for rows in folded for offset in rows["kafka_offset"].to_numpy().tolist()]


@pytest.mark.parametrize(
    ("first", "remembered"),
    [
        (0, (0, 0)),
        (5, (0, 5)),
        (CHUNK_SIZE, (0, CHUNK_SIZE)),
        (9 * CHUNK_SIZE, ((9 - REMEMBERED_CHUNKS) * CHUNK_SIZE, 9 * CHUNK_SIZE)),
        (9 * CHUNK_SIZE + 7, ((9 - REMEMBERED_CHUNKS) * CHUNK_SIZE, 9 * CHUNK_SIZE + 7)),
    ],
)
def test_a_resuming_partition_is_given_the_chunks_before_and_the_head_of_its_own(
    first: int, remembered: tuple[int, int]
) -> None:
    assert remembered_range(first) == remembered


def test_an_event_twice_in_one_poll_counts_once() -> None:
    assert _new(_fresh(), Query(1, 1), Query(2, 2), Query(3, 1)) == [1, 2]


def test_an_event_twice_in_two_polls_counts_once() -> None:
    partition = _fresh()
    assert _new(partition, Query(1, 1)) == [1]
    assert _new(partition, Query(2, 1), Query(3, 2)) == [3]


@pytest.mark.parametrize("chunks", range(1, REMEMBERED_CHUNKS + 1))
def test_a_repeat_counts_once_as_many_chunks_later_as_are_remembered(chunks: int) -> None:
    assert _new(_fresh(), Query(1, 1), Query(1 + chunks * CHUNK_SIZE, 1)) == [1]


def test_a_repeat_further_away_counts_again() -> None:
    later = 1 + (REMEMBERED_CHUNKS + 1) * CHUNK_SIZE
    assert _new(_fresh(), Query(1, 1), Query(later, 1)) == [1, later]


def test_chunks_without_valid_events_count_as_distance() -> None:
    partition = _fresh()
    _new(partition, Query(1, 1))
    far = 1 + (REMEMBERED_CHUNKS + 2) * CHUNK_SIZE
    assert _new(partition, Query(far - CHUNK_SIZE, 2), Query(far, 1)) == [far - CHUNK_SIZE, far]


def test_stored_ids_are_repeats_after_a_restart() -> None:
    partition = QueryPartition(SOURCE, _stored(Query(CHUNK_SIZE - 1, 1)))
    assert _new(partition, Query(CHUNK_SIZE, 1), Query(CHUNK_SIZE + 1, 2)) == [CHUNK_SIZE + 1]


def test_the_stored_head_of_a_chunk_is_part_of_its_windows() -> None:
    partition = QueryPartition(SOURCE, _stored(Query(0, 1), Query(1, 2)))
    _new(partition, Query(2, 3))
    (rows,) = partition.take_changed()
    assert rows.select(["queries", "version"]).to_pylist() == [{"queries": 3, "version": 2}]


def test_the_stored_head_is_not_returned_as_new() -> None:
    partition = QueryPartition(SOURCE, _stored(Query(0, 1)))
    assert _new(partition, Query(1, 2)) == [1]


def test_the_chunk_before_is_no_head() -> None:
    partition = QueryPartition(SOURCE, _stored(Query(CHUNK_SIZE - 1, 1)))
    _new(partition, Query(CHUNK_SIZE, 2))
    (rows,) = partition.take_changed()
    assert rows.select(["chunk_id", "queries"]).to_pylist() == [{"chunk_id": 1, "queries": 1}]


def test_a_poll_across_a_boundary_is_cut_there() -> None:
    partition = _fresh()
    folded = partition.fold(batch_of([Query(CHUNK_SIZE - 1, 1), Query(CHUNK_SIZE, 2)]))
    assert [rows.num_rows for rows in folded] == [1, 1]
    assert [rows["chunk_id"].to_pylist() for rows in partition.take_changed()] == [[0], [1]]


def test_complete_chunks_are_let_go() -> None:
    partition = _fresh()
    before = _chunks_alive()
    _new(partition, *(Query(chunk * CHUNK_SIZE, chunk) for chunk in range(10)))
    assert len(partition.take_changed()) == 10
    assert _chunks_alive() == before + 1
    _new(partition, Query(9 * CHUNK_SIZE + 1, 77))
    (rows,) = partition.take_changed()
    assert rows["queries"].to_pylist() == [2]


def test_rows_keep_their_columns() -> None:
    (rows,) = _fresh().fold(batch_of([Query(1, 1)]))
    assert rows.schema.equals(QUERY_METRICS)
