"""Every tab, and the dashboard that is generated from it."""

from __future__ import annotations

import json

import pytest

from dashboards.grafana import render
from dashboards.panel import Tab
from dashboards.tabs import ALL
from tests.unit.dashboards.built import Dashboard


@pytest.fixture(params=ALL, ids=lambda tab: tab.uid)
def tab(request: pytest.FixtureRequest) -> Tab:
    one: Tab = request.param
    return one


@pytest.fixture
def built(tab: Tab) -> Dashboard:
    dashboard: Dashboard = json.loads(render(tab))
    return dashboard
