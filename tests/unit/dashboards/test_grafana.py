"""The generated dashboards against the rules of Grafana's dashboard linter, and of grid and ids."""

from __future__ import annotations

import json
import re
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
import yaml

from cli.grafana import FOLDERS
from dashboards import column_widths, prometheus
from dashboards.clickhouse import PLUGIN, PLUGIN_VERSION
from dashboards.grafana import TAG, render
from dashboards.links import address
from dashboards.panel import WIDTH, Origin, PanelLink, PanelType, Tab
from dashboards.tabs import ALL, names
from dashboards.units import FORMATS
from kpis.kpi import Unit
from kpis.registry import get
from kpis.sql.dialect import Grafana
from simulator.catalogue import PROFILES

Dashboard = dict[str, Any]
_NOBODY = Grafana(variables=())
# Models are shared, and what is rejected or asked belongs to the system itself.
_OF_NO_TENANT = ("customer_model_quality", "customer_model_deciles", "dead_letters", "system.query_log")


@pytest.fixture(params=ALL, ids=lambda tab: tab.uid)
def tab(request: pytest.FixtureRequest) -> Tab:
    one: Tab = request.param
    return one


@pytest.fixture
def built(tab: Tab) -> Dashboard:
    dashboard: Dashboard = json.loads(render(tab))
    return dashboard


def panels(built: Dashboard) -> list[Dashboard]:
    """Every panel, those of collapsed rows included."""
    every = [one for panel in built["panels"] for one in (panel, *panel.get("panels", ()))]
    return [panel for panel in every if panel["type"] != "row"]


def test_a_dashboard_has_a_stable_uid_and_no_id_and_cannot_be_edited(built: Dashboard, tab: Tab) -> None:
    assert built["uid"] == tab.uid
    assert built.get("id") is None
    assert built["editable"] is False
    assert 39 <= built["schemaVersion"] <= 42
    assert built["title"]
    assert built["description"]
    assert built["refresh"]


def test_a_tab_leads_to_every_other_one_in_the_order_of_reading_with_what_is_chosen(built: Dashboard) -> None:
    assert built["tags"] == [TAG]
    assert [link["title"] for link in built["links"]] == [tab.title for tab in ALL if tab.uid != built["uid"]]
    for link in built["links"]:
        assert link["type"] == "link"
        assert link["includeVars"] is True
        assert link["keepTime"] is (names.REAL_TIME not in {built["uid"], link["url"].removeprefix("/d/")})


def test_links_and_marks_have_no_placement_since_grafana_then_hides_them(built: Dashboard) -> None:
    for one in (*built["links"], *built["annotations"]["list"]):
        assert "placement" not in one


def test_the_monitor_opens_with_its_own_range_whatever_leads_to_it() -> None:
    for tab in ALL:
        for piece in re.findall(r'"(/d/romashka-realtime[^"]*)"', render(tab)):
            assert "__url_time_range" not in piece, (tab.uid, piece)
    (monitor,) = (tab for tab in ALL if tab.uid == names.REAL_TIME)
    assert (monitor.span, monitor.until) == ("now-15m", "now")


def test_the_first_variable_is_the_data_source_and_the_others_reload_with_the_range(built: Dashboard) -> None:
    source, *others = built["templating"]["list"]
    assert (source["name"], source["label"], source["query"]) == ("datasource", "Data source", PLUGIN)
    for variable in others:
        if variable["type"] == "datasource":
            assert (variable["name"], variable["query"]) == ("prometheus", prometheus.PLUGIN)
            continue
        assert variable["refresh"] == 1, "the lists do not depend on the range"
        assert variable["allValue"] == "all"
        assert variable["datasource"]["uid"] == "${datasource}"
        assert variable["query"]["editorType"] == "sql"


def test_a_panel_is_named_as_teams_name_it_and_its_description_begins_with_its_question(built: Dashboard) -> None:
    for panel in panels(built):
        assert "?" not in panel["title"], panel["title"]
        assert len(panel["title"]) <= 50, panel["title"]
        assert re.match(r"[A-Z][^.]+\? [A-Z0-9]", panel["description"]), panel["title"]
        assert len(panel["description"]) > 20, panel["title"]
        assert panel["fieldConfig"]["defaults"]["noValue"], panel["title"]
        assert panel["fieldConfig"]["defaults"]["unit"] in {"none", *(format_.unit for format_ in FORMATS.values())}


