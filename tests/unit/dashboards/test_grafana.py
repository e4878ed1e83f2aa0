"""The generated dashboards against the rules of Grafana's dashboard linter, and of grid and ids."""

from __future__ import annotations

import json
import re
from itertools import combinations
from typing import Any

import pytest

from dashboards import prometheus
from dashboards.clickhouse import PLUGIN, PLUGIN_VERSION
from dashboards.grafana import TAG, address, render
from dashboards.panel import WIDTH, Link, Origin, Picture, Tab
from dashboards.tabs import ALL
from dashboards.units import FORMATS
from kpis.kpi import Unit

Dashboard = dict[str, Any]
# Models are shared, and what is rejected or asked belongs to the system itself.
_OF_NO_TENANT = ("customer_model_quality", "dead_letters", "system.query_log")


@pytest.fixture(params=ALL, ids=lambda tab: tab.uid)
def tab(request: pytest.FixtureRequest) -> Tab:
    one: Tab = request.param
    return one


@pytest.fixture
def built(tab: Tab) -> Dashboard:
    dashboard: Dashboard = json.loads(render(tab))
    return dashboard


def panels(built: Dashboard) -> list[Dashboard]:
    return [panel for panel in built["panels"] if panel["type"] != "row"]


def test_a_dashboard_has_a_stable_uid_and_no_id_and_cannot_be_edited(built: Dashboard, tab: Tab) -> None:
    assert built["uid"] == tab.uid
    assert built.get("id") is None
    assert built["editable"] is False
    assert 39 <= built["schemaVersion"] <= 42
    assert built["title"]
    assert built["description"]
    assert built["refresh"]


def test_tabs_are_tied_by_a_link_that_keeps_variables_and_time(built: Dashboard) -> None:
    assert built["tags"] == [TAG]
    (link,) = built["links"]
    assert link["type"] == "dashboards"
    assert link["tags"] == [TAG]
    assert link["includeVars"] is True
    assert link["keepTime"] is True
    assert link["asDropdown"] is False


def test_the_first_variable_is_the_data_source_and_the_others_reload_with_the_range(built: Dashboard) -> None:
    source, *others = built["templating"]["list"]
    assert (source["name"], source["label"], source["query"]) == ("datasource", "Data source", PLUGIN)
    for variable in others:
        if variable["type"] == "datasource":
            assert (variable["name"], variable["query"]) == ("prometheus", prometheus.PLUGIN)
            continue
        assert variable["refresh"] == 2
        assert variable["allValue"] == "all"
        assert variable["datasource"]["uid"] == "${datasource}"
        assert variable["query"]["editorType"] == "sql"


def test_every_panel_asks_a_question_and_says_what_it_counts(built: Dashboard) -> None:
    for panel in panels(built):
        assert panel["title"].endswith("?"), panel["title"]
        assert len(panel["description"]) > 20, panel["title"]
        assert panel["fieldConfig"]["defaults"]["noValue"], panel["title"]
        assert panel["fieldConfig"]["defaults"]["unit"] in {"none", *(format_.unit for format_ in FORMATS.values())}


def test_every_target_is_for_the_source_of_its_panel(built: Dashboard) -> None:
    for panel in panels(built):
        assert panel["targets"], panel["title"]
        for target in panel["targets"]:
            assert target["datasource"] == panel["datasource"]
            if target["datasource"] == {"type": prometheus.PLUGIN, "uid": "${prometheus}"}:
                assert target["expr"], panel["title"]
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
    ids = [panel["id"] for panel in built["panels"]]
    assert len(ids) == len(set(ids))
    places = [panel["gridPos"] for panel in built["panels"]]
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
        assert piece.split("?")[0] in uids


def test_findings_and_deployments_are_marked_on_every_time_axis(built: Dashboard) -> None:
    assert {"Findings", "Deployments"} <= {one["name"] for one in built["annotations"]["list"]}


def test_every_unit_of_the_registry_has_a_format() -> None:
    assert set(FORMATS) == set(Unit)


def test_a_link_takes_the_range_what_is_chosen_and_the_row_along() -> None:
    link = address(Link("Health", "romashka-health", {"provider": "provider"}, panel=20), ("tenant", "provider"))
    assert link == (
        "/d/romashka-health?${__url_time_range}&${tenant:queryparam}&var-provider=${__data.fields.provider}"
        "&viewPanel=20"
    )


def test_every_link_keeps_what_is_chosen_on_its_page(built: Dashboard) -> None:
    chosen = [variable["name"] for variable in built["templating"]["list"] if variable["name"] != "prometheus"]
    for address_ in re.findall(r'"(/d/[^"]+)"', json.dumps(built)):
        for name in chosen:
            assert f"${{{name}:queryparam}}" in address_ or f"&var-{name}=" in address_, address_


def test_every_tile_leads_on(tab: Tab) -> None:
    for panel in tab.panels:
        if panel.picture is Picture.STAT and panel.origin is Origin.TABLES and not panel.is_live and panel.height == 4:
            assert panel.link is not None, panel.title
            target = next(one for one in ALL if one.uid == panel.link.tab)
            assert panel.link.panel is None or panel.link.panel in {one.id for one in target.panels}


def test_a_series_is_named_by_its_labels_and_not_like_every_other_one(tab: Tab, built: Dashboard) -> None:
    by_id = {panel["id"]: panel for panel in panels(built)}
    for panel in tab.panels:
        if not panel.by:
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
