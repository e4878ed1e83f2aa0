"""The panels about verdicts: precision by week and kind, by tenant and detector, and changes of thresholds."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from clickhouse_connect.driver.client import Client

from dashboards.tabs.precision import PANELS
from dashboards.tabs.predictive import TAB
from kpis.scope import ALL_TENANTS, AllTenants, Scope
from kpis.sql.dialect import Bound
from models.insights import ALL_TENANTS_ID
from models.responses import Reply, ResponseAction, ResponseVerdict, response_to
from storage.connection import ClickHouseAddress, connect
from storage.reading import query_rows
from storage.response_store import add_responses
from storage.tenant_names import save_name
from storage.threshold_store import set_threshold
from tests.examples.insights import TENANT, insight

pytestmark = pytest.mark.stack

NOW = datetime.now(UTC).replace(microsecond=0)
OTHER = UUID(int=7)


def rows(client: Client, id_: int, tenant: UUID | AllTenants = ALL_TENANTS) -> list[dict[str, Any]]:
    (panel,) = (one for one in PANELS if one.id == id_)
    dialect = Bound(Scope(NOW - timedelta(days=60), NOW + timedelta(hours=1), tenant))
    return query_rows(client, panel.asks["A"].render(dialect), dialect.parameters)


def test_precision_is_shown_by_week_by_tenant_and_detector_with_the_changes_of_thresholds(
    database: ClickHouseAddress,
) -> None:
    assert {panel.id for panel in PANELS} <= {panel.id for panel in TAB.panels}
    given = [
        response_to(
            insight(
                user_id=tenant, kind=kind, started_at=NOW - timedelta(days=days), integration_provider=f"{kind}{n}"
            ),
            Reply(ResponseAction.RESOLVE, verdict=verdict),
            "ada",
            NOW - timedelta(days=days),
        )
        for tenant, kind, days, verdicts in (
            (TENANT, "error_burst", 20, ("real", "false_alarm")),
            (TENANT, "provider_outage", 1, ("real", "known")),
            (OTHER, "latency", 1, ("false_alarm", "false_alarm", "real")),
            (OTHER, "csat", 1, ("real",)),
        )
        for n, verdict in enumerate(map(ResponseVerdict, verdicts))
    ]
    with connect(database) as client:
        add_responses(client, given)
        save_name(client, TENANT, "Acme", NOW)
        set_threshold(client, (TENANT, "errors"), 6.2, "noisy", "ada", now=NOW)
        set_threshold(client, (ALL_TENANTS_ID, "latency"), 7.0, "everybody", "ada", now=NOW)

        weeks = rows(client, 35)
        assert {(row["kind"], round(row["precision"], 2)) for row in weeks} == {
            ("error_burst", 0.5),
            ("provider_outage", 1.0),
            ("latency", 0.33),
            ("csat", 1.0),
        }
        assert [row["time"] for row in weeks] == sorted(row["time"] for row in weeks)
        found = {row["tenant_id"]: row for row in rows(client, 36)}
        assert found.keys() == {str(TENANT), str(OTHER)}, "a key figure has no detector whose threshold can change"
        ours, theirs = found[str(TENANT)], found[str(OTHER)]
        assert (ours["tenant"], ours["detector"], ours["real"], ours["false_alarms"]) == ("Acme", "errors", 2, 1)
        assert (ours["known"], ours["threshold"]) == (1, 6.2)
        assert (theirs["detector"], theirs["threshold"], round(theirs["precision"], 2)) == ("latency", 7.0, 0.33)
        assert [row["tenant_id"] for row in rows(client, 36, TENANT)] == [str(TENANT)]
        changes = rows(client, 37)
        assert {(row["detector"], row["old_value"], row["value"], row["reason"]) for row in changes} == {
            ("errors", 5.4, 6.2, "noisy"),
            ("latency", 6.5, 7.0, "everybody"),
        }
