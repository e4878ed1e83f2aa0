"""The leader's job that keeps silences in Grafana and responses to insights in step, in both directions."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final, Protocol
from uuid import UUID

from clickhouse_connect.driver.client import Client

from models.insights import ALL_TENANTS_ID, Insight
from models.silences import Silence, changes, imported
from storage.insight_store import insight_from_row
from storage.reading import query_rows
from storage.response_store import add_responses, responses_to
from storage.tenant_names import tenant_names
from streams.job import Job

log = logging.getLogger(__name__)
_EVERY: Final = timedelta(seconds=30)
_COLUMNS: Final = ", ".join(f"i.{name} AS {name}" for name in Insight._fields)
# Open findings, and those that somebody responded to since a snooze may last.
_CONCERNED: Final = f"""
SELECT {_COLUMNS} FROM predictive_insights AS i FINAL
WHERE i.insight_type IN ('performance_anomaly', 'kpi_change') AND (i.status = 'open' OR i.id IN (
    SELECT insight_id FROM insight_responses WHERE responded_at >= {{since:DateTime64(3, 'UTC')}}
))
ORDER BY i.started_at
"""  # noqa: S608 - the columns are the model's own; every value is a bound parameter
AlertLabels = Callable[[Insight, str], Sequence[Mapping[str, str]]]


class Silences(Protocol):
    """Where silences are; every method raises ``Unreachable`` or ``SettingsError``."""

    def silences(self) -> list[Silence]:
        """Return every silence."""

    def make(self, silence: Silence) -> str:
        """Make a silence; return its id."""

    def end(self, id_: str) -> None:
        """End a silence."""


def silence_job(grafana: Silences, labels: AlertLabels) -> Job:
    """Return the job; where Grafana is away it fails, which a metric counts, and the next run does what is left.

    Parameters
    ----------
    labels
        Returns the labels of each alert about an insight, given what alerts call its tenant.
    """

    def run(client: Client, now: datetime) -> Sequence[Insight]:
        keep_in_step(client, grafana, labels, now)
        return ()

    return Job("grafana-silences", _EVERY, run, stays=True, fenced=True)


def keep_in_step(client: Client, grafana: Silences, labels: AlertLabels, now: datetime) -> None:
    """Store responses for silences made in Grafana, then make and end silences for responses. Idempotent.

    Raises
    ------
    RomashkaError
        Grafana or ClickHouse does not answer; what was done until then stays.
    """
    there = grafana.silences()
    since = f"{now - timedelta(days=31):%Y-%m-%d %H:%M:%S}"
    insights = [insight_from_row(row) for row in query_rows(client, _CONCERNED, {"since": since}, aware=True)]
    responses = responses_to(client, [one.id for one in insights])
    names = tenant_names(client)
    for insight in insights:
        if insight.status != "open":
            continue
        known = responses.get(insight.id, [])
        new = imported(insight, labels(insight, _tenant(insight, names)), known, there, now)
        add_responses(client, new)
        if new:
            responses[insight.id] = [*known, *new]
    todo = changes(insights, responses, there, now)
    for silence in todo.make:
        grafana.make(silence)
    for id_ in todo.end:
        grafana.end(id_)
    if todo.make or todo.end:
        log.info("silences in Grafana: %d made, %d ended", len(todo.make), len(todo.end))


def _tenant(insight: Insight, names: Mapping[UUID, str]) -> str:
    """Return the tenant's name in labels, as the statements of alert rules have it."""
    if insight.user_id == ALL_TENANTS_ID:
        return "all tenants"
    return names.get(insight.user_id) or f"tenant {str(insight.user_id)[:8]}"
