"""Compares insights with the simulator's incidents."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Final, NamedTuple

from rich.console import Group

from cli.console import table
from cli.insight_text import span_of
from models.counting import counted
from models.insights import ALL_TENANTS_ID, Insight
from simulator.incidents import SimulatedIncident

# An insight matches an incident if it begins during it, or this soon after, because few queries show it late.
_LATE: Final = timedelta(minutes=60)
# Correct insight kinds for each kind of simulated incident.
_NAMES: Final[dict[str, frozenset[str]]] = {
    "provider_outage": frozenset({"provider_outage"}),
    "latency_creep": frozenset({"latency_creep", "latency"}),
    "error_burst": frozenset({"error_burst"}),
    "stale_sync": frozenset({"stale_sync", "empty_sync"}),
    "rate_limit_exhaustion": frozenset({"rate_limit_exhaustion"}),
}


class Match(NamedTuple):
    """An incident with its matching insights, the broadest first."""

    incident: SimulatedIncident
    findings: tuple[Insight, ...]

    @property
    def found(self) -> bool:
        """Whether it was detected."""
        return len(self.findings) > 0

    @property
    def named(self) -> bool:
        """Whether its kind is correct."""
        return self.found and self.findings[0].kind in _NAMES[self.incident.kind]

    @property
    def alone(self) -> bool:
        """Whether the first insight covers all others."""
        return self.found and all(one.id in self.findings[0].members for one in self.findings[1:])


def matched(incidents: Sequence[SimulatedIncident], insights: Sequence[Insight]) -> tuple[list[Match], list[Insight]]:
    """Return the matches of each incident, and the insights without an incident."""
    anomalies = [one for one in insights if one.insight_type == "performance_anomaly"]
    matches = [Match(incident, _about(incident, anomalies)) for incident in incidents]
    explained = {one.id for match in matches for one in match.findings}
    return matches, [one for one in anomalies if one.id not in explained]


def findings_table(matches: Sequence[Match], others: Sequence[Insight]) -> Group:
    """Return a table of incidents with detection, delay, kind and action."""
    columns = ("what was wrong", "provider", "when (UTC)", "found", "as", "what to do first")
    rows = [_row(match) for match in matches]
    rows += [("nothing that we did", one.integration_provider, span_of(one), "?", one.title, "") for one in others]
    return table("Incidents of the last days, and what the detectors made of them", columns, rows)


def _row(match: Match) -> tuple[str, ...]:
    incident = match.incident
    when = f"{incident.start:%m-%d %H:%M} - {incident.end:%H:%M}"
    if not match.found:
        return incident.kind, incident.provider, when, "✘ no", "", ""
    first = match.findings[0]
    delay = max((first.started_at - incident.start) / timedelta(minutes=1), 0.0)
    found = f"{'✔' if match.named else '~'} after {delay:.0f} min"
    parts = f" ({counted(len(first.members), 'tenant')} in one finding)" if first.members else ""
    what = first.recommended_actions[0] if first.recommended_actions else ""
    return incident.kind, incident.provider, when, found, f"{first.title}{parts}", what


def _about(incident: SimulatedIncident, insights: Sequence[Insight]) -> tuple[Insight, ...]:
    found = [
        one
        for one in insights
        if one.integration_provider == incident.provider
        and (incident.tenant is None or one.user_id in {incident.tenant, ALL_TENANTS_ID})
        and incident.start <= one.started_at <= incident.end + _LATE
    ]
    return tuple(sorted(found, key=lambda one: (one.user_id != ALL_TENANTS_ID, one.started_at)))
