"""Snapshots for the live view, and the changes between two of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final, NamedTuple
from uuid import UUID

from clickhouse_connect.driver.client import Client

from api.encoding import plain
from models.insight_message import MESSAGE, message_of
from models.insights import Insight, InsightType
from models.sync_status import Condition, condition_of
from storage.insight_store import InsightFilter, stored_insights
from storage.reading import query_rows

_WINDOWS: Final = """
SELECT user_id, toString(integration_provider) AS provider, window_start, sum(queries) AS queries,
    sum(successes) AS successes,
    romashka_quantile(sumMap(response_time_histogram.1, response_time_histogram.2), 0.95) AS p95_ms
FROM recent_query_windows FINAL
WHERE window_start >= {since:DateTime('UTC')}
GROUP BY user_id, provider, window_start
"""
_LINKS: Final = """
SELECT user_id, toString(integration_provider) AS provider, toString(sync_status) AS sync_status
FROM integration_health_metrics FINAL
"""
_MINUTES: Final = timedelta(minutes=3)
_EPISODES: Final = timedelta(hours=1)

Link = tuple[UUID, str]


class LiveWindow(NamedTuple):
    """Figures of the current minute of one integration of one tenant."""

    queries: int
    successes: int
    p95_ms: float | None


class Status(NamedTuple):
    """Status of a tenant's integration (healthy, degraded or critical), and its last sync status."""

    state: str
    sync_status: str


class LiveSnapshot(NamedTuple):
    """The state at one time."""

    at: datetime
    windows: Mapping[tuple[UUID, str, datetime], LiveWindow]
    statuses: Mapping[Link, Status]
    episodes: Mapping[UUID, Insight]


class ChangeMessage(NamedTuple):
    """A change message with its tenant, and with the type of the insight if it is about one."""

    tenant: UUID
    body: dict[str, Any]
    insight_type: InsightType | None = None


def take(client: Client, now: datetime) -> LiveSnapshot:
    """Return the present state; raises ``Unreachable``."""
    rows = query_rows(client, _WINDOWS, {"since": f"{now.astimezone(UTC) - _MINUTES:%Y-%m-%d %H:%M:00}"})
    windows = {
        (row["user_id"], row["provider"], row["window_start"].replace(tzinfo=UTC)): LiveWindow(
            int(row["queries"]), int(row["successes"]), plain(row["p95_ms"])
        )
        for row in rows
    }
    found = stored_insights(client, InsightFilter(since=now - _EPISODES))
    links = {(row["user_id"], row["provider"]): row["sync_status"] for row in query_rows(client, _LINKS, {})}
    return LiveSnapshot(now, windows, _statuses(links, found), {one.id: one for one in found})


def changes(before: LiveSnapshot, after: LiveSnapshot) -> Iterator[ChangeMessage]:
    """Yield the changes, statuses first."""
    for (tenant, provider), status in after.statuses.items():
        old = before.statuses.get((tenant, provider))
        if old != status:
            yield status_event(tenant, provider, status, old, after.at)
    for id_, insight in after.episodes.items():
        if before.episodes.get(id_) != insight:
            yield episode_event(insight)
    for (tenant, provider, minute), window in after.windows.items():
        if before.windows.get((tenant, provider, minute)) != window:
            yield window_event(tenant, provider, minute, window)


def initial_messages(snapshot: LiveSnapshot) -> Iterator[ChangeMessage]:
    """Yield the initial messages of a subscriber: every status, and every open episode."""
    for (tenant, provider), status in snapshot.statuses.items():
        yield status_event(tenant, provider, status, None, snapshot.at)
    for insight in snapshot.episodes.values():
        if insight.status == "open":
            yield episode_event(insight)


def status_event(tenant: UUID, provider: str, status: Status, old: Status | None, at: datetime) -> ChangeMessage:
    """Return the message about an integration's status."""
    body = {
        "type": "status",
        "tenant": str(tenant),
        "provider": provider,
        "state": status.state,
        "before": None if old is None else old.state,
        "sync_status": status.sync_status,
        "at": at.isoformat(),
    }
    return ChangeMessage(tenant, body)


def episode_event(insight: Insight) -> ChangeMessage:
    """Return the message about an episode that began, continued or ended."""
    body = {"type": "episode", "insight": MESSAGE.dump_python(message_of(insight), mode="json")}
    return ChangeMessage(insight.user_id, body, insight.insight_type)


def window_event(tenant: UUID, provider: str, minute: datetime, window: LiveWindow) -> ChangeMessage:
    """Return the message of a minute's figures; a later one of the same minute replaces it."""
    body = {
        "type": "window",
        "tenant": str(tenant),
        "provider": provider,
        "minute": minute.isoformat(),
        "queries": window.queries,
        "success_rate": window.successes / window.queries if window.queries else None,
        "latency_p95_ms": window.p95_ms,
    }
    return ChangeMessage(tenant, body)


def _statuses(links: Mapping[Link, str], found: list[Insight]) -> dict[Link, Status]:
    open_: dict[Link, set[str]] = {}
    for one in found:
        if one.status == "open" and one.insight_type == "performance_anomaly":
            open_.setdefault((one.user_id, one.integration_provider), set()).add(one.severity)
    return {
        link: Status(_state(open_.get(link, set()), links.get(link, "")), links.get(link, ""))
        for link in sorted({*links, *open_})
    }


def _state(severities: set[str], sync_status: str) -> str:
    if "critical" in severities:
        return "critical"
    unwell = condition_of(sync_status) in {Condition.DEGRADED, Condition.FAILED}
    return "degraded" if severities or unwell else "healthy"
