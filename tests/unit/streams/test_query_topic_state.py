"""The partitions of queries that a worker holds: started, folded, closed, forgotten."""

from __future__ import annotations

from datetime import timedelta

from streams.metrics import Metrics
from streams.query_topic_state import QueryTopicState
from tests.examples.events import NOW
from tests.examples.queries import SOURCE, Query, batch_of


def _started(metrics: Metrics, *partitions: int) -> QueryTopicState:
    queries = QueryTopicState(metrics)
    for partition in partitions:
        queries.resume(SOURCE._replace(partition=partition), batch_of([]))
    return queries


def test_partitions_have_windows_of_their_own() -> None:
    queries = _started(Metrics(), 1, 2)
    for partition in (1, 2):
        place = SOURCE._replace(partition=partition)
        queries.fold(batch_of([Query(7, 7)], place), place, NOW)
    windows = [row for rows in queries.take_windows() for row in rows.to_pylist()]
    assert [(row["partition"], row["queries"]) for row in windows] == [(1, 1), (2, 1)]


def test_polls_that_hold_nothing_new_give_no_rows() -> None:
    queries = _started(Metrics(), 3)
    assert [rows.num_rows for rows in queries.fold(batch_of([Query(1, 1)]), SOURCE, NOW)] == [1]
    assert queries.fold(batch_of([Query(2, 1)]), SOURCE, NOW) == []


def test_late_events_are_counted_and_still_fall_in_their_window() -> None:
    metrics = Metrics()
    queries = _started(metrics, 3)
    start = int(NOW.timestamp() * 1000)
    queries.fold(batch_of([Query(i, i, at_ms=start - 600_000) for i in range(16)]), SOURCE, NOW)
    queries.fold(batch_of([Query(20, 20, at_ms=start)]), SOURCE, NOW)
    queries.close_minutes(NOW, lambda _: NOW)
    queries.take_windows()
    queries.fold(batch_of([Query(21, 21, at_ms=start - 600_000)]), SOURCE, NOW)
    assert metrics.registry.get_sample_value("romashka_late_events_total", {"topic": SOURCE.topic}) == 1
    (rows,) = queries.take_windows()
    assert rows["queries"].to_pylist() == [17]


def test_closed_minutes_are_counted_by_whether_they_are_complete() -> None:
    metrics = Metrics()
    queries = _started(metrics, 3)
    queries.fold(batch_of([Query(1, 1)]), SOURCE, NOW)
    later = NOW + timedelta(minutes=5)
    closed = queries.close_minutes(later, lambda _: later)[SOURCE.partition]
    count = metrics.registry.get_sample_value
    complete = count("romashka_minutes_closed_total", {"complete": "true"}) or 0
    incomplete = count("romashka_minutes_closed_total", {"complete": "false"}) or 0
    assert (complete, incomplete) == (4, 1)
    assert len(closed) == 5


def test_what_is_forgotten_is_gone() -> None:
    queries = _started(Metrics(), 3)
    queries.fold(batch_of([Query(1, 1)]), SOURCE, NOW)
    queries.forget()
    assert queries.take_windows() == []
    later = NOW + timedelta(minutes=5)
    assert queries.close_minutes(later, lambda _: later) == {}