def test_every_target_is_for_the_source_of_its_panel(built: Dashboard) -> None:
    for panel in panels(built):
        assert panel["targets"] or panel["type"] == "alertlist", panel["title"]
        for target in panel["targets"]:
            assert target["datasource"] == panel["datasource"]
            if target["datasource"] == {"type": prometheus.PLUGIN, "uid": "${prometheus}"}:
                assert target["expr"], panel["title"]
                continue
            if target["datasource"] == {"type": "datasource", "uid": "-- Dashboard --"}:
                (asking,) = (one for one in panels(built) if one["id"] == target["panelId"])
                assert asking["targets"][0]["rawSql"], panel["title"]
                continue
            if target["datasource"] == {"type": "datasource", "uid": "grafana"}:
                assert target["queryType"] == "measurements"
                assert re.fullmatch(r"stream/\w+/\w+", target["channel"])
                continue
            assert target["datasource"] == {"type": PLUGIN, "uid": "${datasource}"}
            assert target["editorType"] == "sql"
            assert target["pluginVersion"] == PLUGIN_VERSION
            assert any(name in target["rawSql"] for name in ("tenant", *_OF_NO_TENANT)), panel["title"]


def test_ids_are_unique_and_panels_neither_overlap_nor_leave_the_grid(built: Dashboard) -> None:
    every = [one for panel in built["panels"] for one in (panel, *panel.get("panels", ()))]
    ids = [panel["id"] for panel in every]
    assert len(ids) == len(set(ids))
    places = [panel["gridPos"] for panel in every if panel in built["panels"]]
    assert all(place["x"] >= 0 and place["x"] + place["w"] <= WIDTH for place in places)
    for one, other in combinations(places, 2):
        apart = (
            one["x"] + one["w"] <= other["x"]
            or other["x"] + other["w"] <= one["x"]
            or one["y"] + one["h"] <= other["y"]
            or other["y"] + other["h"] <= one["y"]
        )
        assert apart, (one, other)


def test_links_lead_to_tabs_that_exist(built: Dashboard) -> None:
    uids = {tab.uid for tab in ALL}
    text = json.dumps(built)
    for piece in text.split('"/d/')[1:]:
        assert re.split(r'[?"]', piece)[0] in uids


def test_marks_are_moments_on_the_time_axes_that_they_concern(built: Dashboard) -> None:
    on_time = {panel["id"] for panel in panels(built) if panel["type"] == "timeseries"}
    for mark in built["annotations"]["list"]:
        assert "timeEnd" not in mark["target"]["rawSql"], "a region of an open finding tints the whole plot"
        assert mark["filter"]["ids"]
        assert set(mark["filter"]["ids"]) <= on_time
        assert mark["filter"]["exclude"] is False


def test_marks_of_a_tab_are_those_that_it_is_about() -> None:
    marks = {tab.uid: {one["name"] for one in json.loads(render(tab))["annotations"]["list"]} for tab in ALL}
    assert marks[names.REAL_TIME] == set()
    assert marks[names.PIPELINE] == {"Deployments"}
    assert marks[names.EXECUTIVE] == {"Incidents", "KPI changes", "Deployments"}
    assert marks[names.HEALTH] == {"Incidents", "Deployments"}


def test_marks_stand_on_the_charts_that_they_are_about_and_let_the_lines_show_through() -> None:
    (built,) = (json.loads(render(tab)) for tab in ALL if tab.uid == names.EXECUTIVE)
    marks = {one["name"]: one for one in built["annotations"]["list"]}
    titles = {panel["id"]: panel["title"] for panel in panels(built)}
    assert [titles[id_] for id_ in marks["Incidents"]["filter"]["ids"]] == ["Query success rate by integration"]
    assert len(marks["KPI changes"]["filter"]["ids"]) == 2
    for mark in marks.values():
        assert re.fullmatch(r"rgba\(\d+, \d+, \d+, 0\.\d+\)", mark["iconColor"]), mark["name"]
    assert "severity IN ('critical', 'warning')" in marks["Incidents"]["target"]["rawSql"]


def overrides(panel: Dashboard) -> dict[str, Dashboard]:
    """Return the properties of a panel's overrides by the column that they are for."""
    return {
        one["matcher"]["options"]: {property_["id"]: property_["value"] for property_ in one["properties"]}
        for one in panel["fieldConfig"]["overrides"]
    }


def test_an_empty_cell_is_a_dash_and_not_the_sentence_of_an_empty_table(built: Dashboard) -> None:
    for panel in panels(built):
        if panel["type"] == "table":
            assert len(panel["fieldConfig"]["defaults"]["noValue"]) > 5
            assert overrides(panel), panel["title"]
            for column, properties in overrides(panel).items():
                assert properties["noValue"] == "-", (panel["title"], column)


