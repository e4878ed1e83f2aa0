"""The tab of figures that an installation defines for itself, in Grafana: it draws, and its alert rules are taken."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from dashboards import own_figures
from dashboards.alerts import files as alerts
from dashboards.boards import board
from dashboards.grafana import render
from dashboards.panel import Tab
from kpis import registry
from kpis.custom.examples import EXAMPLES
from kpis.custom.figure_file import CustomFigure, figures
from tests.grafana.eyes import Eyes
from tests.grafana.server import Running
from tests.unit.dashboards.test_boards import GOOD

pytestmark = pytest.mark.timeout(600)


@pytest.fixture
def own(tmp_path: Path) -> Iterator[tuple[CustomFigure, ...]]:
    for name, text in EXAMPLES.items():
        (tmp_path / f"{name}.yaml").write_text(text, encoding="utf-8")
    found = figures(tmp_path).figures
    registry.register(one.kpi for one in found)
    yield found
    registry.register(())


_ANALYSES: Final = """\
id: in-depth
title: In depth
about: Analyses beside figures.
range: 7d
rows:
  - title: Figures and analyses
    panels:
      - figure: csat
        width: 12
      - analysis: channels
        show: bars
        of: conversations
      - analysis: gaps
        title: What the AI lacks in chat
        where: {channel: web_chat}
        order: lost_value
        limit: 8
        width: 24
      - analysis: conversion
      - analysis: journey
        limit: 6
      - analysis: savings
      - analysis: lift
"""


@pytest.fixture(params=["figures", "board", "analyses"])
def tab(request: pytest.FixtureRequest, own: tuple[CustomFigure, ...], tmp_path: Path) -> Tab:
    if request.param == "figures":
        return own_figures.tab(own)
    if request.param == "analyses":
        (tmp_path / "board.yml").write_text(_ANALYSES, encoding="utf-8")
        return board(tmp_path / "board.yml")
    (tmp_path / "board.yml").write_text(GOOD.replace("error_rate", own[0].kpi.id), encoding="utf-8")
    return board(tmp_path / "board.yml")


@pytest.mark.parametrize("width", [1440, 390])
def test_the_tab_of_own_figures_and_a_board_draw(tab: Tab, grafana: Running, eyes: Eyes, width: int) -> None:
    with grafana.client() as api:
        api.post(
            "/api/dashboards/db", json={"dashboard": json.loads(render(tab)), "overwrite": True}
        ).raise_for_status()
    with eyes.reader(width=width) as reader:
        eyes.open(reader, tab.uid, tenant=eyes.looked_at.tenant)
        visit = reader.whole()
        reader.picture(eyes.figures.folder / f"{tab.uid}-light-{width}.png")
    assert {panel.id for panel in visit.panels} >= {panel.id for panel in tab.panels}
    assert not [
        f"{panel.title}: {panel.error or panel.text}"
        for panel in visit.panels
        if panel.error or "No data" in panel.text
    ]
    assert not [f"{panel.title} is cut: {panel.cut}" for panel in visit.panels if panel.cut]
    assert not visit.console


def test_grafana_takes_the_alert_rules_of_own_figures(own: tuple[CustomFigure, ...], grafana: Running) -> None:
    (group,) = json.loads(alerts.render(own_figures.rules(own)))["groups"]
    with grafana.client() as api:
        for rule in group["rules"]:
            body = {**rule, "orgID": 1, "folderUID": _folder(grafana), "ruleGroup": "own"}
            answer = api.post("/api/v1/provisioning/alert-rules", json=body)
            assert answer.status_code == 201, answer.text
            api.delete(f"/api/v1/provisioning/alert-rules/{body['uid']}").raise_for_status()


def _folder(grafana: Running) -> str:
    with grafana.client() as api:
        return str(next(one["uid"] for one in api.get("/api/folders").json() if one["title"] == alerts.ALERT_FOLDER))
