"""Insights as rows: keyed by what happened, so that saying them again replaces them."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from uuid import UUID

from sinks.insight_rows import insight_rows, latest
from sinks.memory import MemorySink
from tests.examples.insights import STARTED, insight


def test_a_row_keeps_every_field() -> None:
    (row,) = insight_rows([insight(members=(UUID(int=7),), predicted_value=12.345)]).to_pylist()
    assert row["id"] == insight().id.bytes
    assert row["members"] == [UUID(int=7).bytes]
    assert (row["confidence_score"], row["predicted_value"]) == (Decimal("0.9876"), Decimal("12.3450"))
    assert (row["observed"], row["unit"], row["ended_at"]) == (90.0, "%", None)
    assert row["created_at"] == row["started_at"] == STARTED


def test_an_insight_that_develops_replaces_its_row_and_keeps_its_place() -> None:
    sink = MemorySink()
    later = insight(status="closed", ended_at=STARTED + timedelta(hours=1), updated_at=STARTED + timedelta(hours=2))
    for told in (insight(), later, insight()):
        sink.write("predictive_insights", insight_rows([told]))
    (row,) = sink.rows("predictive_insights")
    assert row["status"] == "closed"


def test_of_what_was_told_several_times_the_newest_counts() -> None:
    other = insight(integration_provider="shopify")
    newer = insight(severity="warning", updated_at=STARTED + timedelta(minutes=5))
    assert latest([newer, other, insight()]) == [newer, other]
    assert latest([insight(), insight(severity="info")]) == [insight(severity="info")]


def test_times_are_whole_milliseconds_as_the_table_keeps_them() -> None:
    (row,) = insight_rows([insight(updated_at=STARTED.replace(microsecond=123_987))]).to_pylist()
    assert row["updated_at"].microsecond == 123_000
