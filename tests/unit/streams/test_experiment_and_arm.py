"""``experiment`` and ``arm`` are given together, or the event is a dead letter; on both paths from bytes to rows."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from models.topics import HEALTH, INTELLIGENCE, OUTCOMES, Topic
from streams.metrics import Metrics
from streams.pseudonyms import Pseudonymiser
from streams.topic_processor import Admitted, Prepared, TopicProcessor
from tests.examples.events import KEY, NOW, SECRET, Record, message, source

_WHOLE = {"experiment": "hubspot data", "arm": "without"}


def _prepared(topic: Topic, records: Sequence[Record]) -> Prepared:
    processor = TopicProcessor(topic, Pseudonymiser(SECRET, "k1"), Metrics())
    (prepared,) = processor.prepare([Admitted(source(topic), records, {KEY})], now=NOW)
    return prepared


@pytest.mark.parametrize("topic", [OUTCOMES, INTELLIGENCE], ids=lambda topic: topic.name)
@pytest.mark.parametrize("events", [3, 40])  # one by one; column by column
@pytest.mark.parametrize(("given", "missing"), [("experiment", "arm"), ("arm", "experiment")])
def test_one_of_the_two_is_a_dead_letter_that_names_the_other(
    topic: Topic, events: int, given: str, missing: str
) -> None:
    records = [Record(n, KEY, message(topic, **_WHOLE)) for n in range(events)]
    records[1] = Record(1, KEY, message(topic, **{given: "x"}))
    prepared = _prepared(topic, records)
    (letter,) = prepared.dead_letters
    assert (letter.offset, letter.stage, letter.reason) == (1, "validate", "missing_field")
    assert letter.detail.startswith(f"{missing}: is missing")
    assert letter.raw == records[1].value
    ((_, rows),) = prepared.rows
    assert rows["kafka_offset"].to_pylist() == [n for n in range(events) if n != 1]
    assert set(rows["experiment"].to_pylist()) == {"hubspot data"}
    assert set(rows["arm"].to_pylist()) == {"without"}


@pytest.mark.parametrize("events", [3, 40])
def test_a_batch_of_half_pairs_has_no_rows(events: int) -> None:
    records = [Record(n, KEY, message(OUTCOMES, arm="x")) for n in range(events)]
    prepared = _prepared(OUTCOMES, records)
    assert prepared.rows == []
    assert [letter.offset for letter in prepared.dead_letters] == list(range(events))


@pytest.mark.parametrize("topic", [OUTCOMES, INTELLIGENCE, HEALTH], ids=lambda topic: topic.name)
def test_events_without_an_experiment_are_what_they_were(topic: Topic) -> None:
    records = [Record(n, KEY, message(topic)) for n in range(40)]
    prepared = _prepared(topic, records)
    assert prepared.dead_letters == []
    for _, rows in prepared.rows:
        assert rows.num_rows == 40
        if "experiment" in rows.schema.names:
            assert set(rows["experiment"].to_pylist()) == set(rows["arm"].to_pylist()) == {""}
