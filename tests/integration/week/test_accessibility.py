"""Every preview page and the report of each type in a browser: nothing that axe objects to, and enough contrast."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest
from playwright.sync_api import Page

from cli.commands.dashboards import write_pages
from dashboards.tabs import ALL
from reports.compose import compose
from reports.render import render
from reports.request import Parts, ReportFormat, ReportRequest, ReportType
from storage.connection import connect
from tests.accessibility import CHROMIUM, WIDTHS, browser_page, faults
from tests.simulated_week import Week

EVERYTHING: Final = os.environ.get("ROMASHKA_TEST_ACCESSIBILITY") == "1"
TABS: Final = tuple(f"{tab.uid}.html" for tab in ALL)
pytestmark = [
    pytest.mark.stack,
    pytest.mark.timeout(900),
    pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not here (Debian: apt install chromium)"),
    pytest.mark.skipif(not EVERYTHING, reason="a browser takes a minute; 'make test-accessibility' runs it"),
]


@pytest.fixture(scope="module")
def pages(week: Week, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with each page."""
    folder = tmp_path_factory.mktemp("pages")
    with connect(week.address) as client:
        write_pages(client, folder, lambda _: week.tenant, 7, week.end)
        for type_ in ReportType:
            parts = Parts(detailed_metrics=True, raw_data=type_ is ReportType.OPERATIONAL)
            request = ReportRequest(
                f"{type_.value} report", type_, ReportFormat.HTML, week.tenant, week.start, week.end, parts=parts
            )
            (folder / f"{type_.value}.html").write_bytes(render(compose(client, request, week.end)))
    return folder


@pytest.fixture(scope="module")
def browser() -> Iterator[Page]:
    with browser_page() as page:
        yield page


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("name", [*TABS, *(f"{type_.value}.html" for type_ in ReportType)])
def test_a_page_is_readable_by_everyone(browser: Page, pages: Path, name: str, width: int) -> None:
    found = faults(browser, pages / name, width)
    assert not found, "\n".join(found)
