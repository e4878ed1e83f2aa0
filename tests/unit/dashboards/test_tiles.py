"""Tiles: one statement for several, and what it says of each."""

from __future__ import annotations

import re

import pytest

from dashboards import tiles
from dashboards.panel import Tile
from dashboards.tabs import ALL
from dashboards.tabs.parts import tile, together
from kpis.kpi import Unit
from kpis.registry import get
from kpis.scope import Interval
from kpis.sql.dialect import Grafana

SAVED = Tile("net_savings", ("net_savings", "roi"), 1, Interval.DAY)


def test_figures_of_one_family_are_computed_once_for_a_range_and_the_one_before() -> None:
    sql = tiles.statement(SAVED, Grafana())
    assert sql.count("ledger AS\n") == 1
    assert sql.count("$__fromTime") < 15, "both ends are constants, not expressions in every predicate"


def test_the_money_at_risk_is_looked_up_once_however_often_its_text_names_it() -> None:
    sql = tiles.statement(Tile("open_incidents", ("open_incidents",), 1, Interval.DAY), Grafana())
    assert sql.count("WITH incidents AS") == 1


@pytest.mark.parametrize("id_", ["open_incidents", "net_savings", "influenced_revenue", "csat"])
def test_texts_name_columns_alone_since_a_constant_is_resolved_again_at_each_place(id_: str) -> None:
    sql = tiles.statement(Tile(id_, (id_,), 1, Interval.DAY), Grafana())
    shown = sql[sql.index("SELECT u.time") : sql.index(" FROM\n(\nSELECT *")]
    assert not re.findall(r"(?<![.\w])(?:sign|at_stake|range_start|range_end|before_start)\b|SELECT (?!u\.time)", shown)


@pytest.mark.parametrize("id_", ["open_incidents", "net_savings", "conversion_lift", "csat"])
def test_times_around_the_steps_are_computed_in_one_place(id_: str) -> None:
    sql = tiles.statement(Tile(id_, (id_,), 1, Interval.DAY), Grafana())
    assert sql.count("range_start - INTERVAL 1 SECOND") == 1


def test_bounds_that_no_tile_shows_are_not_computed() -> None:
    rate = Tile("csat", ("csat",), 1, Interval.DAY)
    assert "sqrt" not in tiles.statement(rate, Grafana())


def test_a_change_is_left_out_rather_than_infinite_where_there_was_nothing_before() -> None:
    sql = tiles.statement(SAVED, Grafana())
    assert "ifNull(u.roi, 0) = 0" in sql
    assert "inf" in sql


def test_a_tile_without_a_figure_says_why_in_a_few_words() -> None:
    sql = tiles.statement(SAVED, Grafana())
    for reason in ("Choose a tenant", "costs are not set", "no data in this range"):
        assert f"'{reason}'" in sql


def test_figures_that_the_same_variables_narrow_are_asked_together_and_others_apart() -> None:
    panels = together(
        tile(1, "Question?", "net_savings"),
        tile(2, "Question?", "csat"),
        tile(3, "Question?", "roi"),
        every=Interval.DAY,
    )
    found = [panel.tile for panel in panels]
    assert [one.asks for one in found if one] == [1, 2, 1]
    assert [one.group for one in found if one] == [("net_savings", "roi"), ("csat",), ("net_savings", "roi")]


def test_a_lift_has_no_line_since_a_day_has_too_few_conversations_to_compare() -> None:
    sql = tiles.statement(Tile("csat_lift", ("csat_lift",), 1, Interval.DAY), Grafana())
    assert "GROUPING SETS" not in sql


@pytest.mark.parametrize(
    ("unit", "form"),
    [(Unit.RATIO, "' %'"), (Unit.MONEY_RATIO, "' %'"), (Unit.MILLISECONDS, "' s'"), (Unit.MINUTES, "' min'")],
)
def test_a_figure_before_is_written_with_its_unit(unit: Unit, form: str) -> None:
    assert form in tiles.text(unit, "x")


def test_every_tile_shows_one_figure_of_the_statement_that_it_shares() -> None:
    found = [(tab, panel, panel.tile) for tab in ALL for panel in tab.panels if panel.tile is not None]
    assert len(found) > 25
    for tab, panel, own in found:
        (asking,) = (one for one in tab.panels if one.id == own.asks)
        assert asking.tile is not None
        assert asking.tile.group == own.group
        assert own.kpi in own.group
        assert panel.title == get(own.kpi).title
