"""``romashka insights``: lists and shows insights."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Annotated, Any, Final
from uuid import UUID

import typer

from cli.arguments import MOMENT, After, Limit, TenantOrAll, Zone, after, moment_or_span, one_tenant, say_next
from cli.console import out
from cli.formats import OutputFormat, Printed, print_rows
from cli.insight_text import Told, details, insights_table
from cli.settings import settings
from models.counting import counted
from models.errors import SettingsError
from models.insight_message import MESSAGE, message_of
from models.insights import Insight
from models.pages import Listing
from storage.connection import connect
from storage.insight_store import InsightFilter, insight_page, stored_insights
from storage.response_store import handlings, responses_to
from storage.tenant_names import tenant_names
from storage.timeline_store import money_at_risk, read_timeline

app = typer.Typer(help="What the detectors found, and what became of it.", no_args_is_help=True)


class Type(StrEnum):
    """Types of insights."""

    PERFORMANCE_ANOMALY = "performance_anomaly"
    KPI_CHANGE = "kpi_change"
    CHURN_RISK = "churn_risk"
    UPSELL_OPPORTUNITY = "upsell_opportunity"
    INTEGRATION_NEED = "integration_need"


InsightId = Annotated[str, typer.Argument(metavar="ID", help="Id, or its first digits")]
_MIN_PREFIX: Final = 4


@app.command("list")
def list_(
    tenant: TenantOrAll = "",
    is_open: Annotated[bool, typer.Option("--open", help="Open insights only")] = False,
    type_: Annotated[Type | None, typer.Option("--type", help="Type of the insight")] = None,
    since: Annotated[
        str, typer.Option(metavar=MOMENT, help="Open at or after this time: ISO-8601, a day, 24h, 7d, 1M or last-week")
    ] = "7d",
    time_zone: Zone = "UTC",
    limit: Limit = 10_000,
    after_: After = "",
    format_: Printed = OutputFormat.TABLE,
) -> None:
    """List insights, oldest first.

    Example: `romashka insights list --open --type performance_anomaly --since 24h`
    """
    wanted = InsightFilter(
        tenant=one_tenant(tenant),
        insight_type="" if type_ is None else type_.value,
        is_open=is_open,
        since=moment_or_span("--since", since, datetime.now(UTC), time_zone),
        limit=limit,
    )
    if last := after(after_, Listing.INSIGHTS, datetime, UUID):
        wanted = wanted._replace(after=last[0], after_id=last[1])
    with connect(settings().clickhouse) as client:
        found, more = insight_page(client, wanted)
        names = tenant_names(client)
        handled = handlings(client, found, datetime.now(UTC))
    say_next(more)
    if format_ is not OutputFormat.TABLE:
        print_rows([MESSAGE.dump_python(message_of(one), mode="json") for one in found], format_, Insight._fields)
    elif found:
        out.print(insights_table(counted(len(found), "insight"), found, names, handled))
        out.print("Look at one with: romashka insights show ID (the first digits will do)", style="dim")
    else:
        out.print("nothing was found in that time; that is good news if 'romashka doctor' has none either")


@app.command()
def show(identifier: InsightId) -> None:
    """Show one insight: why, what to do, what people did about it, who was told, and the money at risk.

    Example: `romashka insights show 3f2a9c1b`
    """
    now = datetime.now(UTC)
    with connect(settings().clickhouse) as client:
        insight = found_insight(client, identifier)
        members = _members(client, insight)
        names = tenant_names(client)
        handled = handlings(client, [insight], now)[insight.id]
        history = responses_to(client, [insight.id]).get(insight.id, [])
        told = Told(read_timeline(client, insight, history), money_at_risk(client, insight, now))
    out.print(details(insight, names, handled, history, told))
    if members:
        out.print(insights_table("Made up of", members, names))


def found_insight(client: Any, identifier: str) -> Insight:
    """Return the only insight whose id begins with some digits."""
    if len(identifier) < _MIN_PREFIX:
        raise SettingsError(f"'{identifier}' is too short; give at least {_MIN_PREFIX} digits of the id")
    found = stored_insights(client, InsightFilter(id_prefix=identifier.lower()))
    if not found:
        raise SettingsError(f"there is no insight whose id begins with '{identifier}'; see romashka insights list")
    if len(found) > 1:
        raise SettingsError(
            f"{counted(len(found), 'insight')} have an id that begins with '{identifier}'; give more digits"
        )
    return found[0]


def _members(client: Any, insight: Insight) -> list[Insight]:
    if not insight.members:
        return []
    wanted = InsightFilter(insight_type=insight.insight_type, since=insight.started_at - timedelta(days=1))
    return [one for one in stored_insights(client, wanted) if one.id in insight.members]
