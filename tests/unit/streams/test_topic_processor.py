"""What a poll of one topic amounts to."""

from __future__ import annotations

import pytest

from models.errors import DlqLimitExceeded
from models.rows import WRITTEN
from models.topics import HEALTH, INGEST, OUTCOMES, QUERIES, Topic
from streams.metrics import Metrics
from streams.pseudonyms import Pseudonymiser
from streams.query_topic_state import QueryTopicState
from streams.topic_processor import TABLES, Admitted, TopicProcessor
from tests.examples.events import KEY, NOW, SECRET, Record, message, source
from tests.examples.queries import batch_of


def _ingest(topic: Topic, metrics: Metrics | None = None) -> TopicProcessor:
    return TopicProcessor(topic, Pseudonymiser(SECRET, "k1"), metrics or Metrics())


def test_every_ingest_topic_has_tables_and_every_table_a_schema() -> None:
    assert set(TABLES) == set(INGEST)
    assert {table for tables in TABLES.values() for table in tables} <= set(WRITTEN)


@pytest.mark.parametrize("topic", [topic for topic in INGEST if topic is not QUERIES], ids=lambda topic: topic.name)
def test_rows_go_to_every_table_of_the_topic(topic: Topic) -> None:
    prepared = _ingest(topic).prepare([Admitted(source(topic), [Record(1, KEY, message(topic))], {KEY})], now=NOW)[0]
    assert [table for table, _ in prepared.rows] == list(TABLES[topic])
    assert all(rows.schema.equals(WRITTEN[table]) for table, rows in prepared.rows)


def test_nothing_but_rejections_is_no_rows() -> None:
    prepared = _ingest(OUTCOMES).prepare([Admitted(source(OUTCOMES), [Record(1, None, b"{")], {None})], now=NOW)[0]
    assert prepared.rows == []
    assert [letter.offset for letter in prepared.dead_letters] == [1]


def test_nothing_but_repeats_is_no_rows() -> None:
    metrics = Metrics()
    queries = QueryTopicState(metrics)
    ingest = TopicProcessor(QUERIES, Pseudonymiser(SECRET, "k1"), metrics, queries)
    queries.resume(source(QUERIES), batch_of([]))
    first = ingest.prepare([Admitted(source(QUERIES), [Record(1, KEY, message(QUERIES))], {KEY})], now=NOW)[0]
    again = ingest.prepare([Admitted(source(QUERIES), [Record(2, KEY, message(QUERIES))], {KEY})], now=NOW)[0]
    assert (len(first.rows), len(again.rows)) == (1, 0)
    assert metrics.registry.get_sample_value("romashka_repeated_events_total", {"topic": QUERIES.name}) == 1


def test_a_flood_of_rejections_is_raised_and_counted_by_reason() -> None:
    metrics = Metrics()
    ingest = _ingest(HEALTH, metrics)
    with pytest.raises(DlqLimitExceeded):
        ingest.prepare([Admitted(source(HEALTH), [Record(i, None, b"{") for i in range(5_000)], {None})], now=NOW)
    labels = {"topic": HEALTH.name, "stage": "decode", "reason": "invalid_json"}
    assert metrics.registry.get_sample_value("romashka_dead_letters_total", labels) == 5_000
