"""Tenants' settings in ClickHouse. An entry of the same setting and day replaces the previous one."""

from __future__ import annotations

from typing import Final
from uuid import UUID

from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError

from kpis.currency import in_force, of_each
from kpis.kpi import Unit
from kpis.scope import Scope
from kpis.settings_model import Entry
from models.errors import Unreachable
from storage.reading import query_rows

_ENTRIES: Final = """
SELECT user_id, setting, effective_from, value, entered_at
FROM tenant_settings FINAL
WHERE user_id = {tenant:UUID}
ORDER BY setting, effective_from
"""


def save(client: Client, entry: Entry) -> None:
    """Store an entry.

    Raises
    ------
    Unreachable
        ClickHouse rejects it; says why.
    """
    try:
        client.insert("tenant_settings", [entry], column_names=Entry._fields)
    except ClickHouseError as error:
        raise Unreachable(f"ClickHouse does not store the setting: {' '.join(str(error).split())[:300]}") from error


def entries(client: Client, tenant: UUID) -> list[Entry]:
    """Return a tenant's entries, by setting and day; raises as ``query_rows`` does."""
    return [Entry(**row) for row in query_rows(client, _ENTRIES, {"tenant": str(tenant)})]


def currency_of(client: Client, unit: Unit, scope: Scope) -> str:
    """Return the currency (ISO 4217) of values of a unit over a scope; raises ``Unreachable``.

    Empty where they are no amounts, and where the scope's tenants have set several currencies or none.
    """
    return str(query_rows(client, *in_force(scope))[0]["currency"]) if unit is Unit.MONEY else ""


def currencies_of(client: Client, scope: Scope) -> dict[str, str]:
    """Return the currencies of a scope's tenants that have set one, by the tenant's id; raises ``Unreachable``."""
    return {str(row["user_id"]): str(row["currency"]) for row in query_rows(client, *of_each(scope))}
