from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

import pytest
from clickhouse_connect.driver.client import Client

from kpis.explain import Question
from kpis.kpi import Unit
from models.query import Query
from reports import changes
from reports.changes import mover
from tests.unit.reports.sample import figure, report


def test_the_figure_that_moved_most_for_what_is_worth_mentioning_is_explained() -> None:
    little = figure("csat", value=4.0, before=4.1)
    much = figure("durable_resolution_rate", unit=Unit.RATIO, value=0.40, before=0.52)
    assert mover([little, much]) == much


def test_what_cannot_be_explained_has_no_direction_or_too_little_data_is_not_the_one() -> None:
    assert mover([figure("roi", unit=Unit.MONEY_RATIO, value=1.0, before=9.0)]) is None
    assert mover([figure("conversation_count", unit=Unit.COUNT, value=1, before=9, good="neutral")]) is None
    assert mover([figure("csat", value=1.0, before=4.0, state="unknown")]) is None
    assert mover([figure("csat", value=4.0, before=4.001)]) is None
    assert mover([]) is None


def test_the_figure_that_moved_most_is_explained_in_the_currency_of_the_report(monkeypatch: pytest.MonkeyPatch) -> None:
    def rows(_: Client, queries: Mapping[Question, Query]) -> dict[Question, list[dict[str, Any]]]:
        return {
            one: [{"gross_savings": 1.0 if one.period == "before" else 2.5, "gross_savings_n": 90.0, one.by: "one"}]
            for one in queries
        }

    monkeypatch.setattr(changes, "query_all", rows)
    monkeypatch.setattr(changes, "tenant_names", lambda _: {})
    moved = figure("gross_savings", unit=Unit.MONEY, value=2.5, before=1.0)._replace(currency="KWD")
    said = changes.with_explanation(cast("Client", None), report(figures=(moved,))).summary[-1]
    assert said.startswith("What changed most: Gross savings rose by KWD 1.500, from KWD 1.000 to KWD 2.500")
