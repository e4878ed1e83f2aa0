"""``romashka insights acknowledge``, ``snooze``, ``resolve`` and the others: what people do about an insight."""

from __future__ import annotations

import getpass
from datetime import UTC, datetime
from typing import Annotated

import typer

from cli.arguments import MOMENT, TenantOrAll, Zone, moment, moment_or_span, tenant_or_all
from cli.command_audit import audited
from cli.commands.insights import InsightId, app, found_insight
from cli.console import out
from cli.formats import OutputFormat, Printed, print_rows
from cli.insight_text import details, precision_table
from cli.settings import settings
from kpis.analyses.verdicts import precision
from kpis.scope import Scope
from kpis.sql.dialect import Bound
from models.responses import Reply, ResponseAction, ResponseVerdict
from storage.connection import connect
from storage.reading import query_rows
from storage.response_store import respond
from storage.tenant_names import tenant_names

_Note = Annotated[str, typer.Option(help="What the others should know")]
_By = Annotated[str, typer.Option("--by", help="Who says so; your user name if not given")]


@app.command()
def acknowledge(identifier: InsightId, note: _Note = "", by: _By = "") -> None:
    """Say that you take care of it: dashboards show it to everybody.

    Example: `romashka insights acknowledge 3f2a9c1b --note "looking at HubSpot's status page"`
    """
    _respond(identifier, Reply(ResponseAction.ACKNOWLEDGE, note), by)


@app.command()
def assign(
    identifier: InsightId, assignee: Annotated[str, typer.Argument(help="Who takes it")], note: _Note = "", by: _By = ""
) -> None:
    """Give it to somebody.

    Example: `romashka insights assign 3f2a9c1b ada`
    """
    _respond(identifier, Reply(ResponseAction.ASSIGN, note, assignee), by)


@app.command()
def snooze(
    identifier: InsightId,
    until: Annotated[str, typer.Option("--until", metavar=MOMENT, help="Until when it needs no attention, ISO-8601")],
    note: _Note = "",
    by: _By = "",
    time_zone: Zone = "UTC",
) -> None:
    """Let it need no attention until a time, at most 30 days ahead; sooner if it becomes critical.

    Alert rules and the tables of what needs attention leave it out until then.

    Example: `romashka insights snooze 3f2a9c1b --until 2026-12-01T09:00 --time-zone Europe/Berlin`
    """
    _respond(identifier, Reply(ResponseAction.SNOOZE, note, snoozed_until=moment("--until", until, time_zone)), by)


@app.command()
def resolve(
    identifier: InsightId,
    verdict: Annotated[
        ResponseVerdict, typer.Option(help="Was it right? Precision is computed from this; 'known' counts neither way")
    ],
    note: Annotated[str, typer.Option(help="The cause")] = "",
    by: _By = "",
) -> None:
    """Say that it is dealt with, and whether it was right. It needs no attention any more, unless it becomes critical.

    Example: `romashka insights resolve 3f2a9c1b --verdict real --note "token had expired"`
    """
    _respond(identifier, Reply(ResponseAction.RESOLVE, note, verdict=verdict), by)


@app.command()
def reopen(identifier: InsightId, note: _Note = "", by: _By = "") -> None:
    """Let it need attention again.

    Example: `romashka insights reopen 3f2a9c1b`
    """
    _respond(identifier, Reply(ResponseAction.REOPEN, note), by)


@app.command()
def comment(
    identifier: InsightId, note: Annotated[str, typer.Argument(help="What there is to say")], by: _By = ""
) -> None:
    """Add a comment to its history.

    Example: `romashka insights comment 3f2a9c1b "HubSpot confirms an incident"`
    """
    _respond(identifier, Reply(ResponseAction.COMMENT, note), by)


@app.command("precision")
def precision_(
    tenant: TenantOrAll = "",
    since: Annotated[
        str, typer.Option(metavar=MOMENT, help="Resolved since then: ISO-8601, a day, 24h, 7d, 1M or last-week")
    ] = "90d",
    time_zone: Zone = "UTC",
    format_: Printed = OutputFormat.TABLE,
) -> None:
    """Show how often the findings of each kind were right, by the verdicts of those who resolved them.

    Example: `romashka insights precision --since 1Q`
    """
    now = datetime.now(UTC)
    start = moment_or_span("--since", since, now, time_zone)
    dialect = Bound(Scope(start, now, tenant_or_all(tenant)))
    with connect(settings().clickhouse) as client:
        rows = query_rows(client, precision(dialect), dialect.parameters)
    if format_ is not OutputFormat.TABLE:
        print_rows(rows, format_, ("kind", "real", "false_alarms", "known", "precision", "low", "high"))
    elif rows:
        out.print(precision_table(rows))
    else:
        out.print("nobody gave a verdict in that time; 'romashka insights resolve' gives one", highlight=False)


def _respond(identifier: str, reply: Reply, by: str) -> None:
    """Store a reply to an insight, and print where its handling stands."""
    now = datetime.now(UTC)
    with connect(settings().clickhouse) as client:
        insight = found_insight(client, identifier)
        with audited(client, f"insights.{reply.action}", f"insight:{insight.id}", {}):
            handled, history = respond(client, insight, reply, by.strip() or getpass.getuser(), now)
        names = tenant_names(client)
    out.print(details(insight, names, handled, history))
