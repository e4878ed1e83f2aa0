"""The windows of a chunk are a function of its events alone."""

from __future__ import annotations

from collections import Counter
from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st

from streams.windows import CHUNK_SIZE, Chunk
from tests.examples.queries import SOURCE, START_MS, Query, Row, WindowKey, batch_of, keyed, slices, windows_of

_CHUNK_ID = 4
_scores = st.none() | st.integers(-10_000, 10_000).map(lambda number: Decimal(number).scaleb(-4))
_freshness = st.none() | st.integers(0, 10**10).map(lambda number: Decimal(number).scaleb(-4))
_queries = st.builds(
    Query,
    offset=st.integers(_CHUNK_ID * CHUNK_SIZE, (_CHUNK_ID + 1) * CHUNK_SIZE - 1),
    event=st.integers(0, 2**64),
    tenant=st.integers(1, 3),
    provider=st.sampled_from(["hubspot", "shopify", "a-new_one"]),
    query_type=st.sampled_from(["contact_lookup", "order_status"]),
    at_ms=st.integers(0, 180_000).map(lambda ms: START_MS + ms) | st.integers(946_684_800_000, 4_102_444_800_000),
    success=st.booleans(),
    response_time_ms=st.integers(0, 3) | st.integers(0, 2**31 - 1),
    freshness=_freshness,
    confidence=_scores,
    satisfaction=_scores,
)
_logs = st.lists(_queries, min_size=1, max_size=30, unique_by=lambda query: query.offset)


@settings(max_examples=40, deadline=None)
@given(log=_logs, cuts=st.sets(st.integers(1, 30)), flushes=st.sets(st.integers(0, 30)))
def test_the_last_row_of_every_window_is_what_a_plain_recomputation_says(
    log: list[Query], cuts: set[int], flushes: set[int]
) -> None:
    """In whatever order the events come, however they are cut into batches, whenever the rows are taken."""
    chunk = Chunk(SOURCE, _CHUNK_ID)
    last: dict[WindowKey, Row] = {}
    for number, part in enumerate(slices(log, cuts)):
        chunk.add(batch_of(part))
        if number in flushes and (rows := chunk.take_changed()) is not None:
            last |= keyed(rows.to_pylist())
    if (rows := chunk.take_changed()) is not None:
        last |= keyed(rows.to_pylist())
    assert last == windows_of(log)


@settings(max_examples=40, deadline=None)
@given(first=_logs, second=_logs)
def test_only_windows_that_changed_are_taken_again(first: list[Query], second: list[Query]) -> None:
    chunk = Chunk(SOURCE, _CHUNK_ID)
    chunk.add(batch_of(first))
    chunk.take_changed()
    assert chunk.take_changed() is None
    chunk.add(batch_of(second))
    again = chunk.take_changed()
    assert again is not None
    assert set(keyed(again.to_pylist())) == set(windows_of(second))


@settings(max_examples=40, deadline=None)
@given(log=_logs)
def test_histograms_added_over_windows_are_the_histogram_of_all_their_events(log: list[Query]) -> None:
    chunk = Chunk(SOURCE, _CHUNK_ID)
    chunk.add(batch_of(log))
    rows = chunk.take_changed()
    assert rows is not None
    merged: Counter[int] = Counter()
    for row in rows.to_pylist():
        histogram = row["response_time_histogram"]
        assert histogram["buckets"] == sorted(set(histogram["buckets"]))
        merged.update(dict(zip(histogram["buckets"], histogram["counts"], strict=True)))
    alike = [query._replace(tenant=1, provider="hubspot", query_type="x", at_ms=START_MS) for query in log]
    (whole,) = windows_of(alike).values()
    expected = whole["response_time_histogram"]
    assert merged == dict(zip(expected["buckets"], expected["counts"], strict=True))