def test_a_coloured_cell_takes_its_colour_from_thresholds_and_is_plain_without_a_line_to_cross(
    built: Dashboard,
) -> None:
    for panel in panels(built):
        if panel["type"] != "table":
            continue
        for column, properties in overrides(panel).items():
            coloured = properties.get("custom.cellOptions", {}).get("type") == "color-text"
            assert coloured == (properties.get("color", {}).get("mode") == "thresholds"), (panel["title"], column)
            if coloured and "mappings" not in properties:
                assert len(properties["thresholds"]["steps"]) > 1, (panel["title"], column)


def test_columns_fit_and_sentences_wrap(built: Dashboard) -> None:
    for panel in panels(built):
        if panel["type"] != "table":
            continue
        assert panel["fieldConfig"]["defaults"]["custom"]["minWidth"] == 70
        for column, properties in overrides(panel).items():
            if column in {"title", "summary", "action", "why", "example"}:
                assert properties["custom.cellOptions"] == {"type": "auto", "wrapText": True}, column


def test_no_tile_is_narrower_than_its_title(built: Dashboard) -> None:
    for panel in panels(built):
        if panel["type"] == "stat":
            assert panel["gridPos"]["w"] >= 6, panel["title"]


def test_a_tile_without_a_value_is_a_grey_dash_with_its_reason_in_the_description(tab: Tab, built: Dashboard) -> None:
    by_id = {panel.id: panel for panel in tab.panels}
    for panel in panels(built):
        if panel["type"] != "stat" or by_id[panel["id"]].card:
            continue
        (nothing,) = panel["fieldConfig"]["defaults"]["mappings"]
        assert nothing["options"] == {"match": "null+nan", "result": {"text": "-", "color": "text", "index": 0}}
        assert by_id[panel["id"]].no_data in panel["description"]


def test_nothing_is_green_without_a_line_that_it_could_cross(built: Dashboard) -> None:
    for panel in panels(built):
        steps = panel["fieldConfig"]["defaults"]["thresholds"]["steps"]
        if len(steps) == 1:
            assert steps[0]["color"] == "text", panel["title"]


def test_a_tile_compares_with_the_period_before_and_colours_the_change_by_the_good_direction(
    tab: Tab, built: Dashboard
) -> None:
    by_id = {panel.id: panel for panel in tab.panels}
    for panel in panels(built):
        tile = by_id[panel["id"]].tile
        if tile is None:
            continue
        options = panel["options"]
        assert (options["graphMode"], options["textMode"]) == ("area", "value_and_name")
        assert options["showPercentChange"] is True
        good = {"up": "standard", "down": "inverted", "neutral": "same_as_value"}[get(tile.kpi).direction]
        assert options["percentChangeColorMode"] == good
        assert options["reduceOptions"]["calcs"] == ["last"], "the last number would be a step where there is no figure"
        settings, only = panel["transformations"]
        named = {one["fieldName"]: one["handlerKey"] for one in settings["options"]["mappings"]}
        assert named[f"{tile.kpi}_says"] == "displayName"
        assert (f"{tile.kpi}_unit" in named) == (get(tile.kpi).unit is Unit.MONEY), "the currency is the tenant's"
        assert only["options"]["include"]["names"] == ["time", tile.kpi]
        assert panel["fieldConfig"]["overrides"] == [], "an override would win over what the answer says"


def test_tiles_beside_each_other_share_statements_and_no_tab_asks_more_than_a_reader_waits_for() -> None:
    for tab in ALL:
        built = json.loads(render(tab))
        asked = [one for panel in panels(built) for one in panel["targets"] if "rawSql" in one]
        tiles = [panel for panel in tab.panels if panel.tile is not None]
        assert len({panel.tile.asks for panel in tiles if panel.tile is not None}) <= max(1, 2 * len(tiles) // 3), (
            tab.uid
        )
        assert len(asked) <= 16, tab.uid


def test_whole_numbers_and_milliseconds_are_not_rounded_to_a_thousand_or_a_second(built: Dashboard) -> None:
    for panel in panels(built):
        settings = [panel["fieldConfig"]["defaults"], *overrides(panel).values()]
        for one in settings:
            if one.get("unit") in {"short", "ms"}:
                assert one.get("decimals") is None, panel["title"]


def test_lines_take_grafanas_distinct_colours_and_providers_one_of_their_own(tab: Tab, built: Dashboard) -> None:
    by_id = {panel.id: panel for panel in tab.panels}
    for panel in panels(built):
        assert panel["fieldConfig"]["defaults"]["color"]["mode"] != "palette-classic-by-name", panel["title"]
        if panel["type"] == "timeseries" and by_id[panel["id"]].by == ("provider",):
            colours = [rule["color"]["fixedColor"] for rule in overrides(panel).values() if "color" in rule]
            assert len(colours) == len(set(colours)) == len(PROFILES)


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
    assert (built["time"]["from"], built["time"]["to"]) == ("now-30d", "now")


