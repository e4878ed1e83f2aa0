"""The row models keep what the contracts promise."""

from __future__ import annotations

import pytest

from models.rows import WRITTEN
from models.topics import INGEST, QUERIES, Topic
from sinks.sink import STORED_QUERY_COLUMNS
from streams.topic_processor import TABLES


@pytest.mark.parametrize("table", WRITTEN)
def test_no_column_is_there_twice(table: str) -> None:
    names = WRITTEN[table].names
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("topic", INGEST, ids=lambda topic: topic.name)
def test_every_field_of_an_event_has_a_column(topic: Topic) -> None:
    kafka = {"topic_epoch", "kafka_partition", "kafka_offset"}
    for table in TABLES[topic]:
        assert set(WRITTEN[table].names) == set(topic.event.__annotations__) | kafka


def test_what_is_read_back_is_part_of_what_is_written() -> None:
    assert set(STORED_QUERY_COLUMNS) <= set(WRITTEN[TABLES[QUERIES][0]].names)
