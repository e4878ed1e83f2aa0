"""Amounts in the files of dashboards: every one has its currency and the digits of it from the answer."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from dashboards import amounts
from dashboards.analysis_columns import PANELS
from dashboards.boards import board
from dashboards.grafana import render
from dashboards.panel import Panel, PanelType, Tab
from dashboards.preview import sums
from dashboards.tabs import ALL
from dashboards.units import UNCODED
from kpis.kpi import Unit
from kpis.sql.dialect import Grafana
from tests.unit.dashboards.built import Dashboard, overrides, panels

_VALUE = "figure: value_generated"
_ROW = 6


def _board(folder: Path, *given: str) -> Tab:
    rows = "".join(
        f"  - title: Row {first}\n    panels:\n" + "".join(f"      - {one}" for one in given[first : first + _ROW])
        for first in range(0, len(given), _ROW)
    )
    path = folder / "amounts.yaml"
    path.write_text(f"id: amounts\ntitle: Amounts\nabout: Every kind.\nrows:\n{rows}", encoding="utf-8")
    return board(path)


@pytest.fixture
def own(tmp_path: Path) -> Tab:
    """A board with every analysis that has amounts, and a figure of money in every picture."""
    of_analyses = []
    for name, how in PANELS.items():
        for column in how.columns:
            if column.unit is Unit.MONEY:
                where = "        where: {provider: shopify}\n" if how.needs else ""
                of_analyses.append(f"analysis: {name}\n        show: bars\n        of: {column.name}\n{where}")
                of_analyses.append(f"analysis: {name}\n{where}")
                break
    lines = [f"{_VALUE}\n        show: line\n{by}" for by in ("", "        by: [tenant]\n", "        by: [channel]\n")]
    splits = [f"{_VALUE}\n        show: {how}\n        by: [segment]\n" for how in ("bars", "table")]
    return _board(tmp_path, f"{_VALUE}\n", *lines, *splits, *of_analyses)


def _check(panel: Panel, built: Dashboard, asked: Mapping[int, Dashboard]) -> None:
    names = amounts.amounts(panel)
    where = f"{panel.id} {panel.title}"
    found = [one["options"] for one in built["transformations"] if one["id"] == "configFromData"]
    if panel.tile is not None:
        return
    if not names:
        assert found == [], where
        return
    (settings,) = found
    assert settings["applyTo"]["options"]["names"] == list(names), where
    handled = {one["handlerKey"]: one["fieldName"] for one in settings["mappings"]}
    assert handled.keys() == {"unit", "decimals"}
    (target,) = built["targets"]
    if "panelId" in target:  # it shares another one's answer
        target = asked[target["panelId"]]["targets"][0]
    for column in handled.values():
        assert f" AS {column}" in target["rawSql"], where
    assert target["format"] == 1, f"{where}: texts of a time series would become labels"
    (left_out,) = (
        one["options"]["exclude"]["names"] for one in built["transformations"] if "exclude" in one["options"]
    )
    assert set(left_out) == set(handled.values())
    for name in names:
        assert not {"unit", "decimals"} & overrides(built).get(name, {}).keys(), f"{where}: wins over the answer"


def test_every_amount_of_every_chart_and_table_says_its_currency_and_keeps_its_digits(own: Tab) -> None:
    """A table showed 19,384.4 below 42,737.89, of no currency."""
    seen = set()
    for tab in (*ALL, own):
        text = render(tab)
        assert '"locale"' not in text, "it cuts zeros at the end"
        by_id = {panel.id: panel for panel in tab.panels}
        asked = {built["id"]: built for built in panels(json.loads(text))}
        for id_, built in asked.items():
            panel = by_id[id_]
            _check(panel, built, asked)
            seen |= {(panel.picture, amounts.are_sums(panel))} if amounts.amounts(panel) else set()
    assert seen >= {(PanelType.TABLE, True), (PanelType.TABLE, False), (PanelType.BARS, True)}
    assert seen >= {(PanelType.TIME_BARS, True), (PanelType.TIME_SERIES, True), (PanelType.TIME_SERIES, False)}


def test_a_chart_of_amounts_without_any_says_that_currencies_do_not_add_up(own: Tab) -> None:
    for tab in (*ALL, own):
        by_id = {panel.id: panel for panel in tab.panels}
        for built in panels(json.loads(render(tab))):
            panel = by_id[built["id"]]
            if amounts.are_sums(panel) and panel.picture is not PanelType.TABLE:
                assert amounts.CHOOSE in built["fieldConfig"]["defaults"]["noValue"], panel.title
                assert built["fieldConfig"]["defaults"]["unit"] == UNCODED


def test_a_preview_leaves_amounts_out_only_where_they_are_of_several_tenants(own: Tab) -> None:
    """A line for each tenant was left out as if it were a sum."""
    by_tenant = [panel for panel in own.panels if "tenant" in panel.by]
    assert by_tenant
    assert [sums.sums(panel) for panel in by_tenant] == [()] * len(by_tenant)
    assert all(sums.sums(panel) == amounts.amounts(panel) for panel in own.panels if amounts.are_sums(panel))


def test_a_statement_without_amounts_is_left_as_it_is() -> None:
    for tab in ALL:
        for panel in tab.panels:
            if not amounts.amounts(panel):
                assert amounts.statement(panel, "SELECT 1", Grafana()) == "SELECT 1"
