"""What to do next, by kind of incident and by how queries fail."""

from __future__ import annotations

from typing import Final

_BY_KIND: Final[dict[str, tuple[str, ...]]] = {
    "provider_outage": (
        "Look at the status page of {provider}; if nothing is reported there, open a ticket with their support.",
        "Tell the agents that {provider} data is missing, and let the AI answer without it until it is back.",
        "Nothing needs to be repaired on our side: check afterwards that the next sync succeeds.",
    ),
    "latency_creep": (
        "Compare the query types of {provider}: one that grew slow points to a query, all of them to the network.",
        "Look for growing result sets and missing page limits in what is asked of {provider}.",
        "Shorten the timeout or answer from the last sync where customers wait too long.",
    ),
    "latency": (
        "Look for a deployment, a network change or a notice of {provider} at the minute it began.",
        "Compare the query types of {provider}: one alone points to a query, all of them to the network.",
    ),
    "volume_drop": (
        "Check that the chat still sends conversations to the AI: other providers of this tenant tell.",
        "Check that {provider} is still connected and switched on for this tenant.",
    ),
    "volume_surge": (
        "Look for a campaign, a sale or a loop that asks the same thing again and again.",
        "Watch the API quota of {provider}: at this pace it is used up sooner than usual.",
    ),
    "stale_sync": (
        "Start a sync by hand and watch last_sync_at: where it stands still, restart the connector.",
        "Do not trust the status: it says healthy while the data ages. Check the connector's log and its scheduler.",
        "Until it moves, expect answers from {provider} to miss whatever is newer.",
    ),
    "empty_sync": (
        "Open the connector's last job: a cursor, a filter or a changed permission makes it succeed without records.",
        "Compare one record that is new at {provider} with ours; run a full sync if it is missing.",
    ),
    "interrupted_sync": (
        "The job never ended, so it does not count as a success: stop it and start it again.",
        "Check the worker that ran it (restart, out of memory, lost connection) before it happens again.",
    ),
    "sync_failing": (
        "Read the error of the last sync job of {provider}.",
        "Queries still answer from the last good sync; how old that is says how urgent it is.",
    ),
    "rate_limit_exhaustion": (
        "Find what uses up the API quota of {provider}: a runaway job, a loop, a second system with the same key.",
        "Slow down or pause full syncs and imports, so that live queries keep their share.",
        "If this is ordinary growth, ask {provider} for a higher limit.",
    ),
}

_BY_ERROR: Final[dict[str, tuple[str, ...]]] = {
    "auth": (
        "The token was probably revoked or has expired: reconnect {provider} for this tenant.",
        "Ask the tenant whether the account that connected {provider} was removed or its password changed.",
    ),
    "permission": (
        "A permission (scope) was probably taken away: compare the scopes granted at {provider} with those needed.",
        "Let an administrator of the tenant grant it again.",
    ),
    "schema": (
        "A field was probably renamed or removed at {provider}: compare its fields with the mapping.",
        "Correct the mapping, then run a full sync.",
    ),
    "timeout": (
        "{provider} answers too late: look at its status page and at the network path.",
        "Look for queries that became heavier; shorten what they ask for.",
    ),
    "provider_down": ("Look at the status page of {provider}: it refuses some of the calls.",),
    "not_found": (
        "Queries ask for records that are not there: compare a record at {provider} with ours, then run a full sync.",
    ),
}
_ANY_ERROR: Final = (
    "Read a few of the failed queries of {provider} in integration_query_metrics: their error_kind and time.",
    "Look for a deployment or a change of configuration at the minute it began.",
)


def actions(kind: str, error_kind: str, provider: str) -> tuple[str, ...]:
    """Return what to do next about an incident; ``provider`` as it is written in a sentence."""
    found = _BY_ERROR.get(error_kind, _ANY_ERROR) if kind == "error_burst" else _BY_KIND[kind]
    return tuple(action.format(provider=provider) for action in found)
