"""Insights, their handling and the verdicts on them, as text and tables for the terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final, NamedTuple
from uuid import UUID

from rich.console import Group, RenderableType
from rich.text import Text

from cli.console import table
from models.insights import ALL_TENANTS_ID, Insight
from models.responses import UNANSWERED, Handling, Response
from models.tenant_names import name_of
from models.timeline import TimelineEntry, response_text
from storage.timeline_store import MoneyAtRisk, money_text

NO_NAMES: Final[Mapping[UUID, str]] = MappingProxyType({})
_COLOURS: Final = {"critical": "bold red", "warning": "yellow", "info": "cyan"}
_ID_DIGITS: Final = 8
_NOBODY: Final[Mapping[UUID, Handling]] = MappingProxyType({})


class Told(NamedTuple):
    """The timeline of an insight, and the money at risk."""

    timeline: Sequence[TimelineEntry]
    money: MoneyAtRisk | None


def insights_table(
    title: str,
    insights: list[Insight],
    names: Mapping[UUID, str] = NO_NAMES,
    handled: Mapping[UUID, Handling] = _NOBODY,
) -> Group:
    """Return a table of insights; ``names`` are the display names of tenants, ``handled`` is where each stands."""
    rows = [
        (
            str(one.id)[:_ID_DIGITS],
            span_of(one),
            _weight(one),
            one.kind,
            one.integration_provider or "-",
            tenant_of(one, names),
            handling_text(handled.get(one.id, UNANSWERED)) or "-",
            one.title,
        )
        for one in insights
    ]
    return table(title, ("id", "when (UTC)", "severity", "kind", "provider", "tenant", "handling", "what"), rows)


def handling_text(handling: Handling) -> str:
    """Return who took an insight, snoozed or resolved it; empty where nobody did."""
    assigned = f"assigned to {handling.assignee}" if handling.assignee else ""
    if handling.since is None:
        return assigned
    text = f"{handling.status} by {handling.actor}"
    if handling.snoozed_until is not None:
        text += f" until {handling.snoozed_until:%m-%d %H:%M}"
    if handling.verdict:
        text += f" ({handling.verdict.replace('_', ' ')})"
    return ", ".join(filter(None, (text, assigned)))


def details(
    insight: Insight,
    names: Mapping[UUID, str] = NO_NAMES,
    handling: Handling = UNANSWERED,
    history: Sequence[Response] = (),
    told: Told | None = None,
) -> RenderableType:
    """Return an insight as text, with the responses of people, oldest first, and with its timeline where given."""
    figures = _figures(insight)
    lines = [
        Text(insight.title, style=_COLOURS[insight.severity]),
        Text(insight.summary),
        Text(f"{insight.severity}, {insight.status}, {span_of(insight)} UTC, {_sure(insight)}"),
        Text(f"{insight.kind} at {insight.integration_provider or 'no provider'}, tenant {tenant_of(insight, names)}"),
        *([Text(figures)] if figures else []),
        *_listed("Why", insight.contributing_factors),
        *_listed("What to do", insight.recommended_actions),
        *_listed(f"Handling: {handling_text(handling) or 'nobody has it yet'}", tuple(map(_line, history))),
        *(_timeline(told) if told is not None else []),
        Text(f"{insight.id}, model {insight.model_version or '-'}", style="dim"),
    ]
    return Group(*lines)


def _timeline(told: Told) -> list[Text]:
    risk = money_text(told.money)
    entries = (f"{one.at:%m-%d %H:%M} {one.who} {one.text}".replace("  ", " ") for one in told.timeline)
    lines = tuple(entry.replace("\n", "\n      ") for entry in entries)
    return _listed(f"Timeline (UTC), money at risk: {risk}", lines)


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


def _line(response: Response) -> str:
    # Further lines of a note are indented, so that none looks like a response of its own.
    text = response_text(response).replace("\n", "\n      ")
    return f"{response.responded_at:%m-%d %H:%M} {response.actor}: {text}"


def precision_table(rows: Sequence[Mapping[str, Any]]) -> Group:
    """Return a table of the verdicts that ``kpis.analyses.verdicts.precision`` counts."""
    lines = [
        (
            row["kind"],
            f"{row['real']:,}",
            f"{row['false_alarms']:,}",
            f"{row['known']:,}",
            "-" if row["precision"] is None else f"{row['precision']:.0%} ({row['low']:.0%} to {row['high']:.0%})",
        )
        for row in rows
    ]
    return table(
        "Verdicts by kind of insight", ("kind", "real", "false alarms", "known", "precision (95 % interval)"), lines
    )


def _sure(insight: Insight) -> str:
    return "no probability" if insight.confidence_score is None else f"confidence {insight.confidence_score:.0%}"
