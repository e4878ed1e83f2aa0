"""One row with an extreme time must not break a statement that tenants share."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from dashboards.alerts.alert_queries import since_last_sync
from kpis.sql.dialect import Grafana
from storage.connection import ClickHouseAddress, connect
from storage.reading import query_rows
from tests.grafana_text import expanded

pytestmark = pytest.mark.stack

_INSERT = """
INSERT INTO integration_health_history (event_id, user_id, created_at, integration_provider, sync_status, last_sync_at)
VALUES ({event:UUID}, {tenant:UUID}, now() - INTERVAL {hours:UInt8} HOUR, 'hubspot', 'ok', {synced:DateTime64(3)})
"""


@pytest.mark.parametrize("synced", ["2000-01-01", "2106-02-08", "2200-01-01"])
def test_a_sync_that_is_said_to_be_in_another_century_leaves_the_alert_of_others(
    database: ClickHouseAddress, synced: str
) -> None:
    now = datetime.now(UTC)
    with connect(database) as client:
        for hours, moment in ((14, f"{now - timedelta(hours=14):%Y-%m-%d %H:%M:%S}"), (1, f"{synced} 00:00:00")):
            values = {"event": str(uuid4()), "tenant": str(uuid4()), "hours": hours, "synced": moment}
            client.command(_INSERT, parameters=values)
        sql = expanded(since_last_sync(Grafana(variables=())), {}, now - timedelta(hours=1), now)
        values_found = sorted(float(row["value"]) for row in query_rows(client, sql, {}))
    assert len(values_found) == 2
    assert any(abs(value * 24 - 14) < 0.2 for value in values_found)
    assert min(values_found) >= 0
