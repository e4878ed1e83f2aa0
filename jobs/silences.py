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
from storage.insight_store import open_or_answered
from storage.response_store import add_responses, responses_to
from storage.tenant_names import tenant_names
from streams.job import Job

log = logging.getLogger(__name__)
_EVERY: Final = timedelta(seconds=30)
# A snooze lasts 30 days at most.
_FOLLOWED: Final = timedelta(days=31)
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
    insights = open_or_answered(client, now - _FOLLOWED)
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
