"""Display names that are set on the command line are what people read."""

from __future__ import annotations

import json
from uuid import UUID

import pytest
from typer.testing import CliRunner

from cli.commands import tenant
from cli.settings import settings
from dashboards.alerts.alert_queries import with_tenant_names
from models.insights import ALL_TENANTS_ID
from storage.connection import connect
from storage.reading import query_rows

pytestmark = [pytest.mark.stack, pytest.mark.usefixtures("settings_of_database")]

TENANT = "0a6f7d52-3c1e-4b7a-9f7e-5b0c1d2e3f01"


def romashka(*arguments: str) -> str:
    return CliRunner().invoke(tenant.app, arguments, catch_exceptions=False).output


def test_a_name_is_listed_as_it_was_set_last() -> None:
    assert "no tenant has a display name" in romashka("list")
    romashka("name", TENANT, "Old name")
    assert "is shown as [bold]Acme[/x]" in romashka("name", TENANT, "[bold]Acme[/x]")
    assert "[bold]Acme[/x]" in romashka("list")
    assert json.loads(romashka("list", "--format", "json")) == [{"tenant": TENANT, "display_name": "[bold]Acme[/x]"}]


def test_alerts_say_a_tenants_name_and_the_beginning_of_its_id_where_it_has_none() -> None:
    romashka("name", TENANT, "Acme GmbH")
    asked = " UNION ALL ".join(
        f"SELECT '{tenant}' AS user_id, 1. AS value" for tenant in (TENANT, UUID(int=7), ALL_TENANTS_ID)
    )
    with connect(settings().clickhouse) as client:
        rows = query_rows(client, with_tenant_names(asked), {})
    assert {row["user_id"]: (row["tenant"], row["value"]) for row in rows} == {
        TENANT: ("Acme GmbH", 1.0),
        str(UUID(int=7)): ("tenant 00000000", 1.0),
        str(ALL_TENANTS_ID): ("all tenants", 1.0),
    }
