"""Executive Overview: what a manager reads in ten seconds, and nothing else."""

from __future__ import annotations

import re

from dashboards import moves, tiles
from dashboards.panel import PanelType
from dashboards.tabs import executive
from kpis.at_risk import value_at_risk
from kpis.query import select
from kpis.registry import get
from kpis.sql.dialect import Grafana


def test_three_rows_of_three_tiles_come_first_ai_money_and_integrations() -> None:
    rows = executive.TAB.rows
    assert [row.title for row in rows[:3]] == ["AI", "Money", "Integrations"]
    assert [[panel.tile.kpi for panel in row.panels if panel.tile] for row in rows[:3]] == [
        ["durable_resolution_rate", "csat", "handoff_rate"],
        ["net_savings", "roi", "influenced_revenue"],
        ["query_success_rate", "integration_uptime", "open_incidents"],
    ]
    for row in rows[:3]:
        assert sum(panel.width for panel in row.panels) == 24
        assert [panel.title for panel in row.panels] == [
            get(panel.tile.kpi).title for panel in row.panels if panel.tile
        ]


def test_then_the_trend_of_each_group_and_what_changed_and_what_to_do() -> None:
    trends, now = executive.TAB.rows[3:]
    assert [panel.picture for panel in trends.panels] == [
        PanelType.TIME_SERIES,
        PanelType.TIME_BARS,
        PanelType.TIME_SERIES,
    ]
    assert [panel.title for panel in now.panels] == ["Largest changes", "What to do now"]


def test_the_incidents_tile_says_what_is_at_stake() -> None:
    (panel,) = (panel for panel in executive.TAB.panels if panel.tile and panel.tile.kpi == "open_incidents")
    said = [tiles.statement(one.tile, Grafana()) for one in (panel, executive.TAB.panels[0]) if one.tile is not None]
    assert ["at risk" in sql for sql in said] == [True, False]


def test_nothing_is_read_for_money_at_risk_where_no_incident_is_open() -> None:
    sql = value_at_risk(Grafana())
    assert "if(count() = 0," in sql, "the smallest of no times would be 1970"


def test_every_figure_that_is_compared_is_named_as_in_the_registry_and_judged_by_its_good_direction() -> None:
    arrays = re.findall(r"\[('[^\[\]]*')\] AS (\w+)", moves.statement(Grafana()))
    columns = {name: [one.strip("'") for one in values.split(", ")] for values, name in arrays}
    assert columns["id"] == list(moves.FIGURES)
    assert columns["title"] == [get(id_).title for id_ in moves.FIGURES]
    judged = dict(zip(columns["id"], zip(columns["up"], columns["down"], strict=True), strict=True))
    assert judged["handoff_rate"] == ("worse", "better")
    assert judged["csat"] == ("better", "worse")
    assert judged["conversation_count"] == ("changed", "changed")
    assert select(moves.FIGURES, Grafana(), bounds=False)