def test_the_journey_stands_where_the_answer_says_and_has_few_enough_lines_to_follow() -> None:
    (built,) = (json.loads(render(tab)) for tab in ALL if tab.uid == names.CONVERSATIONS)
    (graph,) = (panel for panel in panels(built) if panel["type"] == "nodeGraph")
    for place in ("AS fixedx", "AS fixedy"):  # Grafana's own layouts take seconds
        assert place in graph["targets"][0]["rawSql"]
    assert "LIMIT 20" in graph["targets"][1]["rawSql"]
    assert "AS thickness" in graph["targets"][1]["rawSql"]


def test_a_wide_chart_says_the_last_value_and_the_mean_of_each_line(tab: Tab, built: Dashboard) -> None:
    by_id = {panel.id: panel for panel in tab.panels}
    for panel in panels(built):
        is_line = by_id[panel["id"]].picture is PanelType.TIME_SERIES and panel["gridPos"]["w"] >= 12
        if is_line and "timeFrom" not in panel:
            assert panel["options"]["legend"]["calcs"] == ["lastNotNull", "mean"], panel["title"]


_TIMES = {"at", "started_at", "ended_at", "last_sync_at", "since", "until", "newest", "measured_at", "restated_at"}
# Of models, of inputs by day, and of rejected messages there is nothing further to see in Grafana.
_NOWHERE = {
    "Model labels",
    "Cost inputs",
    "Dead letters",
    "Journey stages",
    "Performance by segment",
    "Data freshness by topic",
    "Precision by kind of finding",
}


def test_times_in_tables_are_local_and_to_the_minute(built: Dashboard) -> None:
    for panel in panels(built):
        if panel["type"] == "table":
            for column, properties in overrides(panel).items():
                if column in _TIMES and "custom.hidden" not in properties:
                    assert properties["unit"].startswith("time:YYYY-MM-DD"), (panel["title"], column)
                    assert properties["custom.width"] >= 110, (panel["title"], column)


def test_headings_wrap_and_long_tables_have_pages(built: Dashboard) -> None:
    for panel in panels(built):
        if panel["type"] == "table":
            assert panel["fieldConfig"]["defaults"]["custom"]["wrapHeaderText"] is True
            assert panel["options"]["enablePagination"] is (panel["gridPos"]["h"] >= 9), panel["title"]


def test_rows_of_a_table_lead_somewhere(built: Dashboard) -> None:
    for panel in panels(built):
        if panel["type"] == "table" and panel["title"] not in _NOWHERE:
            linked = [column for column, properties in overrides(panel).items() if "links" in properties]
            assert linked or panel.get("links"), panel["title"]


def test_tenants_have_names_wherever_they_are_shown() -> None:
    for tab in ALL:
        for panel in panels(json.loads(render(tab))):
            for target in panel["targets"]:
                sql = target.get("rawSql", "")
                if re.search(r"AS tenant\b", sql) or "AS integration,\n    argMax" in sql:
                    assert "tenant_names" in sql, panel["title"]


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


def test_pictures_that_need_a_row_always_have_one() -> None:
    for tab in ALL:
        for panel in panels(json.loads(render(tab))):
            if panel["type"] in {"heatmap", "state-timeline"}:
                assert "UNION ALL" in panel["targets"][0]["rawSql"], panel["title"]


def test_a_heat_maps_legend_counts_and_does_not_measure() -> None:
    (built,) = (json.loads(render(tab)) for tab in ALL if tab.uid == names.AI_PERFORMANCE)
    (map_,) = (panel for panel in panels(built) if panel["type"] == "heatmap")
    assert map_["fieldConfig"]["defaults"]["unit"] == "none"
    assert map_["options"]["yAxis"]["unit"] == "ms"


def test_folders_and_dashboards_share_no_uid() -> None:
    provisioned = yaml.safe_load(Path("deploy/grafana/provisioning/dashboards/romashka.yaml").read_text("utf-8"))
    folders = {one["folderUid"] for one in provisioned["providers"]}
    assert folders == set(FOLDERS)
    assert not folders & {tab.uid for tab in ALL}


def test_grafana_finds_every_folder_of_provisioning_that_it_looks_for() -> None:
    for name in ("alerting", "dashboards", "datasources", "plugins"):
        assert any(Path("deploy/grafana/provisioning", name).iterdir()), name


