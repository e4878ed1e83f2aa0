"""Each event counts once, in its minute and chunk, however the log is cut, flushed, lost and read again."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from itertools import accumulate

from hypothesis import given, settings
from hypothesis import strategies as st

from sinks.memory import MemorySink
from sinks.sink import StoredRange
from streams.partition import QueryPartition, remembered_range
from streams.windows import CHUNK_SIZE, REMEMBERED_CHUNKS
from tests.examples.queries import SOURCE, START_MS, Query, Row, batch_of, counted_once, keyed, slices, windows_of

_scores = st.none() | st.integers(-10_000, 10_000).map(lambda number: Decimal(number).scaleb(-4))
_queries = st.builds(
    Query,
    offset=st.just(0),
    event=st.integers(1, 6),
    tenant=st.integers(1, 2),
    provider=st.sampled_from(["hubspot", "shopify"]),
    query_type=st.sampled_from(["contact_lookup", "order_status"]),
    at_ms=st.integers(0, 200_000).map(lambda ms: START_MS + ms) | st.just(START_MS - 30 * 86_400_000),
    success=st.booleans(),
    response_time_ms=st.integers(0, 3) | st.integers(0, 2**31 - 1),
    freshness=_scores,
    confidence=_scores,
    satisfaction=_scores,
)
# From one record to the next: the neighbour, the far end of a chunk, the next chunk, or chunks without one valid event.
_steps = st.sampled_from([1, 1, 1, 2, CHUNK_SIZE - 1, CHUNK_SIZE, 3 * CHUNK_SIZE])
_firsts = st.sampled_from([0, 1, CHUNK_SIZE - 2, 7 * CHUNK_SIZE, 7 * CHUNK_SIZE + 5])
_cuts = st.sets(st.integers(1, 30))


@st.composite
def logs(draw: st.DrawFn) -> list[Query]:
    """Queries with ascending offsets; the same event, with the same facts, may come again after any distance."""
    kinds = draw(st.lists(_queries, min_size=1, max_size=6, unique_by=lambda query: query.event))
    chosen = draw(st.lists(st.sampled_from(kinds), min_size=1, max_size=30))
    gaps = draw(st.lists(_steps, min_size=len(chosen) - 1, max_size=len(chosen) - 1))
    offsets = accumulate(gaps, initial=draw(_firsts))
    return [query._replace(offset=offset) for query, offset in zip(chosen, offsets, strict=True)]


def without_far_repeats(log: Sequence[Query]) -> list[Query]:
    """Make repeats that are more than the remembered chunks away events of their own."""
    block = REMEMBERED_CHUNKS + 1
    return [query._replace(event=query.event + 10 * (query.chunk // block)) for query in log]


class Database:
    """A partition's worker that may be replaced by another, in front of one database."""

    def __init__(self) -> None:
        self.sink = MemorySink()
        self.assign(0)

    def assign(self, first_offset: int) -> None:
        """Start a new worker whose first record has this offset."""
        wanted = StoredRange(SOURCE.topic_epoch, SOURCE.partition, *remembered_range(first_offset))
        self._partition = QueryPartition(SOURCE, self.sink.stored_queries(wanted))

    def read(self, queries: Sequence[Query]) -> None:
        """Take in a poll and make its rows durable."""
        for rows in self._partition.fold(batch_of(queries)):
            if rows.num_rows:
                self.sink.write("integration_query_metrics", rows)

    def flush(self) -> None:
        """Make the changed windows durable."""
        for rows in self._partition.take_changed():
            self.sink.write("query_windows", rows)

    @property
    def windows(self) -> dict[tuple[object, ...], Row]:
        """What a reader sees."""
        return keyed(self.sink.rows("query_windows"))


@settings(max_examples=40, deadline=None)
@given(log=logs(), cuts=_cuts, flushes=st.sets(st.integers(0, 30)))
def test_windows_depend_neither_on_the_slicing_of_the_log_nor_on_when_they_are_flushed(
    log: list[Query], cuts: set[int], flushes: set[int]
) -> None:
    database = Database()
    database.assign(log[0].offset)
    for number, poll in enumerate(slices(log, cuts)):
        database.read(poll)
        if number in flushes:
            database.flush()
    database.flush()
    assert database.windows == windows_of(counted_once(log))


@settings(max_examples=40, deadline=None)
@given(log=logs(), cuts=_cuts, durable=st.integers(0, 30), behind=st.integers(0, 3), again=_cuts)
def test_a_restart_at_the_start_of_a_chunk_changes_no_window(
    log: list[Query], cuts: set[int], durable: int, behind: int, again: set[int]
) -> None:
    log = without_far_repeats(log)
    database = Database()
    database.assign(log[0].offset)
    for poll in slices(log[:durable], cuts):
        database.read(poll)
    database.flush()
    chunk = (log[min(durable, len(log) - 1)].chunk) - behind
    replayed = [query for query in log if query.chunk >= chunk]
    database.assign(replayed[0].offset)
    for poll in slices(replayed, again):
        database.read(poll)
    database.flush()
    assert database.windows == windows_of(counted_once(log))


@settings(max_examples=40, deadline=None)
@given(log=logs(), cuts=_cuts, first=st.integers(0, 29))
def test_a_restart_within_a_chunk_whose_head_kafka_deleted_changes_no_window(
    log: list[Query], cuts: set[int], first: int
) -> None:
    log = without_far_repeats(log)
    first = min(first, len(log) - 1)
    database = Database()
    database.assign(log[0].offset)
    if first:
        database.read(log[:first])
        database.flush()
    database.assign(log[first].offset)
    for poll in slices(log[first:], cuts):
        database.read(poll)
        database.flush()
    assert database.windows == windows_of(counted_once(log))
