"""What single tabs show, and how they look beside each other."""

from __future__ import annotations

import json
import re
from functools import partial

from dashboards import tiles
from dashboards.grafana import render
from dashboards.panel import Tab
from dashboards.tabs import ALL, names
from kpis.sql.dialect import Grafana
from tests.unit.dashboards.built import Dashboard, overrides, panels

_NOBODY = Grafana(variables=())


def test_the_monitor_opens_with_its_own_range_whatever_leads_to_it() -> None:
    for tab in ALL:
        for piece in re.findall(r'"(/d/romashka-realtime[^"]*)"', render(tab)):
            assert "__url_time_range" not in piece, (tab.uid, piece)
    (monitor,) = (json.loads(render(tab)) for tab in ALL if tab.uid == names.REAL_TIME)
    assert monitor["time"] == {"from": "now-15m", "to": "now"}


def test_tiles_beside_each_other_share_statements_and_no_tab_asks_more_than_a_reader_waits_for() -> None:
    for tab in ALL:
        built = json.loads(render(tab))
        asked = [one for panel in panels(built) for one in panel["targets"] if "rawSql" in one]
        tiles = [panel for panel in tab.panels if panel.tile is not None]
        assert len({panel.tile.asks for panel in tiles if panel.tile is not None}) <= max(1, 2 * len(tiles) // 3), (
            tab.uid
        )
        assert len(asked) <= 16, tab.uid


def test_a_forecast_stands_beside_what_was_for_a_week_each_whatever_range_is_chosen() -> None:
    (built,) = (json.loads(render(tab)) for tab in ALL if tab.uid == names.PREDICTIVE)
    forecasts = [panel for panel in panels(built) if "forecast" in panel["title"].lower()]
    assert len(forecasts) == 2
    for panel in forecasts:
        # Grafana: fourteen days from now on, moved back by seven.
        assert (panel["timeFrom"], panel["timeShift"]) == ("+14d", "7d")
        sql = panel["targets"][0]["rawSql"]
        assert "AS actual" in sql
        assert "AS forecast," in sql
        assert "- INTERVAL 7 DAY" in sql
    assert built["time"] == {"from": "now-719h/h", "to": "now/h"}


def test_the_journey_stands_where_the_answer_says_and_has_few_enough_lines_to_follow() -> None:
    (built,) = (json.loads(render(tab)) for tab in ALL if tab.uid == names.CONVERSATIONS)
    (graph,) = (panel for panel in panels(built) if panel["type"] == "nodeGraph")
    for place in ("AS fixedx", "AS fixedy"):  # Grafana's own layouts take seconds
        assert place in graph["targets"][0]["rawSql"]
    assert "LIMIT 20" in graph["targets"][1]["rawSql"]
    assert "AS thickness" in graph["targets"][1]["rawSql"]


def test_conversations_that_went_badly_say_why_and_none_ended_well() -> None:
    (built,) = (json.loads(render(tab)) for tab in ALL if tab.uid == names.CONVERSATIONS)
    (table,) = (panel for panel in panels(built) if panel["title"] == "Conversations that went badly")
    sql = table["targets"][0]["rawSql"]
    assert "NOT (resolved AND NOT returned AND ifNull(satisfaction, 3) > 2)" in sql
    assert "arrayStringConcat(providers, ', ')" in sql, "arrays are words"
    assert list(overrides(table))[1] == "why"


def test_a_chance_is_shown_only_of_a_trained_model() -> None:
    (built,) = (json.loads(render(tab)) for tab in ALL if tab.uid == names.PREDICTIVE)
    for panel in panels(built):
        for target in panel["targets"]:
            sql = target.get("rawSql", "")
            assert len(re.findall(r"(?<!ai_)confidence_score(?!_)", sql)) == sql.count(
                "if(kind IN ('churn_risk', 'likely_upsell'), confidence_score, NULL)"
            ), panel["title"]
        if "'churn_risk'" in json.dumps(panel) or "'upsell_opportunity'" in json.dumps(panel):
            assert "probability" not in json.dumps(panel).lower(), panel["title"]


def test_states_in_text_are_split_into_a_row_for_each_integration() -> None:
    (built,) = (json.loads(render(tab)) for tab in ALL if tab.uid == "romashka-health")
    (timeline,) = (panel for panel in panels(built) if panel["type"] == "state-timeline")
    (split,) = timeline["transformations"]
    assert split["id"] == "partitionByValues"
    assert split["options"]["fields"] == ["integration"]
    assert timeline["targets"][0]["format"] == 1


