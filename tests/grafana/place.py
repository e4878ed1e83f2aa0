"""What is looked at: a database with data, and the range and tenant that have some."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from typing import NamedTuple, Self
from urllib.parse import urlsplit

from clickhouse_connect.driver.client import Client

from storage.connection import ClickHouseAddress, connect
from storage.reading import query_rows

_TENANT = """SELECT toString(user_id) AS id FROM integration_query_metrics
GROUP BY user_id ORDER BY uniqExact(toDate(created_at)) DESC, count() DESC LIMIT 1"""


class Place(NamedTuple):
    """A database, its tenant of most days, and the range to look at (milliseconds; ``None``: the tab's own)."""

    address: ClickHouseAddress
    tenant: str
    span: tuple[str, str] | None

    @property
    def url(self) -> str:
        """Where the database answers."""
        return self.address.url

    def age(self, now: datetime) -> timedelta:
        """How old the newest data is."""
        return timedelta(0) if self.span is None else now - datetime.fromtimestamp(int(self.span[1]) / 1000, UTC)

    @classmethod
    def of(cls, address: ClickHouseAddress, client: Client, span: tuple[datetime, datetime] | None = None) -> Self:
        """Find the tenant in a database that has data."""
        (row,) = query_rows(client, _TENANT, {})
        return cls(address, row["id"], span and (_milliseconds(span[0]), _milliseconds(span[1])))


def given() -> Place | None:
    """Return what ROMASHKA_TEST_GRAFANA_CLICKHOUSE names, if it is set."""
    url = os.environ.get("ROMASHKA_TEST_GRAFANA_CLICKHOUSE")
    if not url:
        return None
    parts = urlsplit(url)
    address = ClickHouseAddress(f"{parts.scheme}://{parts.netloc}", parts.path.strip("/") or "integration_analytics")
    with connect(address) as client:
        return Place.of(address, client)


def _milliseconds(moment: datetime) -> str:
    return str(int(moment.timestamp() * 1000))
