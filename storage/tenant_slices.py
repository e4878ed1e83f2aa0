"""Slices of tenants with a bounded number of rows, for jobs over all tenants (docs/adr/0060-slices-of-tenants.md)."""

from __future__ import annotations

from typing import Final

from clickhouse_connect.driver.client import Client

from models.query import Query
from models.tenant_slice import TenantSlice, between
from storage.reading import query_rows

ROWS: Final = 20_000
"""Rows of a slice: customers, snapshots or the like. A row takes two to four kilobytes while a job works on it."""

# A tenant belongs to the slice that its first row falls into.
_FIRSTS: Final = """
SELECT min(user_id) AS first, sum(rows) AS rows
FROM
(
    SELECT user_id, rows,
        sum(rows) OVER (ORDER BY user_id ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) - rows AS before
    FROM ({counted})
)
GROUP BY intDiv(before, {size})
ORDER BY first
"""


def tenant_slices(client: Client, counted: Query) -> list[TenantSlice]:
    """Return slices of all tenants, in the order of ClickHouse, of about ``ROWS`` rows each; at least one.

    One of twice as many rows and more, which has a large tenant, is in parts of about this many.

    Parameters
    ----------
    counted
        Query of the number of ``rows`` of each tenant (``user_id``); tenants without any need not be in it.

    Raises
    ------
    Unreachable
        ClickHouse does not answer.
    """
    sql = _FIRSTS.replace("{counted}", counted.sql).replace("{size}", str(ROWS))
    found = query_rows(client, sql, counted.parameters)
    return between([(row["first"], max(1, int(row["rows"]) // ROWS)) for row in found])