def test_the_map_sizes_its_marks_by_the_figure_and_calls_no_tile_server() -> None:
    (built,) = (json.loads(render(tab)) for tab in ALL if tab.uid == "romashka-conversations")
    (map_,) = (panel for panel in panels(built) if panel["type"] == "geomap")
    assert map_["options"]["basemap"]["type"] == "geojson"
    assert map_["options"]["view"]["id"] == "coords", "fit shows Antarctica where rows come late"
    assert map_["options"]["basemap"]["config"]["src"].startswith("public/")
    assert map_["options"]["layers"][0]["config"]["style"]["size"]["field"] == "conversation_count"


def test_the_seven_tabs_of_the_document_are_there_once() -> None:
    assert [tab.title for tab in ALL][:7] == [
        "Executive Overview",
        "Integration Health",
        "AI Performance",
        "Business Impact",
        "Conversation Intelligence",
        "Predictive Analytics",
        "Real-Time Integration Monitor",
    ]
    assert len({tab.uid for tab in ALL}) == len(ALL)


def test_the_monitor_asks_four_statements_each_time_it_refreshes() -> None:
    (monitor,) = (tab for tab in ALL if tab.uid == names.REAL_TIME)
    built: Dashboard = json.loads(render(monitor))
    asked = [target for panel in built["panels"] for target in panel.get("targets", ()) if "rawSql" in target]
    assert len(asked) <= 4
    assert [panel["title"] for panel in built["panels"] if panel["type"] == "row" and panel["collapsed"]]
    assert built["annotations"]["list"] == []
    assert {one.get("refresh", 1) for one in built["templating"]["list"]} == {1}


def test_panels_that_share_an_answer_find_their_columns_in_it(tab: Tab) -> None:
    asking = {panel.id: ask.shared.render for panel in tab.panels for ask in panel.asks.values() if ask.shared}
    asking |= {panel.id: partial(tiles.statement, panel.tile) for panel in tab.panels if panel.tile is not None}
    for panel in tab.panels:
        for ask in panel.asks.values():
            if ask.shared is not None:
                whole = asking[ask.shared.panel]
                assert whole is ask.shared.render or whole(_NOBODY) == ask.shared.render(_NOBODY)
                names = [*(column.name for column in panel.columns), *([ask.shared.line] if ask.shared.line else [])]
                assert all(name in whole(_NOBODY) for name in names)


def test_a_chart_of_the_steps_of_a_tile_draws_these_rows_only() -> None:
    """Beside them the tile's answer has the figures before and now, which are no days."""
    (overview,) = (tab for tab in ALL if tab.uid == names.EXECUTIVE)
    built = {one["id"]: one for one in panels(json.loads(render(overview)))}
    for id_, asked in ((10, 2), (11, 7)):
        (target,) = built[id_]["targets"]
        assert target["panelId"] == asked
        assert f" AS {tiles.LINE}" in built[asked]["targets"][0]["rawSql"]
        rows, *_, series = built[id_]["transformations"]
        assert rows["id"] == "filterByValue"
        assert [(one["fieldName"], one["config"]["id"]) for one in rows["options"]["filters"]] == [
            (tiles.LINE, "isNotNull")
        ]
        # Of no rows it makes no series, so that Grafana says in words that there is nothing.
        assert (series["id"], series["options"]["fields"]) == ("partitionByValues", [tiles.LINE])


def test_the_monitor_shows_a_card_for_each_integration_and_the_alerts_of_grafana() -> None:
    (monitor,) = (tab for tab in ALL if tab.uid == names.REAL_TIME)
    built: Dashboard = json.loads(render(monitor))
    cards, alerts = (next(one for one in panels(built) if one["id"] == id_) for id_ in (1, 4))
    assert cards["type"] == "stat"
    assert cards["options"]["colorMode"] == "background_solid"
    assert [one["id"] for one in cards["transformations"]] == ["filterFieldsByName", "rowsToFields"]
    (states,) = cards["fieldConfig"]["defaults"]["mappings"]
    assert {text: one["color"] for text, one in states["options"].items()} == {
        "healthy": "green",
        "degraded": "orange",
        "critical": "red",
    }
    assert alerts["type"] == "alertlist"
    assert alerts["options"]["stateFilter"]["firing"]
