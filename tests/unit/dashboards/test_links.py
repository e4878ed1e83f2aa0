"""Links between tabs, from rows and from tiles."""

from __future__ import annotations

import json
import re

from dashboards.grafana import TAG
from dashboards.links import address
from dashboards.panel import Origin, PanelLink, PanelType, Tab
from dashboards.tabs import ALL, names
from tests.unit.dashboards.built import Dashboard, overrides, panels


def test_a_tab_leads_to_every_other_one_in_the_order_of_reading_with_what_is_chosen(built: Dashboard) -> None:
    assert built["tags"] == [TAG]
    assert [link["title"] for link in built["links"]] == [tab.title for tab in ALL if tab.uid != built["uid"]]
    for link in built["links"]:
        assert link["type"] == "link"
        assert link["includeVars"] is True
        assert link["keepTime"] is (names.REAL_TIME not in {built["uid"], link["url"].removeprefix("/d/")})


def test_links_lead_to_tabs_that_exist(built: Dashboard) -> None:
    uids = {tab.uid for tab in ALL}
    text = json.dumps(built)
    for piece in text.split('"/d/')[1:]:
        assert re.split(r'[?"]', piece)[0] in uids


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


def test_rows_of_a_table_lead_somewhere(built: Dashboard) -> None:
    for panel in panels(built):
        if panel["type"] == "table" and panel["title"] not in _NOWHERE:
            linked = [column for column, properties in overrides(panel).items() if "links" in properties]
            assert linked or panel.get("links"), panel["title"]


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
