"""The sink in memory: what only the fake can do. What it shares with ClickHouse is in tests/contracts/test_sinks.py."""

from __future__ import annotations

import pytest

from models.errors import SinkRejected, SinkUnavailable
from models.rows import WRITTEN
from sinks.memory import MemorySink
from sinks.sink import StoredRange
from tests.examples.queries import Query, batch_of

_TABLE = "integration_query_metrics"


def test_it_fails_as_often_as_it_is_told_and_keeps_nothing_of_that() -> None:
    sink = MemorySink()
    sink.fail_next([SinkUnavailable("away"), SinkRejected("never")])
    with pytest.raises(SinkUnavailable):
        sink.write(_TABLE, batch_of([Query(1, 1)]))
    with pytest.raises(SinkRejected):
        sink.write(_TABLE, batch_of([Query(1, 1)]))
    assert sink.rows(_TABLE) == []
    sink.write(_TABLE, batch_of([Query(1, 1)]))
    assert len(sink.rows(_TABLE)) == 1
    assert sink.writes == 3


def test_reads_fail_apart_from_writes() -> None:
    sink = MemorySink()
    sink.fail_next_reads([SinkUnavailable("away")])
    sink.write(_TABLE, batch_of([Query(1, 1)]))
    with pytest.raises(SinkUnavailable):
        sink.stored_queries(StoredRange(11, 3, 0, 9))
    assert sink.stored_queries(StoredRange(11, 3, 0, 9)).num_rows == 1


@pytest.mark.parametrize("table", WRITTEN)
def test_every_table_starts_empty(table: str) -> None:
    assert MemorySink().rows(table) == []
