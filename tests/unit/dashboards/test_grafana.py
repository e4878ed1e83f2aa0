"""The generated dashboards against the rules of Grafana's dashboard linter, and of grid and ids."""

from __future__ import annotations

import json
import re
from itertools import combinations
from pathlib import Path

import yaml

from cli.grafana import FOLDERS
from dashboards import prometheus
from dashboards.clickhouse import PLUGIN, PLUGIN_VERSION
from dashboards.grafana import render
from dashboards.panel import WIDTH, PanelType, Tab
from dashboards.tabs import ALL, names
from dashboards.units import FORMATS
from kpis.kpi import Unit
from kpis.registry import get
from simulator.catalogue import PROFILES
from tests.unit.dashboards.built import Dashboard, overrides, panels

# Models are shared, and what is rejected or asked belongs to the system itself.
_OF_NO_TENANT = ("customer_model_quality", "customer_model_deciles", "dead_letters", "system.query_log")


def test_a_dashboard_has_a_stable_uid_and_no_id_and_cannot_be_edited(built: Dashboard, tab: Tab) -> None:
    assert built["uid"] == tab.uid
    assert built.get("id") is None
    assert built["editable"] is False
    assert 39 <= built["schemaVersion"] <= 42
    assert built["title"]
    assert built["description"]
    assert built["refresh"]


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


def test_lines_take_grafanas_distinct_colours_and_providers_one_of_their_own(tab: Tab, built: Dashboard) -> None:
    by_id = {panel.id: panel for panel in tab.panels}
    for panel in panels(built):
        assert panel["fieldConfig"]["defaults"]["color"]["mode"] != "palette-classic-by-name", panel["title"]
        if panel["type"] == "timeseries" and by_id[panel["id"]].by == ("provider",):
            colours = [rule["color"]["fixedColor"] for rule in overrides(panel).values() if "color" in rule]
            assert len(colours) == len(set(colours)) == len(PROFILES)


def test_a_wide_chart_says_the_last_value_and_the_mean_of_each_line(tab: Tab, built: Dashboard) -> None:
    by_id = {panel.id: panel for panel in tab.panels}
    for panel in panels(built):
        is_line = by_id[panel["id"]].picture is PanelType.TIME_SERIES and panel["gridPos"]["w"] >= 12
        if is_line and "timeFrom" not in panel:
            assert panel["options"]["legend"]["calcs"] == ["lastNotNull", "mean"], panel["title"]


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


def test_bars_begin_at_zero_and_a_share_of_nothing_has_no_axis_of_thousands_of_percent(built: Dashboard) -> None:
    for panel in panels(built):
        if panel["type"] == "timeseries":
            custom = panel["fieldConfig"]["defaults"]["custom"]
            if custom["drawStyle"] == "bars":
                assert custom["axisSoftMin"] == 0, panel["title"]
            elif panel["fieldConfig"]["defaults"]["unit"] == "percentunit":
                assert custom["axisSoftMax"] == 0.1, panel["title"]
