"""``romashka alerts``: lists alert rules and replays them over history."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Final
from zoneinfo import ZoneInfo

import typer
from clickhouse_connect.driver.client import Client
from rich.text import Text

from cli.arguments import MOMENT, Zone, moment, said
from cli.commands.simulate import progress
from cli.console import out, table
from cli.installation import installation
from cli.settings import settings
from dashboards.alerts import files
from dashboards.alerts.replay import Evaluated, Firing, Labelled, matched, read, read_truth, replay, unexplained
from dashboards.alerts.rule import Shown
from dashboards.files import FOLDER, every_rule
from kpis.scope import zone
from models.counting import counted
from models.errors import SettingsError
from storage.connection import connect
from storage.reading import query_rows

# Number of concurrent statements: most of their time is planning, on one core each.
_SIDE_BY_SIDE: Final = 2

_WORST: Final[dict[Shown, str]] = {
    "percent": "{:.1%}",
    "milliseconds": "{:,.0f} ms",
    "minutes": "{:,.0f} min",
    "times": "{:.1f} times",
    "state": "",
}

app = typer.Typer(help="Alert rules: list and backtest them.", no_args_is_help=True)


class AlertFormat(StrEnum):
    """How to print."""

    TABLE = "table"
    JSON = "json"


@app.command("list")
def list_() -> None:
    """List the rules: condition, team, runbook.

    Example: `romashka alerts list`
    """
    rows = [
        (
            rule.title,
            rule.team,
            ", ".join(f"{level} {'<' if rule.below else '>'} {line:g}" for level, line in rule.lines.items()),
            f"{rule.over.total_seconds() / 60:g} min",
            f"{rule.wait.total_seconds() / 60:g} min",
            rule.runbook,
        )
        for rule in every_rule(installation())
    ]
    out.print(table("Alert rules", ("rule", "team", "fires", "over", "after", "runbook"), rows, right=()))


@app.command()
def backtest(
    start: Annotated[
        str, typer.Option("--from", metavar=MOMENT, help="Start of the range, ISO-8601; the last day if not given")
    ] = "",
    end: Annotated[str, typer.Option("--to", metavar=MOMENT, help="End of the range; now if not given")] = "",
    time_zone: Zone = "UTC",
    every: Annotated[int, typer.Option(min=1, help="Minutes between evaluations; Grafana evaluates every minute")] = 5,
    truth: Annotated[Path | None, typer.Option(help="Labelled incidents, from romashka simulate --truth")] = None,
    rules: Annotated[Path, typer.Option(help="The generated rule file")] = FOLDER / files.FILE,
    format_: Annotated[AlertFormat, typer.Option("--format", help="Output format")] = AlertFormat.TABLE,
) -> None:
    """Replay the generated rules over stored history: when each would have fired, and for how long.

    Example: `romashka alerts backtest --from 2026-11-20 --truth truth.json`
    """
    until = moment("--to", end, time_zone) if end else datetime.now(UTC)
    since = moment("--from", start, time_zone) if start else until - timedelta(days=1)
    clocks = zone(time_zone)
    if since >= until:
        raise SettingsError(
            f"the range is empty: --to {said(until, time_zone)} is not after --from {said(since, time_zone)}"
        )
    known = read(_text(rules, "run 'romashka dashboards' to write it"))
    incidents = [] if truth is None else read_truth(_text(truth, "'romashka simulate --truth FILE' writes one"))
    incidents = [one for one in incidents if one.start < until and one.end > since]
    with connect(settings().clickhouse) as client:
        fired = run_all(client, known, since, until, timedelta(minutes=every))
    if format_ is AlertFormat.JSON:
        out.print_json(json.dumps(_as_json(fired, incidents), default=str))
        return
    _print(fired, incidents, clocks, labelled=truth is not None)


def run_all(
    client: Client, rules: Sequence[Evaluated], start: datetime, end: datetime, every: timedelta
) -> list[Firing]:
    """Replay rules over a range; those that need a table which only a ClickHouse server has are left out, and said."""
    server_only = {rule.uid(level) for rule in every_rule() if rule.needs_server for level in rule.lines}
    has_log = bool(
        query_rows(client, "SELECT 1 AS one FROM system.tables WHERE database = 'system' AND name = 'query_log'", {})
    )
    asked: defaultdict[str, list[Evaluated]] = defaultdict(list)
    for rule in rules:
        if has_log or rule.uid not in server_only:
            asked[rule.sql].append(rule)

    def replayed(levels: list[Evaluated]) -> list[Firing]:
        @cache  # the levels of a rule use the same query at the same time
        def answer(sql: str) -> list[dict[str, Any]]:
            return query_rows(client, sql, {})

        return [one for rule in levels for one in replay(rule, start, end, every, answer)]

    fired: list[Firing] = []
    with progress() as bar, ThreadPoolExecutor(_SIDE_BY_SIDE) as pool:
        task = bar.add_task("replaying alert rules", total=len(asked))
        for found in pool.map(replayed, asked.values()):
            fired += found
            bar.advance(task)
    return sorted(fired, key=lambda one: one.began)


def _print(fired: Sequence[Firing], incidents: Sequence[Labelled], clocks: ZoneInfo, *, labelled: bool) -> None:
    rows = [
        (
            f"{one.began.astimezone(clocks):%m-%d %H:%M}",
            "still" if one.ended is None else f"{(one.ended - one.began).total_seconds() / 60:.0f} min",
            one.title,
            _whom(one),
            _worst(one),
        )
        for one in fired
    ]
    if rows:
        out.print(
            table(
                f"Would have fired ({clocks})", ("when", "for", "rule", "about", "worst"), rows, right=("for", "worst")
            )
        )
    else:
        out.print("No rule would have fired in this range.")
    if not labelled:
        return
    judged = [(one, matched(fired, one)) for one in incidents]
    shown = [
        (
            one.kind,
            one.provider,
            f"{one.start.astimezone(clocks):%m-%d %H:%M}",
            f"{(min(alert.began for alert in alerts) - one.start).total_seconds() / 60:.0f} min" if alerts else "-",
            ", ".join(sorted({alert.title for alert in alerts})) or Text("not alerted", style="red"),
        )
        for one, alerts in judged
    ]
    out.print(
        table(f"Labelled incidents ({clocks})", ("incident", "provider", "began", "alert after", "by"), shown, right=())
    )
    false = unexplained(fired, incidents)
    out.print(
        f"{sum(1 for _, alerts in judged if alerts)} of {counted(len(judged), 'incident')} alerted; "
        f"{counted(len(false), 'other alert')}"
    )


def _as_json(fired: Sequence[Firing], incidents: Sequence[Labelled]) -> dict[str, Any]:
    return {
        "fired": [{**one._asdict(), "labels": dict(one.labels)} for one in fired],
        "incidents": [
            {**one._asdict(), "alerted_by": sorted({alert.uid for alert in matched(fired, one)})} for one in incidents
        ],
        "unexplained": [one.uid for one in unexplained(fired, incidents)],
    }


def _whom(firing: Firing) -> str:
    labels = dict(firing.labels)
    tenant = labels.pop("user_id", "")
    words = [value for value in labels.values() if value]
    return " ".join([*words, *([f"tenant {tenant[:8]}"] if tenant.strip("0-") else [])])


def _worst(firing: Firing) -> str:
    """Return an alert's worst value with its unit; empty for rules that only count open insights."""
    shown = {rule.uid(level): rule.shown for rule in every_rule(installation()) for level in rule.lines}.get(firing.uid)
    if shown is None:  # a rule that is not in the definitions
        return f"{firing.worst:.4g}"
    return _WORST[shown].format(firing.worst)


def _text(path: Path, hint: str) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise SettingsError(f"cannot read {path} ({error.strerror}); {hint}") from error
