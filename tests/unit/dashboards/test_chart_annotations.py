"""Annotations of findings and deployments on charts."""

from __future__ import annotations

import json
import re

from dashboards.grafana import render
from dashboards.tabs import ALL, names
from tests.unit.dashboards.built import Dashboard, panels


def test_links_and_marks_have_no_placement_since_grafana_then_hides_them(built: Dashboard) -> None:
    for one in (*built["links"], *built["annotations"]["list"]):
        assert "placement" not in one


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


def test_findings_that_begin_together_are_one_mark(built: Dashboard) -> None:
    for mark in built["annotations"]["list"]:
        sql = mark.get("target", {}).get("rawSql", "")
        if "predictive_insights" in sql:
            assert "GROUP BY intDiv" in sql
