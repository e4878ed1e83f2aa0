"""Every tab in Grafana: it opens without an error, within its budget, and says in our words what is not there."""

from __future__ import annotations

import os
import re
from typing import Final

import pytest

from dashboards.panel import Origin, Panel, PanelType
from dashboards.tabs import ALL, names
from tests.grafana.browser import Drawn, Visit
from tests.grafana.eyes import Eyes

pytestmark = pytest.mark.timeout(600)

_TABS: Final = {tab.uid: tab for tab in ALL}
_FIRST_VIEW_STATEMENTS: Final = 16
# Of an unloaded machine with two cores; a busy one is told so by ROMASHKA_TEST_GRAFANA_SLOWER=4.
_SLOWER: Final = float(os.environ.get("ROMASHKA_TEST_GRAFANA_SLOWER", "1"))
_ALL_PANELS_SECONDS, _SLOWEST_PANEL_SECONDS = 2.0 * _SLOWER, 0.5 * _SLOWER
_GOOD_NEWS: Final = re.compile(r"(Nothing needs attention|There is no open incident)(?!, unless)|Nothing is wrong")
_GRAFANAS_OWN_WORDS: Final = re.compile(r"^(No data|Data is missing .*|An unexpected error happened)$", re.MULTILINE)
# Grafana asks whether a dashboard is public, and takes 404 for no; there may be no Prometheus here.
_EXPECTED: Final = ("/public-dashboards", "/romashka-prometheus/")
_EMPTY: Final = ("2015-01-01T00:00:00.000Z", "2015-01-02T00:00:00.000Z")


def _asks_tables(tab: str, panel: Drawn) -> bool:
    """Whether a panel asks our tables alone; there may be no Prometheus and no log of statements here."""
    found: dict[int, Panel] = {one.id: one for one in _TABS[tab].panels}
    asks = found[panel.id].asks.values() if panel.id in found else ()
    return bool(asks) and all(ask.origin is Origin.TABLES for ask in asks)


def _is_grafanas(tab: str, panel: Drawn) -> bool:
    """Whether Grafana lists its own alerts in a panel, whose titles it cuts on a telephone."""
    return any(one.id == panel.id and one.picture is PanelType.ALERTS for one in _TABS[tab].panels)


def _faults(tab: str, visit: Visit) -> list[str]:
    ours = [panel for panel in visit.panels if _asks_tables(tab, panel)]
    return [
        *(f"{one.title}: {one.error}" for one in ours if one.error),
        *(f"{one.title} says {found[0]!r}" for one in ours if (found := _GRAFANAS_OWN_WORDS.search(one.text))),
        *(f"{one.title} is cut: {one.cut}" for one in visit.panels if one.cut and not _is_grafanas(tab, one)),
        *(f"console: {said}" for said in visit.console),
        *(f for f in visit.failed if not any(part in f for part in _EXPECTED) and _concerns(tab, f)),
    ]


def _concerns(tab: str, failure: str) -> bool:
    found = re.match(r"panel (\d+):", failure)
    return found is None or _asks_tables(tab, Drawn(int(found[1]), "", "", "", ()))


@pytest.mark.parametrize("tenants", ["all tenants", "one tenant"])
@pytest.mark.parametrize("tab", list(_TABS))
def test_a_tab_opens_without_a_fault_and_within_its_budget(tab: str, tenants: str, eyes: Eyes) -> None:
    with eyes.reader() as reader:
        first = eyes.open(reader, tab, tenant=eyes.looked_at.tenant if tenants == "one tenant" else "")
        whole = reader.whole()
        reader.picture(eyes.figures.folder / f"{tab}-{tenants.replace(' ', '-')}.png")
    eyes.figures.note(names.TITLES[tab], tenants, first, whole)
    assert not _faults(tab, whole)
    open_rows = [row for row in _TABS[tab].rows if not row.collapsed]
    assert {one.id for one in whole.panels} >= {panel.id for row in open_rows for panel in row.panels}
    assert first.statements <= _FIRST_VIEW_STATEMENTS
    assert first.took <= _ALL_PANELS_SECONDS
    assert first.slowest[1] <= _SLOWEST_PANEL_SECONDS, first.slowest


@pytest.mark.parametrize("tab", list(_TABS))
def test_an_empty_range_is_said_in_words(tab: str, eyes: Eyes) -> None:
    with eyes.reader() as reader:
        reader.open(tab, {"datasource": eyes.source}, _EMPTY)
        assert not _faults(tab, reader.whole())


@pytest.mark.parametrize("tab", list(_TABS))
def test_a_database_that_does_not_answer_is_not_taken_for_good_news(tab: str, eyes: Eyes, unreachable: str) -> None:
    with eyes.reader() as reader:
        reader.open(tab, {"datasource": unreachable})
        visit = reader.whole()
    asking = [panel for panel in visit.panels if _asks_tables(tab, panel)]
    assert asking
    assert not [panel.title for panel in asking if not panel.error]
    assert not [panel.title for panel in asking if _GOOD_NEWS.search(panel.text)]


@pytest.mark.parametrize("width", [1440, 390])
@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("tab", list(_TABS))
def test_a_tab_can_be_read_on_a_wide_and_on_a_narrow_screen(tab: str, theme: str, width: int, eyes: Eyes) -> None:
    with eyes.reader(theme=theme, width=width) as reader:
        eyes.open(reader, tab, tenant=eyes.looked_at.tenant)
        visit = reader.whole()
        reader.picture(eyes.figures.folder / f"{tab}-{theme}-{width}.png")
        scrolls = reader.page.evaluate("document.documentElement.scrollWidth > window.innerWidth")
    assert not _faults(tab, visit)
    assert not scrolls


def test_the_monitor_asks_four_statements_each_time_it_refreshes(eyes: Eyes) -> None:
    with eyes.reader() as reader:
        reader.open(names.REAL_TIME, {"datasource": eyes.source}, refresh="5s")
        reader.whole()
        seen = reader.watch(16).answers
    panels = [who for who, _, _ in seen]
    rounds = max(panels.count(who) for who in set(panels))
    assert rounds >= 1
    assert sum(count for _, _, count in seen) <= 4 * (rounds + 1)
    assert len(set(panels)) <= 4
