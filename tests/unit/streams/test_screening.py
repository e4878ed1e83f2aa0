"""Personal data in labels is replaced; everything else stays as it is."""

from __future__ import annotations

import pyarrow as pa
import pytest

from models.rows import INTELLIGENCE, QUERY_METRICS
from models.topics import QUERIES
from streams.decode import Record
from streams.metrics import Metrics
from streams.pseudonyms import Pseudonymiser
from streams.screening import LabelScreen, screened
from streams.topic_processor import Admitted, TopicProcessor
from tests.examples import events
from tests.examples.events import KEY, NOW, SECRET, message, source


@pytest.mark.parametrize(
    ("text", "clean", "kinds"),
    [
        ("ask anna.smith+x@mail.example.co.uk again", "ask [e-mail] again", ("e-mail",)),
        ("почта анна@пример.рф", "почта [e-mail]", ("e-mail",)),
        ("card 4111 1111 1111 1111 refused", "card [card] refused", ("card",)),
        ("5500-0000-0000-0004", "[card]", ("card",)),
        ("call +49 30 901820 today", "call [phone] today", ("phone",)),
        ("+1 (650) 253-0000", "[phone]", ("phone",)),
        ("anna@example.com or +44 20 7031 3000", "[e-mail] or [phone]", ("e-mail", "phone")),
    ],
)
def test_personal_data_is_replaced_by_its_kind(text: str, clean: str, kinds: tuple[str, ...]) -> None:
    assert screened(text) == (clean, kinds)


@pytest.mark.parametrize(
    "text",
    [
        "contact_lookup",
        "order 4111111111111112",  # no card: its check digit is wrong
        "2026-11-29 10:15:00",
        "6f1c7b1e-4a0d-4f5c-9b57-3d1f1e6f0a11",
        "SKU 00012345678",
        "@mention",
        "v1.2.3.4",
        "größe 📇",
        "",
    ],
)
def test_what_only_looks_like_it_stays(text: str) -> None:
    assert screened(text) == (text, ())


def test_lists_and_nulls_keep_their_shape_and_every_label_counts() -> None:
    lists = pa.array(
        [["a", "anna@example.com"], [], ["anna@example.com"]], INTELLIGENCE.field("knowledge_gaps_identified").type
    )
    batch = pa.RecordBatch.from_arrays([lists], names=["knowledge_gaps_identified"])
    rows, found = LabelScreen().rows(batch)
    assert rows["knowledge_gaps_identified"].to_pylist() == [["a", "[e-mail]"], [], ["[e-mail]"]]
    assert found == {"e-mail": 2}
    assert rows.schema == batch.schema


def test_an_event_with_personal_data_in_its_labels_is_taken_and_counted_without_it() -> None:
    metrics = Metrics()
    ingest = TopicProcessor(QUERIES, Pseudonymiser(SECRET, "k1"), metrics, screen=LabelScreen())
    fields = {"query_type": "find anna@example.com", "channel": "+49 30 901820"}
    records: list[Record] = [events.Record(place, KEY, message(QUERIES, **fields)) for place in range(3)]
    ((_, rows),) = ingest.prepare([Admitted(source(QUERIES), records, {KEY})], now=NOW)[0].rows
    assert rows.schema.equals(QUERY_METRICS)
    assert set(rows["query_type"].to_pylist()) == {"find [e-mail]"}
    assert set(rows["channel"].to_pylist()) == {"[phone]"}
    labels = {"topic": QUERIES.name, "kind": "e-mail"}
    assert metrics.registry.get_sample_value("romashka_screened_labels_total", labels) == 3
