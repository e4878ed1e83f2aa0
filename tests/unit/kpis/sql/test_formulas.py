from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from kpis.kpi import Aggregate
from kpis.query import ALL_TENANTS, Scope, build_query
from kpis.registry import ALL
from kpis.sources.conversation_counts import CONVERSATIONS, counts
from kpis.sources.queries import QUERIES
from kpis.sql.dialect import Bound, Grafana
from kpis.sql.formulas import share, summed, total
from kpis.sql.query_context import QueryContext

HOUR = datetime(2026, 11, 22, 10, tzinfo=UTC)
WHOLE = Scope(HOUR - timedelta(days=30), HOUR, ALL_TENANTS)
DECLARED = {
    id_: kpi.computed for id_, kpi in ALL.items() if isinstance(kpi.computed, Aggregate) and kpi.computed.source.columns
}


@pytest.mark.parametrize("id_", DECLARED)
def test_a_figure_declares_exactly_the_columns_that_it_reads(id_: str) -> None:
    computed = DECLARED[id_]
    words = set(re.findall(r"\w+", f"{computed.value} {computed.n} {computed.low} {computed.high}"))
    assert computed.columns == words & computed.source.columns


def test_a_figure_that_reads_a_column_its_source_does_not_have_is_refused_when_it_is_defined() -> None:
    with pytest.raises(ValueError, match=r"expected columns among .*queries"):
        total(summed("querries"), summed("queries")).over(QUERIES)
    with pytest.raises(ValueError, match="expected columns among"):
        Aggregate(CONVERSATIONS, "count()", "count()")
    with pytest.raises(ValueError, match="no column durable"):
        counts(QueryContext(Bound(WHOLE), reads=frozenset({"durable"})))


def test_terms_add_up_with_the_columns_that_they_read() -> None:
    formula = share(summed("resolved_count") - summed("reopened", where="data_used"), summed("conversations"))
    assert formula.value.startswith("(sum(resolved_count) - sumIf(reopened, data_used)) / ")
    assert formula.columns == {"resolved_count", "reopened", "data_used", "conversations"}


def test_a_column_whose_name_is_part_of_another_is_not_read_for_it() -> None:
    sql = counts(QueryContext(Bound(WHOLE), reads=frozenset({"expected_count"})))
    assert not re.search(r"\b(ended_count|customer_segment|gap_count|conversations)\b", sql)


@pytest.mark.parametrize("id_", ["query_count", "latency_p95_ms", "csat"])
def test_the_minutes_at_the_ends_of_a_range_are_read_only_where_it_does_not_end_on_hours(id_: str) -> None:
    whole = build_query([id_], WHOLE).sql
    for other in (
        replace(WHOLE, start=HOUR - timedelta(hours=99, minutes=1)),
        replace(WHOLE, end=HOUR + timedelta(0, 1)),
    ):
        assert build_query([id_], other).sql.count("SELECT") > whole.count("SELECT")


def test_a_panel_whose_range_is_chosen_later_reads_the_minutes_at_its_ends() -> None:
    assert not Grafana().ends_on_hours
