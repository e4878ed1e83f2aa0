"""Pages of the demo: every tab, filled by the jobs that otherwise run every few hours."""

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
from cli.demo_traffic import DAYS, NEWCOMERS, SAME, SHOWN, TENANTS, WITHHELD
from kpis.experiments.design import ExperimentPlan, required_sample
from kpis.experiments.metrics import PRIMARY
from kpis.scope import ALL_TENANTS
from kpis.settings_model import new_entry
from models.counting import counted
from simulator.tenants import DEFAULT_TENANTS, SimulatedTenant
from storage.experiment_store import save_plan
from storage.tenant_names import save_name
from storage.tenant_settings import save

# Example costs of tenants, without which there are no savings to show. All in one currency, so that amounts add up over
# tenants.
_COSTS: Final = {
    "currency": "EUR",
    "cost_per_human_contact": "6.50",
    "loaded_rate_per_hour": "31.40",
    "handle_minutes_saved": "3.00",
}
# For a tenant as busy as the shown one; others in proportion.
_PLATFORM, _UPKEEP, _INTEGRATION = 9000.0, 4000.0, 800.0
# Variance of durable resolution: of a share of about two thirds.
_VARIANCE: Final = 0.22


def set_costs(client: Client, now: datetime) -> None:
    """Set every tenant's display name, and its costs from the start of its history."""
    for tenant in DEFAULT_TENANTS:
        save_name(client, tenant.id, tenant.name, now)
    for tenant in NEWCOMERS:
        save_name(client, tenant.id, f"{tenant.name} (new)", now)
    since = (now - timedelta(days=DAYS + 1)).date()
    for tenant in (*TENANTS, *NEWCOMERS):
        for name, value in _costs(tenant).items():
            save(client, new_entry(tenant.id, name, value, since, now))


def set_plans(client: Client, now: datetime) -> None:
    """Enter the plans of the month's experiments, as they would have been made before it."""
    for one, effect in ((WITHHELD, 0.05), (SAME, 0.05)):
        shares = {one.treated: 1 - one.share, one.control: one.share}
        sample = required_sample(effect, _VARIANCE, (1 - one.share, one.share))
        plan = ExperimentPlan(one.name, one.control, shares, PRIMARY, effect, sample)
        save_plan(client, ALL_TENANTS, plan, now - timedelta(days=DAYS))


def _costs(tenant: SimulatedTenant) -> dict[str, str]:
    # Who begins today pays nothing yet; a price that is not set for a day would leave all of the range without savings.
    share = 0.0 if tenant in NEWCOMERS else tenant.queries_per_minute / SHOWN.queries_per_minute
    return _COSTS | {
        "platform_cost_per_month": f"{_PLATFORM * share:.2f}",
        "upkeep_cost_per_month": f"{_UPKEEP * share:.2f}",
        **{f"integration_cost_per_month:{provider}": f"{_INTEGRATION * share:.2f}" for provider in tenant.providers},
    }


@contextmanager
def jobs_aside(env: Mapping[str, str]) -> Iterator[None]:
    """Run the jobs that fill the dashboards in a separate process; leaving the block waits for them."""
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
