from __future__ import annotations

import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from reports.csv_injection import neutral
from reports.export_columns import flat, unnamed
from reports.export_tables import EXPORTABLE

# As ClickHouse sends an array of texts.
TEXTS = pa.list_(pa.field("item", pa.string(), nullable=False))
QUERIES, SCORES = EXPORTABLE["queries"], EXPORTABLE["scores"]


@settings(deadline=None)
@given(st.lists(st.none() | st.text(alphabet="=+-@\uff1d\uff0d \u3000\u200b\t\r\nab'1", max_size=4)))
def test_a_column_is_disarmed_as_each_cell_would_be(cells: list[str | None]) -> None:
    batch = pa.RecordBatch.from_pydict({"text": pa.array(cells, pa.string())})
    assert flat(batch).column("text").to_pylist() == [neutral(cell) for cell in cells]


def test_lists_become_text_and_are_disarmed_too() -> None:
    batch = pa.RecordBatch.from_pydict({"used": pa.array([["hubspot", "shopify"], ["=cmd"], []], TEXTS)})
    assert flat(batch).column("used").to_pylist() == ["hubspot, shopify", "'=cmd", ""]


def test_numbers_and_times_stay_what_they_are() -> None:
    batch = pa.RecordBatch.from_pydict({"n": pa.array([-1, 2]), "share": pa.array([-0.5, None])})
    assert flat(batch).equals(batch)


def _events() -> pa.RecordBatch:
    return pa.RecordBatch.from_pydict(
        {
            "user_id": ["t", "t", "t"],
            "customer_id": ["k1.a", "k1.b", ""],
            "channel": ["web", "web", "web"],
            "country": ["MT", "DE", "MT"],
            "customer_segment": ["smb", "smb", "smb"],
            "conversation_id": ["1", "2", "3"],
            "response_time_ms": [1, 2, 3],
        }
    )


def test_a_customer_of_a_small_group_is_neither_named_nor_described_and_still_counted() -> None:
    batch, concerned = unnamed(_events(), QUERIES, [("t", "web", "MT", "smb")])
    assert concerned == 1
    assert batch.to_pylist()[0] == {
        "user_id": "t",
        "customer_id": "",
        "channel": "",
        "country": "",
        "customer_segment": "",
        "conversation_id": "",
        "response_time_ms": 1,
    }
    assert batch.to_pylist()[1:] == _events().to_pylist()[1:]
    assert batch.schema == _events().schema


def test_a_row_that_says_nothing_but_of_its_customer_is_left_out() -> None:
    scores = pa.RecordBatch.from_pydict(
        {"model": ["churn", "churn"], "user_id": ["t", "u"], "customer_id": ["k1.a", "k1.b"], "probability": [0.1, 0.9]}
    )
    batch, concerned = unnamed(scores, SCORES, [("t", "churn")])
    assert concerned == 1
    assert batch.column("user_id").to_pylist() == ["u"]


def test_without_small_groups_nothing_changes() -> None:
    batch, concerned = unnamed(_events(), QUERIES, [])
    assert (batch, concerned) == (_events(), 0)
