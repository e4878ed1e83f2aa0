"""What was deployed when, as the dashboards mark it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple
from uuid import UUID

from clickhouse_connect.driver.client import Client

from models.insights import ALL_TENANTS_ID
from models.pages import Page, cursor, page_of
from storage.reading import query_rows
from storage.writing import insert_rows

_STORED: Final = """
SELECT user_id, service, version, deployed_at FROM deployments FINAL
WHERE deployed_at >= {since:DateTime64(3, 'UTC')}
    AND (deployed_at, service, version, user_id)
        < ({before:DateTime64(3, 'UTC')}, {service:String}, {version:String}, {tenant:UUID})
ORDER BY deployed_at DESC, service DESC, version DESC, user_id DESC
LIMIT {limit:UInt32}
"""


class Deployment(NamedTuple):
    """A version of a service that went live; ``user_id`` is ``ALL_TENANTS_ID`` where it did for every tenant."""

    service: str
    version: str
    deployed_at: datetime
    user_id: UUID = ALL_TENANTS_ID


KEPT: Final = timedelta(days=400)
"""How long the table keeps them, by its TTL."""
NEWEST: Final = Deployment("", "", datetime(2261, 1, 1, tzinfo=UTC))


def note(client: Client, deployment: Deployment) -> None:
    """Store a deployment; the same again is one; raises as ``put`` does."""
    insert_rows(client, "deployments", Deployment._fields, [deployment])


def deployments(client: Client, since: datetime, limit: int = 1_000, before: Deployment = NEWEST) -> Page[Deployment]:
    """Return the newest deployments since a moment, the newest first, and the cursor of the next page.

    ``before`` is the last one of the page before; raises as ``ask`` does.
    """
    wanted = {
        "since": since,
        "before": f"{before.deployed_at.astimezone(UTC):%Y-%m-%d %H:%M:%S.%f}"[:-3],
        "service": before.service,
        "version": before.version,
        "tenant": str(before.user_id),
        "limit": limit + 1,
    }
    rows = [Deployment(**row) for row in query_rows(client, _STORED, wanted, aware=True)]
    return page_of(rows, limit, lambda one: cursor(one.deployed_at, one.service, one.version, one.user_id))
