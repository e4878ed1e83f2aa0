from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dashboards.panel import Column
from kpis.kpi import Unit
from reports.report import Exhibit
from reports.series import side_by_side

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


def exhibit(rows: list[dict[str, Any]], *columns: Column) -> Exhibit:
    return Exhibit("Query error rate by integration", "", columns, rows, None, "Nothing")


def test_labels_stand_beside_each_other_in_the_unit_of_the_figure() -> None:
    rows = [
        {"time": NOON, "provider": "hubspot", "rate": 0.1},
        {"time": NOON, "provider": "time", "rate": 0.2},
        {"time": NOON + timedelta(hours=1), "provider": "time", "rate": None},
    ]
    made = side_by_side(exhibit(rows, Column("rate", "Query error rate", Unit.RATIO)))
    assert [column.title for column in made.columns] == ["Time", "hubspot", "time"]
    assert [column.unit for column in made.columns] == [None, Unit.RATIO, Unit.RATIO]
    assert [list(row.values()) for row in made.rows] == [[NOON, 0.1, 0.2], [NOON + timedelta(hours=1), None, None]]


@pytest.mark.parametrize(
    "rows",
    [
        [],
        [{"time": NOON, "rate": 0.1}],
        [{"time": NOON, "provider": "hubspot", "rate": 0.1}],
        [{"time": NOON, "provider": "hubspot", "rate": 0.1}, {"time": NOON, "provider": "hubspot", "rate": 0.2}],
        [{"time": NOON, "provider": "hubspot", "kind": "auth"}, {"time": NOON, "provider": "shopify", "kind": "auth"}],
        [{"provider": "hubspot", "kind": "auth", "rate": 0.1}],
    ],
)
def test_any_other_table_stays_as_it_is(rows: list[dict[str, Any]]) -> None:
    given_ = exhibit(rows)
    assert side_by_side(given_) is given_


@settings(max_examples=50, deadline=None)
@given(
    st.dictionaries(
        st.tuples(st.integers(0, 5), st.text(min_size=1, max_size=4)), st.floats(allow_nan=False), min_size=1
    )
)
def test_no_number_is_lost_or_moved(cells: dict[tuple[int, str], float]) -> None:
    rows = [
        {"time": NOON + timedelta(hours=hour), "label": label, "value": value} for (hour, label), value in cells.items()
    ]
    made = side_by_side(exhibit(rows))
    if "label" in made.rows[0]:
        assert made.rows == rows
        return
    titles = [column.title for column in made.columns][1:]
    found = {
        ((row["time"] - NOON) // timedelta(hours=1), title): value
        for row in made.rows
        for title, value in zip(titles, list(row.values())[1:], strict=True)
        if value is not None
    }
    assert found == cells
