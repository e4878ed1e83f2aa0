"""``romashka dashboards preview`` on a real ClickHouse: a page for every tab, with data and without any."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cli.commands import dashboards
from cli.demo_pages import jobs_aside, leave_pages, set_costs
from cli.demo_traffic import SHOWN
from dashboards.panel import Origin
from dashboards.tabs import ALL
from models.tenant_names import name_of
from storage.connection import ClickHouseAddress, connect
from storage.tenant_names import tenant_names
from tests.simulated_week import Week

pytestmark = pytest.mark.stack


@pytest.mark.long
@pytest.mark.usefixtures("settings_of_database")
def test_without_data_every_page_says_what_its_emptiness_means(tmp_path: Path) -> None:
    printed = CliRunner().invoke(dashboards.app, ["preview", "--out", str(tmp_path)], catch_exceptions=False).output
    assert "holds no event yet" in printed
    assert "romashka demo" in printed
    for tab in ALL:
        page = (tmp_path / f"{tab.uid}.html").read_text(encoding="utf-8")
        said = page.count('class="nodata"') + page.count('class="tiles"') + ("silent for a day" in page)
        assert said >= sum(panel.origin is Origin.TABLES for panel in tab.panels)


def test_one_tenant_s_pages_name_it_and_draw_what_was_loaded(week: Week, tmp_path: Path) -> None:
    with connect(week.address) as client:
        pages = dashboards.write_pages(client, tmp_path, lambda _: week.tenant, 7, week.end)
        name = name_of(week.tenant, tenant_names(client))
    assert [page.name for page in pages] == [f"{tab.uid}.html" for tab in ALL]
    health = (tmp_path / "romashka-health.html").read_text(encoding="utf-8")
    assert f"tenant {name}" in health
    assert "shopify" in health
    assert health.count('class="nodata"') == 0


@pytest.mark.long
def test_what_the_demo_leaves_stays_out_of_git_and_says_where_it_is(
    database: ClickHouseAddress, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "left"
    with connect(database) as client:
        set_costs(client, datetime.now(UTC))
        leave_pages(client, folder, datetime.now(UTC))
    assert {path.name for path in folder.iterdir()} == {".gitignore", *(f"{tab.uid}.html" for tab in ALL)}
    assert (folder / ".gitignore").read_text(encoding="utf-8") == "*\n"
    assert (folder / "romashka-executive.html").as_uri() in capsys.readouterr().out.replace("\n", "")
    business = (folder / "romashka-business.html").read_text(encoding="utf-8")
    assert f"tenant {SHOWN.name}" in business
    assert "ost per human contact" in business
    assert "all tenants" in (folder / "romashka-health.html").read_text(encoding="utf-8")


def test_jobs_that_cannot_be_done_beside_the_demo_are_told_in_plain_words(
    env: dict[str, str], capfd: pytest.CaptureFixture[str]
) -> None:
    with jobs_aside(env):
        pass
    assert capfd.readouterr().err == ""
    with jobs_aside({**env, "ROMASHKA_CLICKHOUSE_DATABASE": "no_such_database"}):
        pass
    told = " ".join(capfd.readouterr().err.split())
    assert told.startswith("not every dashboard can be filled: roll-ups: ")
    assert "Traceback" not in told
