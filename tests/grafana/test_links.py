"""Every link of every tab is followed once, in a real browser."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import parse_qs, urlsplit

import pytest

from dashboards.tabs import ALL, names
from tests.grafana.browser import Reader
from tests.grafana.eyes import Eyes

pytestmark = pytest.mark.timeout(900)
_HREFS: Final = "[...document.querySelectorAll('a[href*=\"/d/romashka-\"]')].map((one) => one.href)"


def _kind(address: str) -> tuple[str, ...]:
    """What makes two links the same way: the tab, the panel and which variables they set."""
    parts = urlsplit(address)
    values = parse_qs(parts.query)
    return (parts.path, values.get("viewPanel", [""])[0], *sorted(values))


@pytest.mark.parametrize("tab", [tab.uid for tab in ALL])
def test_every_link_of_a_tab_leads_to_a_tab_that_is_there(tab: str, eyes: Eyes) -> None:
    with eyes.reader() as reader:
        eyes.open(reader, tab, tenant=eyes.looked_at.tenant)
        reader.whole()
        links = {_kind(href): href for href in reader.page.evaluate(_HREFS)}
        reader.small()
        reached = {re.sub(r".*/d/([\w-]+).*", r"\1", path) for path, *_ in links}
        assert reached >= set(names.TITLES) - {tab}
        for address in links.values():
            _lands(reader, eyes, address)


def _lands(reader: Reader, eyes: Eyes, address: str) -> None:
    visit = reader.go(address.removeprefix(eyes.grafana.url))
    values = parse_qs(urlsplit(reader.page.url).query)
    assert visit.panels, f"nothing at {address}"
    assert not visit.console, f"{address}: {visit.console}"
    if "var-tenant" in parse_qs(urlsplit(address).query):
        assert values["var-tenant"] == [eyes.looked_at.tenant]
