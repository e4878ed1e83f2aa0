"""How fresh the figures of a scope are."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from clickhouse_connect.driver.client import Client

from kpis.rollups.freshness import CONVERSATIONS_BEHIND, newest_hour, newest_minute, uncounted
from kpis.scope import Scope
from kpis.sql.dialect import Bound
from storage.reading import query_rows


class Freshness(NamedTuple):
    """Data that is stored and not yet part of the figures.

    ``uncounted`` is a text on conversations that are stored and not counted yet, empty where there are none;
    ``watermark`` the newest minute of queries that is stored (of old data its hour), aware; ``None``: none is.
    """

    uncounted: str
    watermark: datetime | None


def freshness_of(client: Client, scope: Scope) -> Freshness:
    """Return how fresh the figures of a scope's tenants are; raises as ``query_rows`` does."""
    dialect = Bound(scope)
    tenant = dialect.tenant("user_id")
    (behind,) = query_rows(client, CONVERSATIONS_BEHIND, {})
    found = query_rows(client, newest_minute(tenant), dialect.parameters, aware=True) or query_rows(
        client, newest_hour(tenant), dialect.parameters, aware=True
    )
    return Freshness(uncounted(int(behind["seconds"])), found[0]["newest"] if found else None)
