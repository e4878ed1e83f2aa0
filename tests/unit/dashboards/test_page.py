"""The preview's pages: whatever the data says, it is text; and nothing is fetched from anywhere."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from typing import Any

import pytest

from dashboards.panel import Origin, Panel, PanelType, Tab
from dashboards.preview.page import PageFacts, render
from dashboards.preview.script import drawing_script
from dashboards.tabs import ALL, names, pipeline
from kpis.text import shortened

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
FACTS = PageFacts(NOW - timedelta(days=1), NOW, "all tenants", NOW)
HOSTILE = "</script><script>alert(1)</script><!-- {{charts}} {{script}} <img src=x onerror=alert(1)>\"'&"


class Tags(HTMLParser):
    """What a page is made of."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def rows_for(panel: Panel, label: str) -> list[dict[str, Any]]:
    """Two rows with a time, a label and numbers, whatever the panel draws."""
    if panel.tile is not None:
        return [{panel.tile.kpi: 2.5, f"{panel.tile.kpi}_before": 2.0}]
    if panel.card is not None:
        return [{panel.by[0]: label, panel.card.name: next(iter(panel.card.states))}]
    numbers = {"lower": 1.0, "value": 2.5} if panel.picture is not PanelType.HEATMAP else {"50": 1, "100": 2}
    text = {"label": label, "state": "healthy"} if panel.picture is PanelType.STATE_TIMELINE else {"label": label}
    if panel.picture is PanelType.NODE_GRAPH:
        return [{"id": label, "title": label, "mainstat": 1.0, "source": label, "target": label}]
    return [{"time": NOW - timedelta(hours=hours), **text, **numbers} for hours in (2, 1)]


def test_amounts_are_in_their_currency_and_the_digits_of_it() -> None:
    tab = next(one for one in ALL if one.uid == names.BUSINESS)
    rows = {
        20: [{"provider": "shopify", "influenced_revenue": 19_384.4}],
        22: [{"segment": "new", "conversation_count": 9, "conversion_rate": 0.5, "value_generated": 19_384.4}],
    }
    answers = {panel.id: dict.fromkeys(panel.asks, rows.get(panel.id, [])) for panel in tab.panels}
    answers[1] = {"A": [{"gross_savings": 5.0, "gross_savings_before": 2.0}]}
    for code, cell, tile, title in (
        ("KWD", "KWD 19,384.400", "KWD 5.000", "Influenced revenue by integration, in KWD"),
        ("", "19,384.40", "5.00", "Influenced revenue by integration"),
    ):
        made = render(tab, answers, FACTS._replace(currency=code), ALL, "draw()")
        assert f"<td class=r>{cell}</td>" in made
        assert f">{tile}</b>" in made
        assert f">{title}</h3>" in made


def page(tab: Tab, label: str = "hubspot", *, empty: bool = False) -> str:
    answers: Mapping[int, Mapping[str, Sequence[Mapping[str, Any]]]] = {
        panel.id: {} if panel.origin is not Origin.TABLES
        else {ref: [] if empty else rows_for(panel, label) for ref in panel.asks}
        for panel in tab.panels
    }  # fmt: skip
    return render(tab, answers, FACTS, ALL, "draw()")


@pytest.mark.parametrize("tab", ALL, ids=lambda tab: tab.uid)
def test_no_label_becomes_markup(tab: Tab) -> None:
    tags, plain = Tags(page(tab, HOSTILE)), Tags(page(tab))
    assert [tag for tag, _ in tags.found] == [tag for tag, _ in plain.found]
    assert not any(tag == "img" for tag, _ in tags.found)
    assert not any(name.startswith("on") for _, attributes in tags.found for name in attributes)
    assert tags.texts.count("\ndraw()\n") == 1


@pytest.mark.parametrize("tab", ALL, ids=lambda tab: tab.uid)
def test_the_charts_are_read_back_with_the_beginning_of_the_label(tab: Tab) -> None:
    html = page(tab, HOSTILE)
    (data,) = re.findall(r'<script type="application/json" id="charts">(.*?)</script>', html, re.DOTALL)
    charts = json.loads(data)
    drawn = {attributes["id"] for tag, attributes in Tags(html).found if tag == "div" and "id" in attributes}
    assert charts.keys() == drawn
    if charts:
        assert shortened(HOSTILE, 34) in json.dumps(charts, ensure_ascii=False).replace('\\"', '"')


@pytest.mark.parametrize("tab", ALL, ids=lambda tab: tab.uid)
def test_a_page_fetches_nothing(tab: Tab) -> None:
    for tag, attributes in Tags(page(tab)).found:
        for name in {"src", "href", "action", "data", "poster"} & attributes.keys():
            target = attributes[name] or ""
            assert tag == "a", (tag, name)
            assert re.fullmatch(r"romashka-[a-z]+\.html(#panel-\d+)?", target), target
    assert "@import" not in page(tab)
    assert "url(" not in page(tab)


def test_the_drawing_script_names_no_address_but_namespaces_and_schemas() -> None:
    script = drawing_script()
    addresses = set(re.findall(r"https?://[\w.-]+", script))
    assert addresses <= {"http://www.w3.org", "https://vega.github.io", "https://github.com"}


def test_links_lead_to_panels_that_a_page_has() -> None:
    pages = {f"{tab.uid}.html": page(tab) for tab in ALL}
    found = {target for html in pages.values() for target in re.findall(r'href="(romashka-[^"]+)"', html)}
    assert any("#panel-" in target for target in found)
    for target in found:
        name, _, anchor = target.partition("#")
        assert not anchor or f'id="{anchor}"' in pages[name], target


@pytest.mark.parametrize("tab", ALL, ids=lambda tab: tab.uid)
def test_an_empty_answer_says_what_it_means(tab: Tab) -> None:
    texts = Tags(page(tab, empty=True)).texts
    for panel in tab.panels:
        if panel.origin is Origin.TABLES:
            assert panel.no_data in texts


def test_what_a_preview_cannot_ask_is_named_and_takes_no_room() -> None:
    html = page(pipeline.TAB)
    said = " ".join(Tags(html).texts)
    for panel in pipeline.TAB.panels:
        assert panel.title in said
    assert html.count("<article") == sum(panel.origin is Origin.TABLES for panel in pipeline.TAB.panels) == 1
    assert "from Prometheus" in said
    assert "from the log of a ClickHouse server" in said


def test_a_tile_tells_its_change_and_a_card_its_state_on_the_states_colour() -> None:
    (executive,) = (tab for tab in ALL if tab.uid == names.EXECUTIVE)
    (monitor,) = (tab for tab in ALL if tab.uid == names.REAL_TIME)
    assert "▲ 25.0%" in page(executive)
    assert '<em class="ok">▲ 25.0%</em>' in page(executive)
    assert '<div class="card ok"><span>hubspot</span><b>healthy</b></div>' in page(monitor)
