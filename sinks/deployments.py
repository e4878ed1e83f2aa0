"""What was deployed when, as the dashboards mark it."""

from __future__ import annotations

from datetime import datetime
from typing import Final, NamedTuple
from uuid import UUID

from clickhouse_connect.driver.client import Client

from models.insights import ACROSS_TENANTS
from sinks.reading import ask
from sinks.writing import put

_STORED: Final = """
SELECT user_id, service, version, deployed_at FROM deployments FINAL
WHERE deployed_at >= {since:DateTime64(3, 'UTC')} ORDER BY deployed_at DESC LIMIT 1000
"""


class Deployment(NamedTuple):
    """A version of a service that went live; ``user_id`` is ``ACROSS_TENANTS`` where it did for every tenant."""

    service: str
    version: str
    deployed_at: datetime
    user_id: UUID = ACROSS_TENANTS


def note(client: Client, deployment: Deployment) -> None:
    """Store a deployment; the same again is one; raises as ``put`` does."""
    put(client, "deployments", Deployment._fields, [deployment])


def deployments(client: Client, since: datetime) -> list[Deployment]:
    """Return the newest deployments since a moment, the newest first; raises as ``ask`` does."""
    return [Deployment(**row) for row in ask(client, _STORED, {"since": since}, aware=True)]
