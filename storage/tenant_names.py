"""Display names of tenants in ClickHouse. A new name replaces the previous one."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from clickhouse_connect.driver.client import Client

from models.tenant_names import checked_name
from storage.reading import query_rows
from storage.writing import insert_rows


def save_name(client: Client, tenant: UUID, name: str, now: datetime) -> str:
    """Store a tenant's display name and return its stored form; raises as ``checked_name`` and ``insert_rows`` do."""
    display_name = checked_name(name)
    insert_rows(client, "tenant_names", ("user_id", "display_name", "entered_at"), [(tenant, display_name, now)])
    return display_name


def tenant_names(client: Client) -> dict[UUID, str]:
    """Return the display name of every tenant that has one; raises as ``query_rows`` does."""
    rows = query_rows(client, "SELECT user_id, display_name FROM tenant_names FINAL ORDER BY user_id", {})
    return {row["user_id"]: row["display_name"] for row in rows}
