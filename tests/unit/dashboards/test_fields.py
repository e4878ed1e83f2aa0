"""Columns and values of tables: formats, widths, colours, names."""

from __future__ import annotations

import json
import re

from dashboards import column_widths
from dashboards.grafana import render
from dashboards.panel import PanelType, Tab
from dashboards.tabs import ALL
from dashboards.units import FORMATS
from kpis.kpi import Unit
from tests.unit.dashboards.built import Dashboard, overrides, panels


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


def test_whole_numbers_and_milliseconds_are_not_rounded_to_a_thousand_or_a_second(built: Dashboard) -> None:
    for panel in panels(built):
        settings = [panel["fieldConfig"]["defaults"], *overrides(panel).values()]
        for one in settings:
            if one.get("unit") in {"short", "ms"}:
                assert one.get("decimals") is None, panel["title"]


_TIMES = {"at", "started_at", "ended_at", "last_sync_at", "since", "until", "newest", "measured_at", "restated_at"}


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


def test_tenants_have_names_wherever_they_are_shown() -> None:
    for tab in ALL:
        for panel in panels(json.loads(render(tab))):
            for target in panel["targets"]:
                sql = target.get("rawSql", "")
                if re.search(r"AS tenant\b", sql) or "AS integration,\n    argMax" in sql:
                    assert "tenant_names" in sql, panel["title"]


def test_every_unit_of_the_registry_has_a_format() -> None:
    assert set(FORMATS) == set(Unit)


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
