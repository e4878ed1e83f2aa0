"""``romashka insights``: lists and shows insights."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from types import MappingProxyType
from typing import Annotated, Any, Final
from uuid import UUID

import typer
from rich.console import Group, RenderableType
from rich.text import Text

from cli.arguments import MOMENT, After, Limit, Zone, after, moment_or_span, say_next, tenant_id
from cli.console import out, table
from cli.formats import OutputFormat, Printed, print_rows
from cli.settings import settings
from models.counting import counted
from models.errors import SettingsError
from models.insight_message import MESSAGE, message_of
from models.insights import ALL_TENANTS_ID, Insight
from models.tenant_names import name_of
from storage.connection import connect
from storage.insight_store import InsightFilter, insight_page, stored_insights
from storage.tenant_names import tenant_names

app = typer.Typer(help="What the detectors found: list it, look at one.", no_args_is_help=True)


class Type(StrEnum):
    """Types of insights."""

    PERFORMANCE_ANOMALY = "performance_anomaly"
    KPI_CHANGE = "kpi_change"
    CHURN_RISK = "churn_risk"
    UPSELL_OPPORTUNITY = "upsell_opportunity"
    INTEGRATION_NEED = "integration_need"


_COLOURS: Final = {"critical": "bold red", "warning": "yellow", "info": "cyan"}
_ID_DIGITS: Final = 8
NO_NAMES: Final[Mapping[UUID, str]] = MappingProxyType({})
_SHORTEST_PREFIX: Final = 4


@app.command("list")
def list_(
    tenant: Annotated[str, typer.Option(help="Only those about this tenant (its user_id)")] = "",
    is_open: Annotated[bool, typer.Option("--open", help="Only those that are not over")] = False,
    type_: Annotated[Type | None, typer.Option("--type", help="Only those of this type")] = None,
    since: Annotated[
        str, typer.Option(metavar=MOMENT, help="Going on since then: ISO-8601, a day, 24h, 7d, 1M or last-week")
    ] = "7d",
    time_zone: Zone = "UTC",
    limit: Limit = 10_000,
    after_: After = "",
    format_: Printed = OutputFormat.TABLE,
) -> None:
    """Show what was found, oldest first.

    Example: `romashka insights list --open --type performance_anomaly --since 24h`
    """
    wanted = InsightFilter(
        tenant=tenant_id("--tenant", tenant) if tenant else None,
        insight_type="" if type_ is None else type_.value,
        is_open=is_open,
        since=moment_or_span("--since", since, datetime.now(UTC), time_zone),
        limit=limit,
    )
    if last := after(after_, datetime, UUID):
        wanted = wanted._replace(after=last[0], after_id=last[1])
    with connect(settings().clickhouse) as client:
        found, more = insight_page(client, wanted)
        names = tenant_names(client)
    say_next(more)
    if format_ is not OutputFormat.TABLE:
        print_rows([MESSAGE.dump_python(message_of(one), mode="json") for one in found], format_, Insight._fields)
    elif found:
        out.print(insights_table(counted(len(found), "insight"), found, names))
        out.print("Look at one with: romashka insights show ID (the first digits will do)", style="dim")
    else:
        out.print("nothing was found in that time; that is good news if 'romashka doctor' has none either")


@app.command()
def show(identifier: Annotated[str, typer.Argument(metavar="ID", help="Its id, or the first digits of it")]) -> None:
    """Show one insight with everything it says: why, and what to do.

    Example: `romashka insights show 3f2a9c1b`
    """
    if len(identifier) < _SHORTEST_PREFIX:
        raise SettingsError(f"'{identifier}' is too short; give at least {_SHORTEST_PREFIX} digits of the id")
    with connect(settings().clickhouse) as client:
        found = stored_insights(client, InsightFilter(id_prefix=identifier.lower()))
        if not found:
            raise SettingsError(f"there is no insight whose id begins with '{identifier}'; see romashka insights list")
        if len(found) > 1:
            raise SettingsError(
                f"{counted(len(found), 'insight')} have an id that begins with '{identifier}'; give more digits"
            )
        members = _members(client, found[0])
        names = tenant_names(client)
    out.print(details(found[0], names))
    if members:
        out.print(insights_table("Made up of", members, names))


def insights_table(title: str, insights: list[Insight], names: Mapping[UUID, str] = NO_NAMES) -> Group:
    """Return a table of insights; ``names`` are the display names of tenants."""
    rows = [
        (
            str(one.id)[:_ID_DIGITS],
            span_of(one),
            _weight(one),
            one.kind,
            one.integration_provider or "-",
            tenant_of(one, names),
            one.title,
        )
        for one in insights
    ]
    return table(title, ("id", "when (UTC)", "severity", "kind", "provider", "tenant", "what"), rows)


def details(insight: Insight, names: Mapping[UUID, str] = NO_NAMES) -> RenderableType:
    """Return an insight as text."""
    figures = _figures(insight)
    lines = [
        Text(insight.title, style=_COLOURS[insight.severity]),
        Text(insight.summary),
        Text(f"{insight.severity}, {insight.status}, {span_of(insight)} UTC, {_sure(insight)}"),
        Text(f"{insight.kind} at {insight.integration_provider or 'no provider'}, tenant {tenant_of(insight, names)}"),
        *([Text(figures)] if figures else []),
        *_listed("Why", insight.contributing_factors),
        *_listed("What to do", insight.recommended_actions),
        Text(f"{insight.id}, model {insight.model_version or '-'}", style="dim"),
    ]
    return Group(*lines)


def span_of(insight: Insight) -> str:
    """Return its period in a few characters."""
    begun = f"{insight.started_at:%m-%d %H:%M}"
    if insight.ended_at is None:
        return f"{begun} - now" if insight.status == "open" else begun
    same_day = insight.ended_at.date() == insight.started_at.date()
    return f"{begun} - {insight.ended_at:{'%H:%M' if same_day else '%m-%d %H:%M'}}"


def tenant_of(insight: Insight, names: Mapping[UUID, str] = NO_NAMES) -> str:
    """Return the tenant's display name, or a few characters of its id where it has none."""
    return "all" if insight.user_id == ALL_TENANTS_ID else name_of(insight.user_id, names)


def _weight(insight: Insight) -> str:
    return insight.severity if insight.status == "open" else f"{insight.severity}, over"


def _figures(insight: Insight) -> str:
    if insight.observed is None or insight.expected is None:
        return ""
    text = f"observed {insight.observed:,.4g} {insight.unit}, expected {insight.expected:,.4g}"
    if insight.lower is not None and insight.upper is not None:
        text += f" ({insight.lower:,.4g} to {insight.upper:,.4g})"
    return text


def _listed(heading: str, lines: tuple[str, ...]) -> list[Text]:
    return [Text(f"\n{heading}", style="bold"), *(Text(f"  • {line}") for line in lines)] if lines else []


def _members(client: Any, insight: Insight) -> list[Insight]:
    if not insight.members:
        return []
    wanted = InsightFilter(insight_type=insight.insight_type, since=insight.started_at - timedelta(days=1))
    return [one for one in stored_insights(client, wanted) if one.id in insight.members]


def _sure(insight: Insight) -> str:
    return "no probability" if insight.confidence_score is None else f"confidence {insight.confidence_score:.0%}"
