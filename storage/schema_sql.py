"""The present schema as SQL: CREATE statements of every function, table and view."""

from __future__ import annotations

from typing import Final

from clickhouse_connect.driver.client import Client

from storage.reading import query_rows

_FUNCTIONS: Final = """
SELECT formatQuery(create_query) AS sql FROM system.functions WHERE origin = 'SQLUserDefined' ORDER BY name
"""
# Tables first: views refer to them.
_TABLES: Final = """
SELECT formatQuery(replaceAll(create_table_query, concat(currentDatabase(), '.'), '')) AS sql
FROM system.tables
WHERE database = currentDatabase() AND NOT startsWith(name, '.')
ORDER BY engine LIKE '%View', name
"""


def schema_sql(client: Client) -> str:
    """Return the statements of a database's schema, sorted by name; raises ``Unreachable``."""
    rows = [*query_rows(client, _FUNCTIONS, {}), *query_rows(client, _TABLES, {})]
    return "\n\n".join(f"{row['sql']};" for row in rows) + "\n"
