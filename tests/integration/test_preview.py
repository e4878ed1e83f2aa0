"""``romashka dashboards preview`` on a real ClickHouse: a page for every tab, with data and without any."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cli import dashboards
from cli.settings import settings
from dashboards.panel import Origin
from dashboards.tabs import ALL
from sinks.connection import ClickHouseAddress, connect
from tests.simulated_week import Week

pytestmark = pytest.mark.stack


@pytest.fixture
def _settings(database: ClickHouseAddress, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("ROMASHKA_CLICKHOUSE_URL", database.url)
    monkeypatch.setenv("ROMASHKA_CLICKHOUSE_DATABASE", database.database)
    settings.cache_clear()
    yield
    settings.cache_clear()


@pytest.mark.usefixtures("_settings")
def test_without_data_every_page_says_what_its_emptiness_means(tmp_path: Path) -> None:
    printed = CliRunner().invoke(dashboards.app, ["preview", "--out", str(tmp_path)], catch_exceptions=False).output
    assert "holds no event yet" in printed
    assert "romashka demo" in printed
    for tab in ALL:
        page = (tmp_path / f"{tab.uid}.html").read_text(encoding="utf-8")
        assert page.count('class="nodata"') + page.count('class="tiles"') >= sum(
            panel.origin is Origin.TABLES for panel in tab.panels
        )


def test_one_tenant_s_pages_name_it_and_draw_what_was_loaded(week: Week, tmp_path: Path) -> None:
    with connect(week.address) as client:
        pages = dashboards.write_pages(client, tmp_path, week.tenant, 7, week.end)
    assert [page.name for page in pages] == [f"{tab.uid}.html" for tab in ALL]
    health = (tmp_path / "romashka-health.html").read_text(encoding="utf-8")
    assert f"tenant {week.tenant}" in health
    assert "shopify" in health
    assert health.count('class="nodata"') == 0
