"""Deployments, shown as annotations on dashboards."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple
from uuid import UUID

from clickhouse_connect.driver.client import Client

from models.insights import ALL_TENANTS_ID
from models.pages import Listing, Page, cursor, page_of
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
    """A deployed version of a service; ``user_id`` is ``ALL_TENANTS_ID`` for a deployment for all tenants."""

    service: str
    version: str
    deployed_at: datetime
    user_id: UUID = ALL_TENANTS_ID


KEPT: Final = timedelta(days=400)
"""Retention by the table's TTL."""
NEWEST: Final = Deployment("", "", datetime(2261, 1, 1, tzinfo=UTC))


def note(client: Client, deployment: Deployment) -> None:
    """Store a deployment; idempotent; raises as ``insert_rows`` does."""
    insert_rows(client, "deployments", Deployment._fields, [deployment])


def deployments(client: Client, since: datetime, limit: int = 1_000, before: Deployment = NEWEST) -> Page[Deployment]:
    """Return deployments since a time, newest first, and the cursor of the next page.

    ``before`` is the last one of the previous page; raises as ``query_rows`` does.
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
    return page_of(
        rows, limit, lambda one: cursor(Listing.DEPLOYMENTS, one.deployed_at, one.service, one.version, one.user_id)
    )
