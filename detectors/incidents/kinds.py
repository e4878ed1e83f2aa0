"""The table of incident kinds: channels, severity, title and actions of each.

A new kind is an entry here, and a line of ``classification`` that decides when an incident is of that kind.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal

from detectors.incidents.evidence import Evidence, ratio

# Thresholds of critical: half of the queries fail; responses take four times as long; hardly any traffic is left; data
# is 24 sync intervals or a day old. The AI then answers customers without this integration, or wrongly.
_CRITICAL_LATENCY: Final = 4.0
_CRITICAL_VOLUME: Final = 0.1
_CRITICAL_SYNCS, _CRITICAL_HOURS = 24.0, 24.0
# Information: response times below 1.5 times the usual.
_MILD_LATENCY: Final = 1.5

Family = Literal["failing", "slow", "silent", "busy", "stale", "limited"]
"""Groups of kinds with a common cause at the provider: incidents of one family at several tenants are correlated."""


def _never(_: Evidence) -> bool:
    return False


def _always(_: Evidence) -> bool:
    return True


@dataclass(frozen=True)
class IncidentKind:
    """A kind of incident.

    Parameters
    ----------
    channels
        The channels of this kind; the first one with a signal is the headline.
    title
        With ``{name}`` (the provider), ``{observed}``, ``{expected}``, ``{observed_queries}`` (a number of queries) and
        ``{observed_span}`` (hours in words).
    shared_title
        Title after the provider's name when several tenants are affected.
    actions
        Recommended actions, with ``{provider}``.
    is_critical, is_mild
        Whether the evidence makes it critical (beyond the error rate), or information only.
    """

    id: str
    family: Family
    channels: tuple[str, ...]
    title: str
    shared_title: str
    actions: tuple[str, ...]
    is_critical: Callable[[Evidence], bool] = _never
    is_mild: Callable[[Evidence], bool] = _never


@dataclass(frozen=True)
class ErrorCause:
    """Title and actions of an ``error_burst`` with a dominant error kind."""

    title: str
    actions: tuple[str, ...]


def _critical_latency(evidence: Evidence) -> bool:
    return ratio(evidence.worst["latency"]) >= _CRITICAL_LATENCY


def _mild_latency(evidence: Evidence) -> bool:
    return ratio(evidence.worst["latency"]) < _MILD_LATENCY


def _critical_drop(evidence: Evidence) -> bool:
    return ratio(evidence.worst["volume"]) <= _CRITICAL_VOLUME


def _critical_age(evidence: Evidence) -> bool:
    signal = evidence.worst["stale_sync"]
    return signal.observed >= _CRITICAL_HOURS or ratio(signal) >= _CRITICAL_SYNCS


_ANY_ERROR: Final = ErrorCause(
    "{name} fails more than usual: {observed} % of queries",
    (
        "Read a few of the failed queries of {provider} in integration_query_metrics: their error_kind and time.",
        "Look for a deployment or a change of configuration at the minute it began.",
    ),
)
ERROR_CAUSES: Final = {
    "auth": ErrorCause(
        "{name} refuses our token: {observed} % of queries fail",
        (
            "The token was probably revoked or has expired: reconnect {provider} for this tenant.",
            "Ask the tenant whether the account that connected {provider} was removed or its password changed.",
        ),
    ),
    "permission": ErrorCause(
        "{name} denies permission: {observed} % of queries fail",
        (
            "A permission (scope) was probably taken away: compare the scopes granted at {provider} with those needed.",
            "Let an administrator of the tenant grant it again.",
        ),
    ),
    "schema": ErrorCause(
        "{name} changed its fields: {observed} % of queries fail",
        (
            "A field was probably renamed or removed at {provider}: compare its fields with the mapping.",
            "Correct the mapping, then run a full sync.",
        ),
    ),
    "timeout": ErrorCause(
        "{name} answers too late: {observed} % of queries time out",
        (
            "{provider} answers too late: look at its status page and at the network path.",
            "Look for queries that became heavier; shorten what they ask for.",
        ),
    ),
    "not_found": ErrorCause(
        "{name} finds less than usual: {observed} % of queries fail",
        (
            (
                "Queries ask for records that are not there: compare a record at {provider} with ours, "
                "then run a full sync."
            ),
        ),
    ),
    "provider_down": ErrorCause(
        _ANY_ERROR.title,
        ("Look at the status page of {provider}: it refuses some of the calls.",),
    ),
}

_ALL: Final = (
    IncidentKind(
        "provider_outage",
        family="failing",
        channels=("errors",),
        title="{name} is down: {observed} % of queries fail",
        shared_title="is down",
        actions=(
            "Look at the status page of {provider}; if nothing is reported there, open a ticket with their support.",
            "Tell the agents that {provider} data is missing, and let the AI answer without it until it is back.",
            "Nothing needs to be repaired on our side: check afterwards that the next sync succeeds.",
        ),
    ),
    IncidentKind(
        "error_burst",
        family="failing",
        channels=("errors",),
        title=_ANY_ERROR.title,
        shared_title="fails more than usual",
        actions=_ANY_ERROR.actions,
    ),
    IncidentKind(
        "sync_failing",
        family="failing",
        channels=("sync_failing",),
        title="Syncs of {name} fail",
        shared_title="does not sync",
        actions=(
            "Read the error of the last sync job of {provider}.",
            "Queries still answer from the last good sync; how old that is says how urgent it is.",
        ),
    ),
    IncidentKind(
        "latency",
        family="slow",
        channels=("latency",),
        title="{name} is slow: {observed} ms instead of {expected} ms",
        shared_title="is slow",
        actions=(
            "Look for a deployment, a network change or a notice of {provider} at the minute it began.",
            "Compare the query types of {provider}: one alone points to a query, all of them to the network.",
        ),
        is_critical=_critical_latency,
        is_mild=_mild_latency,
    ),
    IncidentKind(
        "latency_creep",
        family="slow",
        channels=("latency",),
        title="{name} is getting slower: {observed} ms instead of {expected} ms",
        shared_title="is getting slower",
        actions=(
            "Compare the query types of {provider}: one that grew slow points to a query, all of them to the network.",
            "Look for growing result sets and missing page limits in what is asked of {provider}.",
            "Shorten the timeout or answer from the last sync where customers wait too long.",
        ),
        is_critical=_critical_latency,
        is_mild=_mild_latency,
    ),
    IncidentKind(
        "volume_drop",
        family="silent",
        channels=("volume",),
        title="{name} is hardly asked any more: {observed_queries} per minute instead of {expected}",
        shared_title="is hardly asked any more",
        actions=(
            "Check that the chat still sends conversations to the AI: other providers of this tenant tell.",
            "Check that {provider} is still connected and switched on for this tenant.",
        ),
        is_critical=_critical_drop,
    ),
    IncidentKind(
        "volume_surge",
        family="busy",
        channels=("volume",),
        title="{name} is asked far more than usual: {observed_queries} per minute instead of {expected}",
        shared_title="is asked far more than usual",
        actions=(
            "Look for a campaign, a sale or a loop that asks the same thing again and again.",
            "Watch the API quota of {provider}: at this pace it is used up sooner than usual.",
        ),
        is_mild=_always,
    ),
    IncidentKind(
        "stale_sync",
        family="stale",
        channels=("stale_sync",),
        title="{name} says healthy, but its data is {observed_span} old",
        shared_title="says healthy with old data",
        actions=(
            "Start a sync by hand and watch last_sync_at: where it stands still, restart the connector.",
            (
                "Do not trust the status: it says healthy while the data ages. Check the connector's "
                "log and its scheduler."
            ),
            "Until it moves, expect answers from {provider} to miss whatever is newer.",
        ),
        is_critical=_critical_age,
    ),
    IncidentKind(
        "empty_sync",
        family="stale",
        channels=("empty_sync",),
        title="{name} says healthy, but its syncs bring no data",
        shared_title="says healthy and syncs no data",
        actions=(
            (
                "Open the connector's last job: a cursor, a filter or a changed permission makes it "
                "succeed without records."
            ),
            "Compare one record that is new at {provider} with ours; run a full sync if it is missing.",
        ),
    ),
    IncidentKind(
        "interrupted_sync",
        family="stale",
        channels=("sync_interrupted",),
        title="A sync of {name} never finished",
        shared_title="leaves syncs unfinished",
        actions=(
            "The job never ended, so it does not count as a success: stop it and start it again.",
            "Check the worker that ran it (restart, out of memory, lost connection) before it happens again.",
        ),
    ),
    IncidentKind(
        "rate_limit_exhaustion",
        family="limited",
        channels=("rate_limit", "errors"),
        title="The API quota of {name} is running out",
        shared_title="has no API quota left",
        actions=(
            "Find what uses up the API quota of {provider}: a runaway job, a loop, a second system with the same key.",
            "Slow down or pause full syncs and imports, so that live queries keep their share.",
            "If this is ordinary growth, ask {provider} for a higher limit.",
        ),
    ),
)
KINDS: Final = {kind.id: kind for kind in _ALL}


def title_of(kind: str, error_kind: str) -> str:
    """Return the template of an incident's title; ``error_kind`` is its dominant error kind, or empty."""
    return ERROR_CAUSES.get(error_kind, _ANY_ERROR).title if kind == "error_burst" else KINDS[kind].title


def actions_for(kind: str, error_kind: str, provider: str) -> tuple[str, ...]:
    """Return the recommended actions; ``provider`` is the display name."""
    found = ERROR_CAUSES.get(error_kind, _ANY_ERROR).actions if kind == "error_burst" else KINDS[kind].actions
    return tuple(action.format(provider=provider) for action in found)
