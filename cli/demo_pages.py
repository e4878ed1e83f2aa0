"""What the demo leaves behind: every tab as a page, filled by the jobs that otherwise run every few hours."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from clickhouse_connect.driver.client import Client

from cli.commands.dashboards import write_pages
from cli.console import err, out, styled
from cli.demo_traffic import DAYS, SHOWN
from kpis.settings_model import new_entry
from models.counting import counted
from simulator.tenants import DEFAULT_TENANTS
from storage.tenant_names import save_name
from storage.tenant_settings import save

# What the shown tenant says its costs are: without them there are no savings to show.
_COSTS: Final = {
    "currency": "EUR",
    "cost_per_human_contact": "6.50",
    "loaded_rate_per_hour": "31.40",
    "handle_minutes_saved": "3.00",
    "platform_cost_per_month": "9000.00",
    "upkeep_cost_per_month": "4000.00",
    **{f"integration_cost_per_month:{provider}": "800.00" for provider in SHOWN.providers},
}


def set_costs(client: Client, now: datetime) -> None:
    """Set the tenants' display names, and the shown tenant's costs from the beginning of the history on."""
    for tenant in DEFAULT_TENANTS:
        save_name(client, tenant.id, tenant.name, now)
    since = (now - timedelta(days=DAYS + 1)).date()
    for name, value in _COSTS.items():
        save(client, new_entry(SHOWN.id, name, value, since, now))


@contextmanager
def jobs_aside(env: Mapping[str, str]) -> Iterator[None]:
    """Do the jobs that fill the dashboards in a process of their own; the end of the block waits for them."""
    jobs = subprocess.Popen(
        [sys.executable, "-m", "cli.demo_jobs"], env={**os.environ, **env}, stderr=subprocess.PIPE, text=True
    )
    try:
        yield
        with err.status("churn, forecasts, needs and changes of key figures ..."):
            _, words = jobs.communicate()
    finally:
        jobs.kill()
        jobs.wait()
    if jobs.returncode:
        err.print(styled("[red]not every dashboard can be filled:[/] {}", words[-1000:]))


def leave_pages(client: Client, folder: Path, now: datetime) -> None:
    """Write every tab into a folder that stays and that git ignores, and say where; those about money of one tenant."""
    pages = write_pages(client, folder, lambda tab: SHOWN.id if tab.audience == "executive" else None, None, now)
    (folder / ".gitignore").write_text("*\n", encoding="utf-8")
    out.print(
        styled(
            "[bold green]✔[/] {} as pages (money: of the tenant {}). Open [bold]{}[/]",
            counted(len(pages), "dashboard"),
            SHOWN.name,
            pages[0].resolve().as_uri(),
        ),
        soft_wrap=True,
    )
