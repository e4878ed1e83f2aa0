"""``romashka dashboards``: the Grafana files, and the tabs as pages without Grafana."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Final
from uuid import UUID

import typer
from clickhouse_connect.driver.client import Client

from cli.arguments import TenantOrAll, number, one_tenant
from cli.commands.simulate import progress
from cli.console import err, out, styled
from cli.installation import installation
from cli.settings import settings
from cli.verification import stored_events
from dashboards.files import FOLDER, drifted, tabs, write
from dashboards.panel import Origin, Panel, Tab
from dashboards.preview.charts import Answers
from dashboards.preview.page import PageFacts, file_name, render
from dashboards.preview.script import drawing_script
from dashboards.preview.sums import statement
from dashboards.time_ranges import duration
from kpis.kpi import Unit
from kpis.scope import ALL_TENANTS, Scope, up_to_now
from kpis.sql.dialect import Bound
from models.counting import counted
from models.errors import RomashkaError
from models.tenant_names import name_of
from storage.connection import connect
from storage.reading import query_rows
from storage.tenant_names import tenant_names
from storage.tenant_settings import currency_of

# Number of concurrent statements: most of their time is planning, on one core each.
_SIDE_BY_SIDE: Final = 2

app = typer.Typer(invoke_without_command=True)


@app.callback()
def dashboards(
    context: typer.Context,
    check: Annotated[bool, typer.Option("--check", help="Write nothing; fail if a file is out of date")] = False,
    folder: Annotated[Path, typer.Option(help="Folder of Grafana's provisioning")] = FOLDER,
) -> None:
    """Write the dashboards and alert rules that Grafana serves; `--check` fails on drift.

    Example: `romashka dashboards --check`
    """
    if context.invoked_subcommand is not None:
        return
    if check:
        if wrong := drifted(folder, installation()):
            raise RomashkaError(
                f"not as generated: {', '.join(wrong)}. Change the definitions in dashboards/ or kpis/ instead, and "
                "run 'romashka dashboards'"
            )
        out.print(f"everything under {folder} is as generated")
        return
    changed = write(folder, installation())
    out.print(
        f"{counted(len(changed), 'file')} written under {folder}"
        if changed
        else f"everything under {folder} was up to date"
    )


@app.command()
def preview(
    target: Annotated[Path, typer.Option("--out", help="Output folder")] = Path("preview"),
    tenant: TenantOrAll = "",
    days: Annotated[
        float | None,
        typer.Option(min=0.01, max=36_500, callback=number, help="Days up to now; each tab's own range if not given"),
    ] = None,
) -> None:
    """Write every tab as a self-contained HTML page from ClickHouse's data, without Grafana.

    Example: `romashka dashboards preview --out preview --days 7`
    """
    whose = one_tenant(tenant)
    with connect(settings().clickhouse) as client:
        pages = write_pages(client, target, lambda _: whose, days, datetime.now(UTC))
        if stored_events(client) == 0:
            out.print("ClickHouse holds no event yet, so the pages are empty; 'romashka demo' shows them with traffic")
    out.print(f"open {pages[0].resolve().as_uri()}", soft_wrap=True)


def write_pages(
    client: Client,
    target: Path,
    whose: Callable[[Tab], UUID | None],
    days: float | None,
    now: datetime,
    only: Sequence[Tab] = (),
) -> list[Path]:
    """Run the queries of every panel and write the pages; return their paths.

    ``whose`` returns a tab's tenant, if any; ``only`` are the tabs to write, all if there are none.
    """
    every = only or tabs(installation())
    scopes = {
        tab.uid: _scope(whose(tab), now - (timedelta(days=days) if days else duration(tab.span)), now) for tab in every
    }
    asked = [(tab, panel) for tab in every for panel in tab.panels]
    answers: dict[str, dict[int, Answers]] = {tab.uid: {} for tab in every}
    with progress() as bar, ThreadPoolExecutor(_SIDE_BY_SIDE) as pool:
        task = bar.add_task("querying the panels", total=len(asked))
        found = pool.map(lambda one: _answers(client, one[1], scopes[one[0].uid]), asked)
        for (tab, panel), rows in zip(asked, found, strict=True):
            answers[tab.uid][panel.id] = rows
            bar.advance(task)
    target.mkdir(parents=True, exist_ok=True)
    script, names = drawing_script(), tenant_names(client)
    pages = []
    for tab in every:
        scope = scopes[tab.uid]
        words = whose_figures(scope, names)
        path = target / file_name(tab)
        facts = PageFacts(scope.start, scope.end, words, now, currency_of(client, Unit.MONEY, scope))
        path.write_text(render(tab, answers[tab.uid], facts, every, script), encoding="utf-8")
        pages.append(path)
    return pages


def whose_figures(scope: Scope, names: Mapping[UUID, str]) -> str:
    """Return the tenant of a page by its display name, if it has one."""
    return f"tenant {name_of(scope.tenant, names)}" if isinstance(scope.tenant, UUID) else "all tenants"


def _scope(tenant: UUID | None, start: datetime, end: datetime) -> Scope:
    limit = up_to_now(end, start)
    return Scope(limit - (end - start), limit, ALL_TENANTS if tenant is None else tenant)


def _answers(client: Client, panel: Panel, scope: Scope) -> Answers:
    if panel.origin is not Origin.TABLES:
        return {}
    dialect = Bound(scope)
    try:
        return {
            ref: query_rows(client, statement(panel, one.render(dialect), dialect), dialect.parameters)
            for ref, one in panel.asks.items()
        }
    except RomashkaError:
        err.print(styled("[red]panel {} ('{}') cannot be queried[/]", panel.id, panel.title))
        raise
