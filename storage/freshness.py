"""How fresh the figures of a scope are."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import NamedTuple

from clickhouse_connect.driver.client import Client

from kpis.rollups.freshness import CONVERSATIONS_BEHIND, newest, uncounted
from kpis.scope import Scope
from kpis.sql.dialect import Bound
from storage.reading import query_rows


class Freshness(NamedTuple):
    """What is not in the figures yet.

    ``uncounted`` is a text on conversations that are stored and not counted yet, empty where there are none;
    ``watermark`` the newest minute of queries that is stored, aware, ``None`` where none is.
    """

    uncounted: str
    watermark: datetime | None


def freshness_of(client: Client, scope: Scope) -> Freshness:
    """Return how fresh the figures of a scope's tenants are; raises as ``query_rows`` does."""
    dialect = Bound(scope)
    (behind,) = query_rows(client, CONVERSATIONS_BEHIND, {})
    (mark,) = query_rows(client, newest(dialect.tenant("user_id")), dialect.parameters)
    found = mark["newest"]
    return Freshness(uncounted(int(behind["seconds"])), None if found is None else found.replace(tzinfo=UTC))