def test_every_unit_of_the_registry_has_a_format() -> None:
    assert set(FORMATS) == set(Unit)


def test_a_link_takes_the_range_what_is_chosen_and_the_row_along() -> None:
    link = address(PanelLink("Health", "romashka-health", {"provider": "provider"}, panel=20), ("tenant", "provider"))
    assert link == (
        "/d/romashka-health?${__url_time_range}&${tenant:queryparam}&var-provider=${__data.fields.provider}"
        "&viewPanel=20"
    )


def test_every_link_keeps_what_is_chosen_on_its_page(built: Dashboard) -> None:
    chosen = [variable["name"] for variable in built["templating"]["list"] if variable["name"] != "prometheus"]
    for address_ in re.findall(r'"(/d/[^"]+\?[^"]+)"', json.dumps(built)):
        for name in chosen:
            assert f"${{{name}:queryparam}}" in address_ or f"&var-{name}=" in address_, address_


def test_every_tile_leads_on(tab: Tab) -> None:
    for panel in tab.panels:
        if (
            panel.picture is PanelType.STAT
            and panel.origin is Origin.TABLES
            and not panel.is_live
            and panel.height == 4
        ):
            assert panel.link is not None, panel.title
            target = next(one for one in ALL if one.uid == panel.link.tab)
            assert panel.link.panel is None or panel.link.panel in {one.id for one in target.panels}


def test_a_series_is_named_by_its_labels_and_not_like_every_other_one(tab: Tab, built: Dashboard) -> None:
    by_id = {panel["id"]: panel for panel in panels(built)}
    for panel in tab.panels:
        if not panel.by or panel.card:
            continue
        config = by_id[panel.id]["fieldConfig"]
        set_ = [one for rule in config["overrides"] for one in rule["properties"]]
        names = [one["value"] for one in set_ if one["id"] == "displayName"]
        for name in names or [config["defaults"]["displayName"]]:
            labels = re.findall(r"\$\{__(?:field\.labels|data\.fields)\.(\w+)\}", name)
            assert tuple(labels) == panel.by, (panel.title, name)


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
    asking = {panel.id: ask for panel in tab.panels for ask in panel.asks.values() if ask.shared}
    for panel in tab.panels:
        for ask in panel.asks.values():
            if ask.shared is not None:
                whole = asking[ask.shared.panel].shared
                assert whole is not None
                assert whole.render is ask.shared.render or whole.render(_NOBODY) == ask.shared.render(_NOBODY)
                assert all(column.name in whole.render(_NOBODY) for column in panel.columns)


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


def test_bars_begin_at_zero_and_a_share_of_nothing_has_no_axis_of_thousands_of_percent(built: Dashboard) -> None:
    for panel in panels(built):
        if panel["type"] == "timeseries":
            custom = panel["fieldConfig"]["defaults"]["custom"]
            if custom["drawStyle"] == "bars":
                assert custom["axisSoftMin"] == 0, panel["title"]
            elif panel["fieldConfig"]["defaults"]["unit"] == "percentunit":
                assert custom["axisSoftMax"] == 0.1, panel["title"]


def test_no_heading_is_cut_and_no_column_is_off_a_screen_of_1440() -> None:
    tables = [panel for tab in ALL for panel in tab.panels if panel.picture is PanelType.TABLE]
    assert len(tables) > 20
    for panel in tables:
        shown = [column for column in panel.columns if not column.hidden]
        wide = column_widths.widths(panel)
        rest = [column for column in shown if column.name not in wide]
        share = (column_widths.inner(panel) - sum(wide.values())) / max(1, len(rest))
        assert all(column_widths.needed(column, panel) <= wide.get(column.name, share) for column in shown), panel.title
        assert sum(wide.values()) <= column_widths.inner(panel), panel.title
        assert not rest or share >= 60, panel.title


def test_what_only_links_need_is_no_column_of_a_table(tab: Tab, built: Dashboard) -> None:
    by_id = {panel.id: panel for panel in tab.panels}
    for panel in panels(built):
        hidden = {column.name for column in by_id[panel["id"]].columns if column.hidden}
        for override in panel["fieldConfig"]["overrides"] if panel["type"] == "table" else ():
            ids = {one["id"] for one in override["properties"]}
            assert "custom.hideFrom" not in ids  # which a table does not know
            assert ("custom.hidden" in ids) == (override["matcher"]["options"] in hidden)


def test_findings_that_begin_together_are_one_mark(built: Dashboard) -> None:
    for mark in built["annotations"]["list"]:
        sql = mark.get("target", {}).get("rawSql", "")
        if "predictive_insights" in sql:
            assert "GROUP BY intDiv" in sql
